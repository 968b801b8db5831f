//! The other commands at a service that is busy, or breaks off.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::timeout;

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
        (&["templates"], "list-templates"),
        (&["delete", "t1"], "delete-job"),
        (&["delete", "-A", "-l", "a=b"], "list-jobs"),
        (&["logs", "t1"], "get-job-status"),
        (&["logs", "t1"], "get-job-logs"),
    ] {
        let busy = operation.to_owned();
        let fake = Fake::start(move |asked| match asked.operation.as_str() {
            asked_for if asked_for == busy && asked.count == 1 => problem(503, "overloaded", "too many requests"),
            "list-jobs" => Reply::Json(200, json!({ "jobs": [status("completed")], "continue": null })),
            "list-templates" => Reply::Json(200, json!({ "templates": [], "continue": null, "warnings": [] })),
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
    let commands =
        [&["status", "t1"][..], &["list"], &["templates"], &["logs", "t1"], &["wait", "t1"], &["delete", "t1"]];
    for arguments in commands {
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

#[tokio::test]
async fn with_a_prefix_a_container_that_waits_for_its_next_start_is_shown_and_a_wrong_name_is_65() {
    let fake = Fake::start(|asked| {
        if asked.operation == "get-job-logs" {
            Reply::Log(lines(&["a"]), After::End)
        } else {
            let mut status = running(&["p", "q"]);
            status["pods"][0]["containers"][0] = json!({ "name": "main", "state": "waiting", "restart_count": 1 });
            status["pods"][1]["containers"][0] = json!({ "name": "main", "state": "waiting", "restart_count": 0 });
            Reply::Json(200, status)
        }
    })
    .await;
    let logs = |arguments: &[&str]| Run::command(&["logs", "t1", "--prefix"], fake.address()).args(arguments).ended();
    let ended = logs(&[]).await;
    ended.expect(0, "");
    assert_eq!(ended.stdout, "p/main a\n");
    for arguments in [["--pod", "none"], ["--container", "none"], ["--pod", "q"]] {
        logs(&arguments).await.expect(65, "no log was shown: no pod or container of this name");
    }
}

#[tokio::test]
async fn with_a_prefix_the_logs_go_on_while_the_pods_are_asked_for() {
    let looks = AtomicUsize::new(0);
    let fake = Fake::start(move |asked| match asked.operation.as_str() {
        "create-job" => super::fake::created(),
        "get-job-logs" if looks.load(Ordering::SeqCst) > 1 => Reply::Log(lines(&["a", "b"]), After::End),
        "get-job-logs" => Reply::Log(lines(&["a"]), After::Cut),
        // The first look is answered.
        _ if asked.has("details") && looks.fetch_add(1, Ordering::SeqCst) == 0 => Reply::Json(200, running(&["p"])),
        _ if asked.has("details") => Reply::Hold,
        _ if asked.has("wait") => Reply::Hold,
        _ => Reply::Json(200, status("running")),
    })
    .await;
    let mut run = super::run_at(&fake, &["--follow", "--prefix"]).start().await;
    assert_eq!(run.line().await, "p/main a\n");
    let line = timeout(Duration::from_secs(12), run.line()).await.expect("the log stands still");
    assert_eq!(line, "p/main b\n");
}

#[tokio::test]
async fn a_log_that_is_only_a_remark_of_the_service_is_69_and_names_its_pod() {
    let sentence = "unable to retrieve container logs for containerd://0123abcd";
    let fake = Fake::start(move |asked| match asked.operation.as_str() {
        "get-job-logs" => Reply::Log(sentence.to_owned(), After::End),
        _ => Reply::Json(200, running(&["p"])),
    })
    .await;
    for (arguments, name) in [(&[][..], "p"), (&["--container", "main"], "p/main"), (&["--prefix"], "p/main")] {
        let ended = Run::command(&["logs", "t1"], fake.address()).args(arguments).ended().await;
        ended.expect(69, &format!("eks-api: {name}: {sentence}\n"));
        assert!(ended.stderr.contains("no log was shown") && ended.stdout.is_empty(), "{ended:?}");
    }
}

/// A job of this name.
fn named(name: &str, state: &str) -> Value {
    let mut status = status(state);
    status["job_name"] = json!(name);
    status
}

#[tokio::test]
async fn wait_watches_each_of_many_jobs() {
    let last_was_asked = AtomicBool::new(false);
    let names: Vec<String> = (0..20).map(|number| format!("t{number}")).collect();
    let fake = Fake::start(move |asked| {
        if asked.operation == "list-jobs" {
            let jobs: Vec<Value> = names.iter().map(|name| named(name, "running")).collect();
            Reply::Json(200, json!({ "jobs": jobs, "continue": null }))
        } else {
            let name = &asked.query["job_name"];
            let is_over = name == "t19" || last_was_asked.load(Ordering::SeqCst);
            last_was_asked.fetch_or(name == "t19", Ordering::SeqCst);
            Reply::Json(200, named(name, if is_over { "completed" } else { "running" }))
        }
    })
    .await;
    let ended = Run::command(&["wait", "-l", "a=b"], fake.address()).ended().await;
    ended.expect(0, "job demo/t19 completed");
    assert_eq!(ended.stdout.lines().count(), 21, "{ended:?}");
}

#[tokio::test]
async fn wait_prints_what_it_knows_when_the_time_is_up_or_a_failure_stops_it() {
    let fake = Fake::start(|asked| match asked.query["job_name"].as_str() {
        "good" => Reply::Json(200, named("good", "completed")),
        "bad" => {
            let mut failed = named("bad", "failed");
            failed["exit_code"] = json!(4);
            Reply::Json(200, failed)
        }
        "absent" => problem(404, "NotFound", "no such job"),
        _ if asked.has("wait") && asked.query["job_name"] == "long" => Reply::Hold,
        _ if asked.has("wait") => problem(403, "Forbidden", "not you"),
        name => Reply::Json(200, named(name, "running")),
    })
    .await;
    let wait = |last: &str| {
        let run = Run::command(&["wait", "good", "bad", "absent", last], fake.address());
        run.args(&["--timeout", "2s"]).ended()
    };
    for (last, code, told) in [
        ("long", 124, "eks-api: the time is up; these jobs have not ended: demo/long (running)\n"),
        ("denied", 77, "the outcome of job demo/denied is not known: not you"),
    ] {
        let ended = wait(last).await;
        ended.expect(code, told);
        let known = ["job demo/good completed", "job demo/bad failed", "job absent: no such job"];
        assert!(known.iter().all(|text| ended.stderr.contains(text)), "{ended:?}");
        assert_eq!(ended.stdout.lines().count(), 3, "{ended:?}");
    }
}

#[tokio::test]
async fn a_failure_that_stops_a_command_does_not_hide_the_results_before_it() {
    let fake = Fake::start(|asked| match (asked.operation.as_str(), asked.query["job_name"].as_str()) {
        (_, "absent") => problem(404, "NotFound", "no such job"),
        (_, "odd") => Reply::Json(200, json!({ "not": "ours" })),
        ("delete-job", _) => Reply::Json(200, json!({ "message": "gone", "status": "success" })),
        (_, name) => Reply::Json(200, named(name, "running")),
    })
    .await;
    for action in ["status", "delete", "wait"] {
        let ended = Run::command(&[action, "absent", "good", "odd"], fake.address()).args(&["--timeout", "60s"]);
        let ended = ended.ended().await;
        ended.expect(69, "the reply is not one of eks-api");
        assert!(ended.stderr.contains("no such job"), "{action} {ended:?}");
        assert!(action == "wait" || !ended.stdout.is_empty(), "{action} {ended:?}");
    }
}

#[tokio::test]
async fn delete_is_done_if_a_repeated_attempt_or_a_selected_job_finds_nothing() {
    let fake = Fake::start(|asked| match (asked.operation.as_str(), asked.count) {
        ("list-jobs", _) => Reply::Json(200, json!({ "jobs": [status("running")], "continue": null })),
        (_, 1) => Reply::Cut,
        _ => problem(404, "NotFound", "no such job"),
    })
    .await;
    let delete = |target: &[&str]| Run::command(&["delete"], fake.address()).args(target).ended();
    delete(&["t1"]).await.expect(0, "job t1 is already deleted");
    delete(&["t1"]).await.expect(65, "job t1 is not deleted: no such job");
    delete(&["-l", "a=b", "-A"]).await.expect(0, "job t1 is already deleted");
}
