//! The messages about jobs: their types, ids and bodies.

use serde_json::{Value, json};

use super::site::{Hooks, id_of, is_about, only, told_of};
use crate::calls::{CREATE_JOB, manifest};
use crate::history::site::{at, completed, failed, running, suspended};
use crate::support::receiver::Receiver;

#[tokio::test]
async fn each_transition_of_a_job_is_sent_once_with_its_id_and_the_status_object() {
    let receiver = Receiver::start();
    let hooks = Hooks::start(&[("ops", &receiver, "events=job.*")]).await;
    let steps = [
        ("job.created", "pending", json!({})),
        ("job.started", "running", running(&at(1))),
        ("job.completed", "completed", completed(&at(1), &at(61))),
    ];
    let mut status = Value::Null;
    for (count, (event_type, state, next)) in steps.iter().enumerate() {
        hooks.site.put("etl", next);
        status = hooks.until_status("etl", state).await;
        let messages = receiver.got(count + 1).await;
        is_about(&messages[count], &hooks.job("etl"), event_type, &status);
    }
    assert_eq!((&status["cluster"], &status["job_name"]), (&json!("lab"), &json!("etl")));
    let job = hooks.job("etl");
    hooks.cluster().remove_job("default", "etl");
    let messages = receiver.got(4).await;
    let deleted = only(&messages, "job.deleted");
    assert_eq!((&deleted.id, deleted.data()), (&id_of(&job, "job.deleted"), &status));
    hooks.until_webhook("ops", |webhook| webhook["pending"] == 0).await;
    assert_eq!(receiver.messages().len(), 4, "each came once");
}

#[tokio::test]
async fn a_job_that_failed_is_sent_with_its_reason() {
    let receiver = Receiver::start();
    let hooks = Hooks::start(&[("ops", &receiver, "")]).await;
    hooks.site.put("etl", &failed(&at(1), &at(61)));
    let status = hooks.until_status("etl", "failed").await;
    assert_eq!(status["reason"], "BackoffLimitExceeded");
    let messages = receiver.got(1).await;
    is_about(&messages[0], &hooks.job("etl"), "job.failed", &status);
    hooks.until_sent("ops", "etl", "failed").await;
    assert_eq!(receiver.messages().len(), 1, "without events= only ends are sent");
}

#[tokio::test]
async fn a_job_that_is_first_seen_at_its_end_has_all_its_transitions() {
    let receiver = Receiver::start();
    let hooks = Hooks::start(&[("ops", &receiver, "events=job.*")]).await;
    hooks.site.put("etl", &completed(&at(1), &at(61)));
    let status = hooks.until_status("etl", "completed").await;
    let messages = receiver.got(3).await;
    for event_type in ["job.created", "job.started", "job.completed"] {
        is_about(only(&messages, event_type), &hooks.job("etl"), event_type, &status);
    }
}

#[tokio::test]
async fn a_second_suspension_has_an_id_of_its_own() {
    let receiver = Receiver::start();
    let hooks = Hooks::start(&[("ops", &receiver, "events=job.suspended")]).await;
    let suspend = |since: i64| {
        hooks.cluster().change_job("default", "etl", |job| {
            job["spec"]["suspend"] = json!(true);
            job["status"] = suspended(&at(since));
        });
    };
    hooks.site.put("etl", &json!({}));
    let mut ids = Vec::new();
    for (count, since) in [10, 20].into_iter().enumerate() {
        suspend(since);
        let messages = receiver.got(count + 1).await;
        let status = hooks.until_status("etl", "suspended").await;
        is_about(&messages[count], &hooks.job("etl"), "job.suspended", &status);
        ids.push(messages[count].id.clone());
        hooks.cluster().change_job("default", "etl", |job| {
            job["spec"]["suspend"] = json!(false);
            job["status"] = running(&at(since + 5));
        });
        hooks.site.until_state("etl", "running").await;
    }
    assert_ne!(ids[0], ids[1]);
    hooks.until_sent("ops", "etl", "running").await;
    assert_eq!(receiver.messages().len(), 2);
}

/// The id has the time at which the deletion began.
#[tokio::test]
async fn a_deletion_in_the_foreground_is_sent_with_the_time_of_its_begin() {
    let receiver = Receiver::start();
    let hooks = Hooks::start(&[("ops", &receiver, "events=job.deleted")]).await;
    hooks.site.put("etl", &running(&at(1)));
    hooks.site.until_state("etl", "running").await;
    hooks.cluster().hold_garbage();
    hooks.cluster().delete_job("default", "etl", "Foreground");
    let job = hooks.job("etl");
    assert!(job["metadata"]["deletionTimestamp"].is_string());
    hooks.cluster().release_garbage();
    hooks.site.until_gone("etl").await;
    let messages = receiver.got(1).await;
    assert_eq!((&messages[0].id, &messages[0].event_type), (&id_of(&job, "job.deleted"), &"job.deleted".to_owned()));
    hooks.until_webhook("ops", |webhook| webhook["pending"] == 0).await;
    assert_eq!(receiver.messages().len(), 1);
}

#[tokio::test]
async fn a_job_that_is_created_and_deleted_by_calls_is_sent_as_any_other() {
    let receiver = Receiver::start();
    let hooks = Hooks::start(&[("ops", &receiver, "events=job.created,job.deleted")]).await;
    let body = json!({ "job_manifest": manifest("hello") });
    let created = hooks.site.post(CREATE_JOB, &body).await.expect_status(201).json();
    let job = hooks.job("hello");
    let messages = receiver.got(1).await;
    assert_eq!((&messages[0].id, &messages[0].data()["uid"]), (&id_of(&job, "job.created"), &created["uid"]));
    let path = "/api/eks-delete-job?job_name=hello&propagation_policy=Background";
    hooks.site.send("DELETE", path, &[], &Value::Null).await.expect_status(200);
    let messages = receiver.got(2).await;
    assert_eq!(messages[1].id, id_of(&job, "job.deleted"));
}

#[tokio::test]
async fn a_change_that_is_no_transition_sends_nothing() {
    let receiver = Receiver::start();
    let hooks = Hooks::start(&[("ops", &receiver, "events=job.*")]).await;
    hooks.site.put("etl", &running(&at(1)));
    receiver.got(2).await;
    hooks.cluster().change_job("default", "etl", |job| job["metadata"]["labels"]["team"] = json!("b"));
    hooks.site.put("last", &completed(&at(1), &at(2)));
    hooks.site.until_run("etl", |run| run["labels"]["team"] == "b").await;
    hooks.until_sent("ops", "last", "completed").await;
    let about = |name: &str| told_of(&receiver.messages()).iter().filter(|(of, _)| of == name).count();
    assert_eq!((about("etl"), about("last")), (2, 3));
}

#[tokio::test]
async fn a_job_of_another_tool_is_not_sent() {
    let receiver = Receiver::start();
    let hooks = Hooks::start(&[("ops", &receiver, "events=job.*")]).await;
    let mut foreign = crate::history::site::old_job("foreign", &completed(&at(1), &at(2)));
    foreign["metadata"]["labels"] = json!({ "app": "another" });
    hooks.cluster().put_job(foreign);
    hooks.site.put("own", &json!({}));
    receiver.got(1).await;
    hooks.until_sent("ops", "own", "pending").await;
    assert_eq!(told_of(&receiver.messages()), [("own".to_owned(), "job.created".to_owned())]);
}

#[tokio::test]
async fn the_test_call_sends_a_message_and_says_what_came_of_it() {
    let receiver = Receiver::start();
    let hooks = Hooks::start(&[("ops", &receiver, "")]).await;
    let told = hooks.test("ops").await;
    let expected = (&json!("ops"), &json!(true), &json!(204));
    assert_eq!((&told["webhook"], &told["delivered"], &told["status"]), expected, "{told}");
    let messages = receiver.got(1).await;
    assert_eq!(messages[0].event_type, "webhook.test");
    let again = hooks.test("ops").await;
    assert_eq!(again["delivered"], true);
    let messages = receiver.got(2).await;
    assert_ne!(messages[0].id, messages[1].id);
    let unknown = hooks.site.send("POST", "/api/eks-test-webhook?webhook=other", &[], &Value::Null).await;
    crate::calls::problem(&unknown, 404, "webhook_not_found");
}
