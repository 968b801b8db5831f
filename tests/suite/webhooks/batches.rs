//! The messages about batches: their ends, their ids, and who gets them.

use rusqlite::Connection;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::site::{CLUSTER, Files, Hooks, Line, told_of};
use crate::batches::status::{head, member, member_name};
use crate::calls::{JOBS, nameless, problem};
use crate::history::site::{at, completed, failed, told};
use crate::live::until;
use crate::support::receiver::{Message, Receiver, message_id};
use crate::support::service::{PATIENCE, Reply};
use crate::support::stub::StubCluster;

const CREATE_BATCH: &str = "/api/eks-create-batch";

/// A service that has recorded the batches that had ended, so that it sends what ends from now on.
async fn start(lines: &[Line<'_>]) -> Hooks {
    let fill = |cluster: &StubCluster| cluster.put_jobs(batch("old", 1, &[completed(&at(1), &at(2))]));
    let hooks = Hooks::of(Files::new(lines), fill, |builder| builder).await;
    let database = Connection::open(hooks.site.database()).unwrap();
    let count = || database.query_row("SELECT count(*) FROM batch_ends", [], |row| row.get::<_, i64>(0)).unwrap();
    let wait = async {
        while count() == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, wait).await.expect("the batches are not recorded");
    hooks
}

/// A head that no member can be added to any more, and these members of it.
fn batch(name: &str, size: usize, members: &[Value]) -> Vec<Value> {
    let members = members.iter().enumerate().map(|(index, status)| {
        let mut member = member("default", name, index);
        member["status"] = status.clone();
        member
    });
    std::iter::once(head("default", name, size)).chain(members).collect()
}

fn put(hooks: &Hooks, name: &str, size: usize, members: &[Value]) {
    hooks.cluster().put_jobs(batch(name, size, members));
}

async fn until_batch(hooks: &Hooks, name: &str, state: &str) -> Value {
    let path = format!("/api/eks-get-batch-status?batch_name={name}");
    let is_right = |reply: &Reply| reply.status == 200 && reply.json()["state"] == state;
    until(async || hooks.site.get(&path).await, is_right).await.json()
}

/// The messages about batches, in the order of their arrival.
fn of_batches(messages: &[Message]) -> Vec<Message> {
    messages.iter().filter(|message| message.event_type.starts_with("batch.")).cloned().collect()
}

#[tokio::test]
async fn a_batch_is_sent_when_it_is_completed_failed_or_incomplete() {
    let receiver = Receiver::start();
    let hooks = start(&[("ops", &receiver, "events=batch.*")]).await;
    let (early, late) = (completed(&at(1), &at(10)), completed(&at(1), &at(20)));
    put(&hooks, "good", 2, &[early.clone(), json!({})]);
    put(&hooks, "bad", 2, &[early.clone(), json!({})]);
    put(&hooks, "part", 3, &[early, json!({})]);
    until_batch(&hooks, "part", "running").await;
    for (name, status) in [("good", late.clone()), ("bad", failed(&at(1), &at(20))), ("part", late)] {
        hooks.site.set_status(&member_name(name, 1), status);
    }
    let messages = receiver.got(3).await;
    for (name, state) in [("good", "completed"), ("bad", "failed"), ("part", "incomplete")] {
        let status = until_batch(&hooks, name, state).await;
        let event_type = format!("batch.{state}");
        let message = messages.iter().find(|message| message.event_type == event_type).unwrap();
        let id = message_id(CLUSTER, &format!("uid-of-{name}"), &event_type, &at(20));
        assert_eq!((&message.id, &message.body["timestamp"]), (&id, &json!(told(&at(20)))), "{name}");
        assert_eq!(message.data(), &status, "{name}");
    }
    hooks.until_webhook("ops", |webhook| webhook["pending"] == 0).await;
    assert_eq!(receiver.messages().len(), 3);
}

/// A member that is run again makes another end.
#[tokio::test]
async fn a_second_end_of_a_batch_has_an_id_of_its_own() {
    let receiver = Receiver::start();
    let hooks = start(&[("ops", &receiver, "events=batch.*")]).await;
    put(&hooks, "etl", 1, &[json!({})]);
    until_batch(&hooks, "etl", "running").await;
    let mut ids = Vec::new();
    for (count, end) in [20, 40].into_iter().enumerate() {
        hooks.site.set_status("etl-0000", failed(&at(1), &at(end)));
        let messages = receiver.got(count + 1).await;
        assert_eq!(messages[count].id, message_id(CLUSTER, "uid-of-etl", "batch.failed", &at(end)));
        ids.push(messages[count].id.clone());
        hooks.site.set_status("etl-0000", json!({}));
        until_batch(&hooks, "etl", "running").await;
    }
    assert_ne!(ids[0], ids[1]);
}

#[tokio::test]
async fn the_endpoints_of_notify_get_the_end_of_the_batch_and_not_of_its_members() {
    let (ops, other) = (Receiver::start(), Receiver::start());
    let lines = [("ops", &ops, "events=job.deleted"), ("other", &other, "events=job.deleted")];
    let hooks = start(&lines).await;
    let body = json!({ "batch_name": "nightly", "job_manifest": nameless(), "jobs": [{}, {}], "notify": ["ops"] });
    hooks.site.post(CREATE_BATCH, &body).await.expect_status(201);
    let head = hooks.job("nightly");
    assert_eq!(head["metadata"]["annotations"]["eks-api/notify"], "ops");
    for index in 0..2 {
        let name = member_name("nightly", index);
        assert_eq!(hooks.job(&name)["metadata"]["annotations"].get("eks-api/notify"), None);
        hooks.site.set_status(&name, completed(&at(1), &at(10)));
    }
    let messages = ops.got(1).await;
    let uid = head["metadata"]["uid"].as_str().unwrap();
    assert_eq!(messages[0].id, message_id(CLUSTER, uid, "batch.completed", &at(10)));
    assert_eq!(messages[0].data()["batch_name"], "nightly");
    hooks.until_sent("ops", "nightly-0001", "completed").await;
    assert_eq!(told_of(&ops.messages()), [("nightly".to_owned(), "batch.completed".to_owned())]);
    assert!(other.messages().is_empty());

    let body = json!({ "batch_name": "other", "job_manifest": nameless(), "jobs": [{}], "notify": ["nobody"] });
    problem(&hooks.site.post(CREATE_BATCH, &body).await, 422, "Invalid");
    assert_eq!(hooks.cluster().job("default", "other"), None);
}

/// To an endpoint a head is no job, and members are jobs.
#[tokio::test]
async fn a_head_is_no_job() {
    let receiver = Receiver::start();
    let hooks = start(&[("ops", &receiver, "events=job.*,batch.*")]).await;
    put(&hooks, "etl", 1, &[json!({})]);
    until_batch(&hooks, "etl", "running").await;
    hooks.site.set_status("etl-0000", completed(&at(1), &at(10)));
    let messages = receiver.got(4).await;
    assert_eq!(of_batches(&messages).len(), 1);
    let of_jobs = messages.iter().filter(|message| message.event_type.starts_with("job."));
    assert!(of_jobs.clone().all(|message| message.data()["job_name"] == "etl-0000"), "{:?}", told_of(&messages));
    assert_eq!(of_jobs.count(), 3);
}

#[tokio::test]
async fn a_batch_that_ended_while_the_service_was_down_is_sent_after_the_restart_and_an_old_one_is_not_sent_again() {
    let receiver = Receiver::start();
    let mut hooks = start(&[("ops", &receiver, "events=batch.*")]).await;
    put(&hooks, "first", 1, &[json!({})]);
    put(&hooks, "second", 1, &[json!({})]);
    until_batch(&hooks, "second", "running").await;
    hooks.site.set_status("first-0000", completed(&at(1), &at(10)));
    receiver.got(1).await;
    hooks.until_webhook("ops", |webhook| webhook["pending"] == 0).await;
    hooks.site.stop("TERM").await;
    hooks.site.set_status("second-0000", failed(&at(1), &at(20)));
    hooks.site.resume().await;
    let messages = receiver.got(2).await;
    let ids: Vec<_> = messages.iter().map(|message| message.id.clone()).collect();
    let id = |name: &str, event_type: &str, time| message_id(CLUSTER, &format!("uid-of-{name}"), event_type, &at(time));
    assert_eq!(ids, [id("first", "batch.completed", 10), id("second", "batch.failed", 20)]);
    hooks.until_webhook("ops", |webhook| webhook["pending"] == 0).await;
    assert_eq!(receiver.messages().len(), 2);
}

/// A batch that is deleted as soon as it has ended.
fn put_expiring(hooks: &Hooks, name: &str) {
    let mut jobs = batch(name, 1, &[json!({})]);
    let description = json!({ "size": 1, "body": "0a", "ttl_seconds_after_finished": 0 });
    jobs[0]["metadata"]["annotations"]["eks-api/batch"] = json!(description.to_string());
    hooks.cluster().put_jobs(jobs);
}

/// The deletion would hide the end.
#[tokio::test]
async fn the_end_of_a_batch_is_sent_also_if_the_batch_is_deleted_at_once_or_after_a_downtime() {
    let receiver = Receiver::start();
    let mut hooks = start(&[("ops", &receiver, "events=batch.*")]).await;
    for name in ["first", "second"] {
        put_expiring(&hooks, name);
        until_batch(&hooks, name, "running").await;
    }
    hooks.site.set_status("first-0000", completed(&at(1), &at(10)));
    assert_eq!(receiver.got(1).await[0].event_type, "batch.completed");
    hooks.cluster().wait_for("DELETE", &format!("{JOBS}/first"), 1).await;
    hooks.site.stop("KILL").await;
    hooks.site.set_status("second-0000", failed(&at(1), &at(20)));
    hooks.site.resume().await;
    let messages = receiver.got(2).await;
    assert_eq!(messages[1].id, message_id(CLUSTER, "uid-of-second", "batch.failed", &at(20)));
    hooks.cluster().wait_for("DELETE", &format!("{JOBS}/second"), 1).await;
}
