//! `--cluster`: it is in every call, and a cluster that the service refuses says nothing about a job.

use serde_json::{Value, json};

use super::fake::{After, Asked, Fake, Reply, created, log, problem, status};
use super::run_at;
use crate::client::run::{Ended, Run};

/// A name that must be encoded.
const NAME: &str = "eu&wait=1 b";
const REFUSALS: [(u16, &str); 2] = [(404, "cluster_not_found"), (403, "cluster_not_allowed")];
const COMMANDS: [&[&str]; 6] =
    [&["status", "t1"], &["list"], &["logs", "t1"], &["delete", "t1"], &["wait", "t1"], &["delete", "-A", "-l", "a=b"]];

/// The status of the job with a pod.
fn running() -> Value {
    let container = json!({ "name": "main", "state": "running" });
    let mut status = status("running");
    status["pods"] = json!([{ "name": "p", "phase": "Running", "containers": [container] }]);
    status
}

/// Answers as a service whose job runs, and ends once it was waited for.
fn answer(asked: &Asked) -> Reply {
    match asked.operation.as_str() {
        "create-job" => created(),
        "list-jobs" if asked.has("continue") => Reply::Json(200, json!({ "jobs": [], "continue": null })),
        "list-jobs" => Reply::Json(200, json!({ "jobs": [status("completed")], "continue": "next" })),
        "delete-job" => Reply::Json(200, json!({ "message": "gone", "status": "success" })),
        "get-job-logs" => Reply::Log(log(&["a"]), After::End),
        _ if asked.has("wait") => Reply::Json(200, status("completed")),
        _ => Reply::Json(200, running()),
    }
}

/// A service that answers if the call is for this cluster.
async fn only_for(cluster: Option<&'static str>) -> Fake {
    Fake::start(move |asked| {
        let is_right = asked.query.get("cluster").map(String::as_str) == cluster;
        if is_right { answer(asked) } else { problem(400, "BadRequest", "another cluster") }
    })
    .await
}

async fn call(fake: &Fake, command: &[&str], options: &[&str]) -> Ended {
    Run::command(command, fake.address()).args(options).ended().await
}

#[tokio::test]
async fn every_call_of_every_command_names_the_cluster_only_if_it_is_given() {
    for (cluster, options) in [(Some(NAME), &["--cluster", NAME][..]), (None, &[])] {
        let fake = only_for(cluster).await;
        let more: [&[&str]; 3] = [&["logs", "t1", "-f"], &["logs", "t1", "--prefix"], &["wait", "-l", "a=b"]];
        for command in COMMANDS.into_iter().chain(more) {
            call(&fake, command, options).await.expect(0, "");
        }
        for also in [&[][..], &["--follow"], &["--follow", "--prefix"]] {
            run_at(&fake, options).args(also).ended().await.expect(0, "job demo/t1 completed");
        }
        for operation in ["create-job", "get-job-status", "get-job-logs", "list-jobs", "delete-job"] {
            let asked = fake.asked(operation);
            assert!(
                !asked.is_empty()
                    && asked.iter().all(|asked| asked.query.get("cluster").map(String::as_str) == cluster)
            );
        }
    }
}

#[tokio::test]
async fn the_calls_after_a_signal_or_a_failure_name_the_cluster_too() {
    let fake = Fake::start(|asked| if asked.has("wait") { Reply::Hold } else { answer(asked) }).await;
    let run = run_at(&fake, &["--cluster", NAME, "--delete-on-interrupt"]).start().await;
    fake.wait_for("get-job-status", 2).await;
    run.signal("INT").await;
    run.ended().await.expect(130, "interrupted; job demo/t1 is being deleted");
    assert_eq!(fake.asked("delete-job")[0].query["cluster"], NAME);
    let fake = Fake::start(|asked| match asked.operation.as_str() {
        "get-job-status" => Reply::Json(200, status("failed")),
        _ => answer(asked),
    })
    .await;
    run_at(&fake, &["--cluster", NAME, "--quiet"]).ended().await.expect(1, "the last lines of the log");
    assert_eq!(fake.asked("get-job-logs")[0].query["cluster"], NAME);
}

#[tokio::test]
async fn a_cluster_that_is_unknown_or_forbidden_is_65_and_in_the_words_of_the_service() {
    for (code, reason) in REFUSALS {
        let fake = Fake::start(move |_| problem(code, reason, "use a name of /api/eks-list-clusters")).await;
        let words = format!(": use a name of /api/eks-list-clusters ({code} {reason}, request r1)\n");
        for command in COMMANDS {
            call(&fake, command, &["--cluster", "far"]).await.expect(65, &words);
        }
        let ended = run_at(&fake, &["--cluster", "far"]).ended().await;
        ended.expect(65, &format!("the job is not created{words}"));
        assert_eq!(fake.asked("create-job").len(), 1);
    }
}

#[tokio::test]
async fn a_cluster_that_is_refused_after_the_job_was_found_is_69_and_the_job_is_not_called_deleted() {
    for (code, reason) in REFUSALS {
        for also in [&[][..], &["--follow"], &["--follow", "--prefix"]] {
            let fake = Fake::start(move |asked| match asked.operation.as_str() {
                "create-job" => created(),
                _ => problem(code, reason, "no such cluster"),
            })
            .await;
            let ended = run_at(&fake, &["--cluster", "eu"]).args(also).ended().await;
            ended.expect(69, &format!("the outcome of job demo/t1 is not known: no such cluster ({code} {reason}, "));
            assert!(!ended.stderr.contains("deleted"), "{ended:?}");
        }
        for command in [&["wait", "t1"][..], &["logs", "t1"], &["logs", "t1", "-f"], &["logs", "t1", "--prefix"]] {
            let fake = Fake::start(move |asked| match asked.operation.as_str() {
                "get-job-status" if asked.count == 1 => Reply::Json(200, running()),
                _ => problem(code, reason, "no such cluster"),
            })
            .await;
            let ended = call(&fake, command, &["--cluster", "eu"]).await;
            ended.expect(69, &format!(" no such cluster ({code} {reason}, request r1)\n"));
            assert!(!ended.stderr.contains("deleted"), "{command:?} {ended:?}");
        }
    }
}

#[tokio::test]
async fn a_service_without_clusters_is_to_be_upgraded() {
    let fake = Fake::start(|_| {
        problem(400, "BadRequest", "cluster: is not a parameter of this call; the query takes job_name, namespace")
    })
    .await;
    for command in COMMANDS {
        let ended = call(&fake, command, &["--cluster", "eu"]).await;
        ended.expect(65, "request r1); upgrade the service, or leave out --cluster\n");
    }
}
