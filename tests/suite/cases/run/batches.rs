//! The command batch: what it repeats, follows and prints, and its exit codes.

use serde_json::{Value, json};

use super::fake::{Fake, Reply, problem};
use crate::client::run::Run;

const TWO: &str = r#"{"namespace":"demo","batch_name":"nightly","jobs":[{"id":"a"},{"id":"b"}]}"#;

/// The command at this service.
pub(super) fn batch_at(fake: &Fake, arguments: &[&str]) -> Run {
    Run::command(&["batch"], fake.address()).args(arguments)
}

fn two_at(fake: &Fake, arguments: &[&str]) -> Run {
    batch_at(fake, &["-f", "batch.json"]).args(arguments).file("batch.json", TWO)
}

pub(super) fn created(name: &str, created: usize) -> Reply {
    let status = if created > 0 { 201 } else { 200 };
    Reply::Json(
        status,
        json!({ "batch_name": name, "namespace": "demo", "size": 2, "created": created,
        "existing": 2 - created, "jobs": [], "warnings": ["jobs[0]: its ttl is left out"] }),
    )
}

/// An incomplete batch of which one job is created, and the other is refused.
fn incomplete(status: u16, detail: &str) -> Value {
    let job = |index: usize, status: &str| {
        let id = ["a", "b\u{1b}[2J"][index];
        json!({ "index": index, "id": id, "job_name": format!("nightly-000{index}"), "status": status })
    };
    let mut refused = job(1, "refused");
    refused["code"] = json!(status);
    refused["reason"] = json!("Forbidden");
    refused["detail"] = json!(detail);
    json!({ "status": status, "reason": "batch_incomplete", "detail": "not all jobs are created", "request_id": "r1",
        "batch_name": "nightly", "namespace": "demo", "created": 1, "existing": 0, "jobs": [job(0, "created"), refused] })
}

/// The status of a batch of four.
fn status(state: &str, completed: usize, failed: usize) -> Value {
    let of = |index: usize| match index {
        _ if index < failed => "failed",
        _ if index < failed + completed => "completed",
        _ => "missing",
    };
    let member = |index: usize| {
        let (reason, code) =
            if of(index) == "failed" { (json!("BackoffLimitExceeded"), json!(3)) } else { Default::default() };
        json!({ "index": index, "id": "abcd"[index..=index], "job_name": format!("nightly-000{index}"),
            "state": of(index), "reason": reason, "exit_code": code })
    };
    let missing = 4 - completed - failed;
    let (running, missing) = if state == "incomplete" { (0, missing) } else { (missing, 0) };
    json!({ "batch_name": "nightly", "namespace": "demo", "uid": "u1", "state": state, "size": 4,
        "counts": { "pending": 0, "running": running, "suspended": 0, "completed": completed, "failed": failed,
            "missing": missing },
        "members": (0..4).map(member).collect::<Vec<_>>() })
}

/// A service whose batch has these statuses, one after another.
async fn with_statuses(statuses: Vec<Value>) -> Fake {
    Fake::start(move |asked| match asked.operation.as_str() {
        "create-batch" => created("nightly", 2),
        _ => Reply::Json(200, statuses.get(asked.count - 1).or(statuses.last()).unwrap().clone()),
    })
    .await
}

#[tokio::test]
async fn an_incomplete_batch_is_repeated_with_the_same_key_until_it_is_whole() {
    let fake = Fake::start(|asked| match asked.count {
        1 => Reply::Later(503, incomplete(403, "exceeded quota: one")),
        2 => {
            Reply::Later(409, json!({ "status": 409, "reason": "batch_deleting", "detail": "old", "request_id": "r1" }))
        }
        3 => problem(503, "overloaded", "busy"),
        _ => created("nightly", 1),
    })
    .await;
    let ended = two_at(&fake, &["--idempotency-key", "k1"]).ended().await;
    ended.expect(0, "eks-api: 1 of 2 jobs exist: exceeded quota: one; trying again\n");
    assert!(
        ended
            .stderr
            .ends_with("batch demo/nightly is created (2 jobs)\neks-api: warning: jobs[0]: its ttl is left out\n")
    );
    assert_eq!(ended.stdout, "nightly\n");
    let all = fake.asked("create-batch");
    assert!(all.len() == 4 && all.iter().all(|asked| asked.key == "k1" && asked.body == all[0].body), "{all:?}");
}

#[tokio::test]
async fn a_batch_that_is_deleted_while_it_is_created_is_65() {
    let fake = Fake::start(|_| problem(409, "batch_deleting", "it is being deleted")).await;
    two_at(&fake, &[]).ended().await.expect(65, "the batch is not created: it is being deleted");
    assert_eq!(fake.asked("create-batch").len(), 1);
}

#[tokio::test]
async fn refused_jobs_are_listed_and_65() {
    let fake = Fake::start(|_| Reply::Json(422, incomplete(403, "denied by\na policy"))).await;
    let ended = two_at(&fake, &[]).ended().await;
    ended.expect(
        65,
        "1 job is refused, and 1 of 2 exist; correct the jobs, and send all with --retry-failed nightly when the others \
         have ended (422 batch_incomplete, request r1)\n",);
    let expected = "\
INDEX  ID     JOB           CODE  REASON     DETAIL
1      b [2J  nightly-0001  403   Forbidden  denied by a policy
";
    assert_eq!(ended.stdout, expected);
    let fake = Fake::start(|_| problem(422, "Invalid", "jobs[1].id: is given twice")).await;
    two_at(&fake, &[]).ended().await.expect(65, "the batch is not created: jobs[1].id: is given twice");
}

#[tokio::test]
async fn after_a_refusal_the_created_jobs_are_followed_only_with_on_error_continue() {
    for (arguments, second, asked) in [
        (&["--follow"][..], "", 0),
        (&["--follow", "--on-error", "continue"], "0      a   nightly-0000  failed   3     BackoffLimitExceeded\n", 2),
    ] {
        let fake = Fake::start(|asked| match asked.operation.as_str() {
            "create-batch" => Reply::Json(422, incomplete(403, "denied by a policy")),
            _ => Reply::Json(200, status("running", 0, 1)),
        })
        .await;
        let ended = two_at(&fake, arguments).ended().await;
        ended.expect(65, "1 job is refused, and 1 of 2 exist");
        assert!(ended.stdout.contains("denied by a policy") && ended.stdout.contains(second), "{ended:?}");
        assert_eq!(fake.asked("get-batch-status").len(), asked);
        assert_eq!(ended.stderr.contains("batch demo/nightly is incomplete: 1 of 4 jobs have ended"), asked > 0);
    }
}

#[tokio::test]
async fn a_quota_without_room_for_the_head_is_waited_for() {
    let fake = Fake::start(|asked| match asked.count {
        1 => {
            let mut problem = incomplete(503, "");
            problem["detail"] = json!("no job exists; the head of the batch was refused: exceeded quota: one; repeat");
            problem["created"] = json!(0);
            problem["jobs"] = json!([]);
            Reply::Later(503, problem)
        }
        _ => created("nightly", 2),
    })
    .await;
    let ended = two_at(&fake, &[]).ended().await;
    ended.expect(
        0,
        "eks-api: 0 of 2 jobs exist: the head of the batch was refused: exceeded quota: one; trying again\n",
    );
}

#[tokio::test]
async fn a_batch_that_is_completed_says_how_many_jobs_are_new() {
    let fake = Fake::start(|_| created("nightly", 1)).await;
    let ended = two_at(&fake, &[]).ended().await;
    ended.expect(0, "batch demo/nightly is completed: 1 of 2 jobs created, 1 existed\n");
}

#[tokio::test]
async fn an_exit_code_that_comes_late_is_in_the_table() {
    let mut early = status("failed", 3, 1);
    early["members"][0]["exit_code"] = Value::Null;
    let fake = with_statuses(vec![early.clone(), early, status("failed", 3, 1)]).await;
    let ended = two_at(&fake, &["--follow"]).ended().await;
    ended.expect(1, "batch demo/nightly failed");
    assert!(ended.stdout.ends_with("0      a   nightly-0000  failed  3     BackoffLimitExceeded\n"), "{ended:?}");
}

#[tokio::test]
async fn without_time_or_after_a_signal_the_command_says_how_to_complete_the_batch() {
    let fake = Fake::start(|_| Reply::Later(503, incomplete(403, "exceeded quota"))).await;
    let ended = two_at(&fake, &["--timeout", "300ms"]).ended().await;
    ended.expect(124, "the time is up; it is not known which jobs are created; the same command completes the batch");
    let unnamed = r#"{"jobs":[{},{}]}"#;
    let run = batch_at(&fake, &["-f", "batch.json"]).file("batch.json", unnamed).start().await;
    run.told("trying again").await;
    run.signal("INT").await;
    let key = fake.asked("create-batch").pop().unwrap().key;
    run.ended().await.expect(130, &format!("the same command with --idempotency-key {key} completes the batch"));
}

#[tokio::test]
async fn a_batch_that_is_followed_shows_each_change_and_ends_with_its_failed_jobs() {
    let running = |completed, failed| status("running", completed, failed);
    let fake = with_statuses(vec![running(0, 0), running(1, 1), running(1, 1), status("failed", 2, 2)]).await;
    let ended = two_at(&fake, &["--follow"]).ended().await;
    ended.expect(1, "batch demo/nightly failed: 4 of 4 jobs have ended (2 failed); to see a log: eks-api logs -n demo nightly-0000\n");
    let line = "eks-api: batch demo/nightly: 2 of 4 jobs have ended (2 running, 1 failed)\n";
    assert_eq!(ended.stderr.matches(line).count(), 1, "{ended:?}");
    let expected = "\
INDEX  ID  JOB           STATE   EXIT  REASON
0      a   nightly-0000  failed  3     BackoffLimitExceeded
1      b   nightly-0001  failed  3     BackoffLimitExceeded
";
    assert_eq!(ended.stdout, expected);
    let asked = fake.asked("get-batch-status");
    assert!(asked[1..4].iter().all(|asked| asked.query["wait"] == "15s" && asked.query["namespace"] == "demo"));
    assert!(asked.len() == 5 && asked[4].query["details"] == "true", "{asked:?}");
}

#[tokio::test]
async fn a_batch_that_completes_is_0_and_one_that_is_incomplete_or_deleted_1() {
    let fake = with_statuses(vec![status("completed", 4, 0)]).await;
    let ended = two_at(&fake, &["--follow"]).ended().await;
    ended.expect(0, "batch demo/nightly completed (4 jobs)");
    assert_eq!(ended.stdout, "");
    let fake = with_statuses(vec![status("running", 1, 0), status("incomplete", 3, 0)]).await;
    let ended = two_at(&fake, &["--follow"]).ended().await;
    ended.expect(1, "batch demo/nightly is incomplete: 3 of 4 jobs have ended (1 missing)");
    assert!(ended.stdout.ends_with("3      d   nightly-0003  missing  -     -\n"), "{ended:?}");
    let fake = Fake::start(|asked| match (asked.operation.as_str(), asked.count) {
        ("create-batch", _) => created("nightly", 2),
        (_, 1) => Reply::Json(200, status("deleting", 1, 0)),
        _ => problem(404, "NotFound", "there is no such batch"),
    })
    .await;
    let ended = two_at(&fake, &["--follow"]).ended().await;
    ended.expect(1, "batch demo/nightly was deleted before it ended: there is no such batch");
    assert!(ended.stderr.contains("batch demo/nightly is being deleted\n"), "{ended:?}");
    let mut other = status("completed", 4, 0);
    other["uid"] = json!("u2");
    let fake = with_statuses(vec![status("running", 1, 0), other]).await;
    two_at(&fake, &["--follow"]).ended().await.expect(1, "another batch has its name");
}

#[tokio::test]
async fn after_a_signal_the_batch_goes_on_and_the_command_says_how_to_delete_it() {
    for (signal, code, what) in [("INT", 130, "interrupted"), ("TERM", 143, "terminated")] {
        let fake = with_statuses(vec![status("running", 1, 0)]).await;
        let run = two_at(&fake, &["--follow", "--cluster", "eu"]).start().await;
        run.told("1 of 4 jobs have ended").await;
        run.signal(signal).await;
        let url =
            format!("http://{}/api/eks-delete-batch?batch_name=nightly&namespace=demo&cluster=eu", fake.address());
        let ended = run.ended().await;
        let end = format!("the same command goes on waiting; to delete the batch: curl -X DELETE '{url}'\n");
        ended.expect(code, &format!("{what}; batch demo/nightly goes on; {end}"));
        assert!(fake.asked("delete-batch").is_empty());
    }
}

const FOUR: &str =
    r#"{"namespace":"demo","batch_name":"nightly","jobs":[{"id":"d"},{"id":"c"},{"id":"b"},{"id":"a"}]}"#;

async fn retried(old: &Value, batch: &str, arguments: &[&str]) -> (Fake, crate::client::run::Ended) {
    let fake = with_statuses(vec![old.clone()]).await;
    let run = batch_at(&fake, &["-f", "batch.json", "--retry-failed", "nightly"]).args(arguments);
    let ended = run.file("batch.json", batch).ended().await;
    assert_eq!(fake.asked("get-batch-status")[0].query["batch_name"], "nightly");
    (fake, ended)
}

#[tokio::test]
async fn failed_and_missing_jobs_run_again_as_a_new_batch_with_the_same_name_each_time() {
    let mut names = Vec::new();
    for _ in 0..2 {
        let (fake, ended) = retried(&status("incomplete", 2, 1), FOUR, &[]).await;
        ended.expect(0, "2 of 4 jobs of batch demo/nightly run again");
        let body: Value = serde_json::from_str(&fake.asked("create-batch")[0].body).unwrap();
        assert_eq!(body["jobs"], json!([{ "id": "d" }, { "id": "a" }]));
        names.push(body["batch_name"].as_str().unwrap().to_owned());
    }
    // Another release of the program must make the same name.
    assert_eq!(names, ["nightly-retry-74e33d"; 2]);
    let (fake, _) = retried(&status("failed", 3, 1), FOUR, &["--name", "again"]).await;
    let body: Value = serde_json::from_str(&fake.asked("create-batch")[0].body).unwrap();
    assert_eq!((&body["batch_name"], &body["jobs"]), (&json!("again"), &json!([{ "id": "a" }])));
}

#[tokio::test]
async fn jobs_without_an_id_are_found_by_their_order() {
    let mut old = status("failed", 3, 1);
    old["members"][0]["id"] = Value::Null;
    let jobs = r#"{"namespace":"demo","jobs":[{"parameters":{"A":"0"}},{},{},{}]}"#;
    let (fake, ended) = retried(&old, jobs, &[]).await;
    ended.expect(0, "");
    let body: Value = serde_json::from_str(&fake.asked("create-batch")[0].body).unwrap();
    assert_eq!(body["jobs"], json!([{ "parameters": { "A": "0" } }]));
    let (fake, ended) = retried(&old, r#"{"namespace":"demo","jobs":[{}]}"#, &[]).await;
    ended.expect(2, "there are 1 jobs, and the batch has 4; give the jobs of batch demo/nightly again");
    assert!(fake.asked("create-batch").is_empty());
}

#[tokio::test]
async fn nothing_is_sent_if_no_job_failed_or_the_batch_runs_or_the_ids_differ() {
    for (old, batch, code, why) in [
        (status("completed", 4, 0), FOUR, 0, "batch demo/nightly has no failed jobs; nothing is sent"),
        (status("running", 3, 1), FOUR, 65, "batch demo/nightly is running, so nothing is sent"),
        (status("failed", 3, 1), TWO.replace("\"a\"", "\"x\"").as_str(), 2, "there is no job with the id a; give"),
    ] {
        let (fake, ended) = retried(&old, batch, &[]).await;
        ended.expect(code, why);
        assert!(fake.asked("create-batch").is_empty() && ended.stdout.is_empty(), "{ended:?}");
    }
    let fake = Fake::start(|_| problem(404, "NotFound", "there is no such batch")).await;
    let run = two_at(&fake, &["--retry-failed", "nightly"]).ended().await;
    run.expect(65, "nothing is sent: there is no such batch");
}
