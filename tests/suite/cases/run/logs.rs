//! Logs that break off, are out of order, silent, late, or no logs at all.

use serde_json::json;

use super::fake::{After, Fake, Reply, created, log, problem, status};
use super::run_at;
use crate::calls::lab;
use crate::client::run::Run;
use crate::client::{begin, end, manifest};
use crate::support::stub::{Fault, Kind};

/// A service whose log is this at each reading, the last one again and again. The job is over once all were read.
async fn reading(readings: Vec<(String, After)>) -> Fake {
    let seen = std::sync::atomic::AtomicUsize::new(0);
    Fake::start(move |asked| match asked.operation.as_str() {
        "create-job" => created(),
        "get-job-logs" => {
            seen.store(asked.count, std::sync::atomic::Ordering::SeqCst);
            let (text, after) = readings[asked.count.min(readings.len()) - 1].clone();
            Reply::Log(text, after)
        }
        _ => {
            let is_over = seen.load(std::sync::atomic::Ordering::SeqCst) >= readings.len();
            Reply::Json(200, status(if is_over { "completed" } else { "running" }))
        }
    })
    .await
}

#[tokio::test]
async fn log_order_lines_are_known_again_though_their_times_decrease() {
    let line = |nanos: u8, text: &str| format!("2026-11-28T15:00:00.00000000{nanos}Z {text}\n");
    let lines = [line(1, "A"), line(3, "B"), line(2, "C"), line(4, "D")];
    let first = |count: usize| format!("==> p/main <==\n{}", lines[..count].concat());
    for cut in 0..=4 {
        let fake = reading(vec![(first(cut), After::Cut), (first(4), After::End)]).await;
        let ended = run_at(&fake, &["--follow"]).ended().await;
        ended.expect(0, "job demo/t1 completed");
        assert_eq!(ended.stdout, "A\nB\nC\nD\n", "cut after {cut} lines");
    }
}

#[tokio::test]
async fn log_rotated_lines_that_came_after_an_early_end_are_shown_and_lost_ones_are_said() {
    let fake = reading(vec![(log(&["a", "b"]), After::End), (log(&["a", "b", "d", "e"]), After::End)]).await;
    let ended = run_at(&fake, &["--follow"]).ended().await;
    ended.expect(0, "completed");
    assert_eq!(ended.stdout, "a\nb\nd\ne\n");
    assert!(!ended.stderr.contains("not whole"), "{ended:?}");
    let rest = "==> p/main <==\n2026-11-28T15:00:07Z y\n2026-11-28T15:00:08Z z\n".to_owned();
    let fake = reading(vec![(log(&["a", "b"]), After::Cut), (rest, After::End)]).await;
    let ended = run_at(&fake, &["--follow"]).ended().await;
    ended.expect(0, "the log is not whole: it was rotated");
    assert_eq!(ended.stdout, "a\nb\ny\nz\n");
}

#[tokio::test]
async fn log_silent_end_a_log_that_is_held_ends_with_its_job() {
    for arguments in [&["--follow"][..], &["--follow", "--timeout", "60s"]] {
        let fake = Fake::start(|asked| match asked.operation.as_str() {
            "create-job" => created(),
            "get-job-logs" if asked.follows() => Reply::Log(log(&["step 1"]), After::Hold),
            "get-job-logs" => Reply::Log(log(&["step 1", "ok"]), After::End),
            _ => Reply::Json(200, status(if asked.has("wait") { "completed" } else { "running" })),
        })
        .await;
        let ended = run_at(&fake, arguments).ended().await;
        ended.expect(0, "job demo/t1 completed");
        assert_eq!(ended.stdout, "step 1\nok\n");
    }
}

#[tokio::test]
async fn log_silent_end_a_job_that_is_over_when_the_time_is_up_is_reported() {
    let fake = Fake::start(|asked| match asked.operation.as_str() {
        "create-job" => created(),
        "get-job-logs" => Reply::Hold,
        _ => {
            let mut status = status("failed");
            status["exit_code"] = json!(4);
            Reply::Json(200, status)
        }
    })
    .await;
    let ended = run_at(&fake, &["--follow", "--timeout", "2s"]).ended().await;
    ended.expect(4, "the log is not whole: the time is up");
    assert!(ended.stderr.contains("job demo/t1 failed (exit code 4)"), "{ended:?}");
}

#[tokio::test]
async fn log_tls_newnode_a_failure_that_passes_is_waited_out_and_the_log_is_live() {
    let tls = "Internal error occurred: Get \"https://10.0.3.7:10250/containerLogs/demo/P/main?follow=true\": remote \
        error: tls: internal error";
    let refused = "Get \"https://10.0.3.7:10250/containerLogs/demo/P/main?follow=true\": dial tcp 10.0.3.7:10250: \
        connect: connection refused";
    tokio::join!(
        shown_after("InternalError", tls, 1),
        shown_after("InternalError", tls, 2),
        shown_after("", refused, 2)
    );
}

/// A log that cannot be opened so often is shown while the job runs.
async fn shown_after(reason: &str, message: &str, times: usize) {
    let lab = lab().await;
    let log = "/api/v1/namespaces/default/pods/hello-a/log";
    lab.cluster.fault(Fault::new("GET", log, Kind::status(500, reason, message)).times(times));
    let mut run = Run::of(&manifest("hello", "true"), lab.service.address()).args(&["--follow"]).start().await;
    run.told("is created").await;
    begin(&lab.cluster);
    lab.cluster.put_log("default", "hello-a", "main", "live 1\n");
    assert_eq!(run.line().await, "live 1\n");
    lab.cluster.append_log("default", "hello-a", "main", "live 2\n");
    assert_eq!(run.line().await, "live 2\n");
    end(&lab.cluster, 0);
    let ended = run.ended().await;
    ended.expect(0, "job default/hello completed");
    assert!(!ended.stderr.contains("not whole"), "{ended:?}");
}

#[tokio::test]
async fn log_tls_newnode_a_log_that_is_never_shown_is_said() {
    let fake = Fake::start(|asked| match asked.operation.as_str() {
        "create-job" => created(),
        "get-job-logs" => problem(502, "InternalError", "the API server answered 500: tls: internal error"),
        _ => Reply::Json(200, status("completed")),
    })
    .await;
    let ended = run_at(&fake, &["--follow"]).ended().await;
    ended.expect(0, "the log is not whole");
    assert!(ended.stderr.contains("tls: internal error"), "{ended:?}");
}

#[tokio::test]
async fn log_kubelet_200_a_sentence_without_a_newline_is_said() {
    let sentence = "unable to retrieve container logs for containerd://0123abcd";
    let fake = reading(vec![(format!("==> p/main <==\n{sentence}"), After::End)]).await;
    let ended = run_at(&fake, &["--follow"]).ended().await;
    ended.expect(0, &format!("p/main: {sentence}\n"));
    assert_eq!(ended.stdout, "");
}
