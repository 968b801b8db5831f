//! The other commands at a service that is busy, or breaks off.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::fake::{After, Fake, Reply, log, problem, status};
use crate::client::run::Run;

/// The log of one pod, without a heading.
fn lines(texts: &[&str]) -> String {
    log(texts).split_once('\n').unwrap().1.to_owned()
}

fn running(pods: &[&str]) -> Value {
    let pod = |name: &&str| json!({ "name": name, "phase": "Running", "containers": [{ "name": "main", "state": "running" }] });
    let mut status = status("running");
    status["pods"] = pods.iter().map(pod).collect();
    status
}

#[tokio::test]
async fn every_command_repeats_a_request_that_was_refused_for_the_moment() {
    for (arguments, operation) in [
        (&["status", "t1"][..], "get-job-status"),
        (&["wait", "t1"], "get-job-status"),
        (&["list"], "list-jobs"),
        (&["delete", "t1"], "delete-job"),
        (&["delete", "-A", "-l", "a=b"], "list-jobs"),
        (&["logs", "t1"], "get-job-status"),
        (&["logs", "t1"], "get-job-logs"),
    ] {
        let busy = operation.to_owned();
        let fake = Fake::start(move |asked| match asked.operation.as_str() {
            asked_for if asked_for == busy && asked.count == 1 => problem(503, "overloaded", "too many requests"),
            "list-jobs" => Reply::Json(200, json!({ "jobs": [status("completed")], "continue": null })),
            "delete-job" => Reply::Json(200, json!({ "message": "gone", "status": "success" })),
            "get-job-logs" => Reply::Log(lines(&["a"]), After::End),
            _ => Reply::Json(200, status("completed")),
        })
        .await;
        let ended = Run::command(arguments, fake.address()).args(&["--timeout", "60s"]).ended().await;
        ended.expect(0, "too many requests (503 overloaded, request r1); trying again");
        assert!(fake.asked(operation).len() >= 2 && !ended.stdout.is_empty(), "{arguments:?} {ended:?}");
    }
}

#[tokio::test]
async fn a_service_that_is_not_there_is_69_and_one_that_is_busy_for_too_long_124() {
    let closed = crate::support::port::Port::new();
    let address = closed.address().to_string();
    for arguments in [&["status", "t1"][..], &["list"], &["logs", "t1"], &["wait", "t1"], &["delete", "t1"]] {
        let run = Run::command(arguments, &address).args(&["--timeout", "300ms"]).ended();
        run.await.expect(69, "nothing was sent");
        let fake = Fake::start(|_| problem(503, "overloaded", "too many requests")).await;
        let run = Run::command(arguments, fake.address()).args(&["--timeout", "300ms"]).ended();
        run.await.expect(124, "the time is up");
    }
}

#[tokio::test]
async fn a_log_that_breaks_off_goes_on_without_loss_or_doubling() {
    for arguments in [&["--follow"][..], &[], &["--follow", "--tail", "2"]] {
        let fake = Fake::start(|asked| match asked.operation.as_str() {
            "get-job-logs" if asked.count == 1 => Reply::Log(lines(&["b", "c"]), After::Cut),
            "get-job-logs" => Reply::Log(lines(&["b", "c", "d"]), After::End),
            _ => Reply::Json(200, running(&["p"])),
        })
        .await;
        let ended = Run::command(&["logs", "t1"], fake.address()).args(arguments).ended().await;
        ended.expect(0, "the log broke off");
        assert_eq!(ended.stdout, "b\nc\nd\n");
        let asked = fake.asked("get-job-logs");
        assert!(asked.iter().all(|asked| asked.query["pod"] == "p"), "the same pod is read again: {asked:?}");
    }
}

#[tokio::test]
async fn with_a_prefix_each_log_goes_on_after_a_break() {
    let fake = Fake::start(|asked| match asked.operation.as_str() {
        "create-job" => super::fake::created(),
        "get-job-logs" if asked.count <= 2 => Reply::Log(lines(&["a"]) + "2026-11-28T15:00:01Z b", After::Cut),
        "get-job-logs" => Reply::Log(lines(&["a", "bc", "d"]), After::End),
        _ if asked.has("details") => Reply::Json(200, running(&["p", "q"])),
        _ => Reply::Json(200, status(if asked.count > 8 { "completed" } else { "running" })),
    })
    .await;
    let ended = super::run_at(&fake, &["--follow", "--prefix"]).ended().await;
    ended.expect(0, "job demo/t1 completed");
    let lines: Vec<&str> = ended.stdout.lines().collect();
    for pod in ["p", "q"] {
        let own: Vec<&str> = lines.iter().copied().filter(|line| line.starts_with(&format!("{pod}/"))).collect();
        assert_eq!(own, ["a", "bc", "d"].map(|text| format!("{pod}/main {text}")), "{ended:?}");
    }
    let pods: BTreeSet<String> = fake.asked("get-job-logs").iter().map(|asked| asked.query["pod"].clone()).collect();
    assert_eq!((lines.len(), pods.len()), (6, 2));
}
