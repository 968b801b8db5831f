//! The exit code, and what is said of a job that is gone.

use serde_json::{Value, json};

use super::fake::{After, Fake, Reply, created, log, status};
use super::run_at;

fn with(mut status: Value, fields: &Value) -> Value {
    status.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    status
}

/// A service whose wait and whose details tell this.
async fn ending(status: Value, details: Value) -> Fake {
    Fake::start(move |asked| match asked.operation.as_str() {
        "create-job" => created(),
        _ if asked.has("details") => Reply::Json(200, details.clone()),
        _ => Reply::Json(200, status.clone()),
    })
    .await
}

fn failed(fields: &Value) -> Value {
    with(status("failed"), fields)
}

#[tokio::test]
async fn exit_sidecar_the_code_is_that_of_the_container_that_decides() {
    let container = |name: &str, init: bool, code: Option<u8>| json!({ "name": name, "init": init, "exit_code": code });
    let main = |code: Option<u8>| container("main", false, code);
    let pods = |containers: &[Value]| json!({ "pods": [{ "name": "p", "containers": containers }], "events": [] });
    for (containers, code) in [
        (vec![container("proxy", true, Some(143)), main(Some(3))], 3),
        (vec![container("proxy", true, Some(137)), main(Some(3))], 3),
        (vec![container("prep", true, Some(9)), main(None)], 9),
    ] {
        let fake = ending(failed(&json!({})), failed(&pods(&containers))).await;
        run_at(&fake, &[]).ended().await.expect(code, &format!("job demo/t1 failed (exit code {code})"));
    }
    // The service's own word counts more than a guess.
    let fake = ending(failed(&json!({ "exit_code": 5 })), failed(&pods(&[main(Some(3))]))).await;
    run_at(&fake, &[]).ended().await.expect(5, "job demo/t1 failed (exit code 5)");
    let details = failed(&pods(&[main(Some(3))]));
    let fake = ending(failed(&json!({ "exit_code": null })), with(details, &json!({ "exit_code": 6 }))).await;
    run_at(&fake, &[]).ended().await.expect(6, "job demo/t1 failed (exit code 6)");
}

#[tokio::test]
async fn exit_preempted_a_pod_that_was_disrupted_does_not_decide() {
    let pod = |code: u8, conditions: Value| {
        let main = json!({ "name": "main", "init": false, "exit_code": code });
        json!({ "name": "p", "phase": "Failed", "conditions": conditions, "containers": [main] })
    };
    let target = json!([{ "type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler" }]);
    let pods = json!({ "pods": [pod(137, target), pod(3, json!([]))] });
    let fake = ending(failed(&json!({})), failed(&pods)).await;
    run_at(&fake, &[]).ended().await.expect(3, "job demo/t1 failed (exit code 3)");
}

/// A service that says 404 to each wait, with this as the last that it knows.
async fn gone(last_known: Option<Value>) -> Fake {
    Fake::start(move |asked| match asked.operation.as_str() {
        "create-job" => created(),
        "get-job-logs" if asked.count == 1 => Reply::Log(log(&["step 1", "ok"]), After::End),
        "get-job-status" if asked.count == 1 => Reply::Json(200, status("running")),
        _ => {
            let mut problem = json!({ "status": 404, "reason": "NotFound", "detail": "jobs.batch \"t1\" not found",
                "request_id": "r1" });
            if let Some(status) = last_known.clone().filter(|_| asked.operation == "get-job-status") {
                problem["last_known"] = with(status, &json!({ "gone": true }));
            }
            Reply::Json(404, problem)
        }
    })
    .await
}

#[tokio::test]
async fn ttl0_follow_a_job_that_is_gone_ends_the_run_as_the_service_saw_it_end() {
    let seven = failed(&json!({ "reason": "BackoffLimitExceeded", "exit_code": 7 }));
    let another = with(status("completed"), &json!({ "uid": "u2" }));
    for (last_known, code, told) in [
        (Some(status("completed")), 0, "job demo/t1 completed before it was deleted"),
        (Some(seven), 7, "job demo/t1 failed before it was deleted (exit code 7): BackoffLimitExceeded"),
        (Some(failed(&json!({}))), 1, "job demo/t1 failed before it was deleted"),
        (Some(status("running")), 1, "job demo/t1 was deleted while it was running"),
        (None, 1, "job demo/t1 was deleted, and it is not known whether it had ended: jobs.batch \"t1\" not found"),
        (Some(another), 1, "it is not known whether it had ended"),
    ] {
        for arguments in [&["--follow"][..], &[]] {
            let fake = gone(last_known.clone()).await;
            let ended = run_at(&fake, arguments).ended().await;
            ended.expect(code, told);
            assert_eq!(ended.stdout, if arguments.is_empty() { "" } else { "step 1\nok\n" });
            assert!(!ended.stderr.contains("not whole"), "{ended:?}");
            let asked = fake.asked("get-job-status");
            assert!(asked.iter().all(|asked| asked.query.get("uid").is_some_and(|uid| uid == "u1")), "{asked:?}");
        }
    }
}

#[tokio::test]
async fn ttl0_follow_a_job_that_is_deleted_while_its_log_is_read_has_completed() {
    let fake = Fake::start(|asked| match asked.operation.as_str() {
        "create-job" => created(),
        "get-job-logs" if asked.follows() => Reply::Log(log(&["step 1", "ok"]), After::Hold),
        "get-job-status" if asked.count <= 2 => {
            Reply::Json(200, status(if asked.has("wait") { "completed" } else { "running" }))
        }
        _ => super::fake::problem(404, "NotFound", "jobs.batch \"t1\" not found"),
    })
    .await;
    let ended = run_at(&fake, &["--follow"]).ended().await;
    ended.expect(0, "job demo/t1 completed");
    assert_eq!(ended.stdout, "step 1\nok\n");
}

#[tokio::test]
async fn ttl0_follow_a_service_that_does_not_know_the_uid_is_asked_without_it() {
    let fake = Fake::start(|asked| match asked.operation.as_str() {
        "create-job" => created(),
        "get-job-logs" => Reply::Log(log(&["ok"]), After::End),
        _ if asked.has("uid") => super::fake::problem(400, "BadRequest", "uid: there is no such parameter"),
        _ => Reply::Json(200, status(if asked.has("wait") { "completed" } else { "running" })),
    })
    .await;
    let ended = run_at(&fake, &["--follow"]).ended().await;
    ended.expect(0, "job demo/t1 completed");
    assert_eq!(fake.asked("get-job-status").iter().filter(|asked| asked.has("uid")).count(), 1);
}

#[tokio::test]
async fn replaced_job_another_job_of_the_name_is_not_taken_for_it() {
    let another = with(status("completed"), &json!({ "uid": "u2" }));
    let fake = ending(another.clone(), another).await;
    let told = "job demo/t1 was deleted, and it is not known whether it had ended: another job has its name";
    run_at(&fake, &[]).ended().await.expect(1, told);
}

#[tokio::test]
async fn key_terminating_a_job_that_is_being_deleted_is_said_to_be() {
    let conflict = "job t1 of this Idempotency-Key is being deleted";
    let fake = Fake::start(move |_| super::fake::problem(409, "Conflict", conflict)).await;
    run_at(&fake, &[]).ended().await.expect(65, &format!("the job is not created: {conflict}"));
    assert_eq!(fake.asked("create-job").len(), 1);
    // A service before 0.2.0 answers with the job.
    let fake = Fake::start(|asked| match asked.operation.as_str() {
        "create-job" => created(),
        _ if asked.has("wait") => super::fake::problem(404, "NotFound", "jobs.batch \"t1\" not found"),
        _ => Reply::Json(200, with(status("running"), &json!({ "deletion_timestamp": "2026-11-28T15:00:00+00:00" }))),
    })
    .await;
    run_at(&fake, &[]).ended().await.expect(1, "job demo/t1 is being deleted\n");
}
