//! Templates: create-job from them, who may do that, list-templates, and the presets.

mod create;
mod dry_run;
mod failures;
mod forms;
mod from_presets;
mod list;
mod pages;
mod presets;
mod repeat;
mod run_role;

use serde_json::{Value, json};

use crate::calls::{CREATE_JOB, lab};
use crate::given::cron_job;
use crate::support::Lab;

/// What a call came to: its status, and its document.
type Told = (u16, Value);

/// A lab whose cluster has the `CronJob` etl in the namespace `default`.
async fn with_etl() -> Lab {
    let lab = lab().await;
    lab.cluster.put_cron_job(cron_job("etl"));
    lab
}

/// A call that etl takes.
fn etl() -> Value {
    json!({ "template": { "cron_job": "etl" }, "parameters": { "DATE": "2026-11-27" } })
}

/// The same call with these members, in place of its own.
fn with(more: &Value) -> Value {
    let mut body = etl();
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

async fn post(lab: &Lab, body: &Value) -> Told {
    send(lab, CREATE_JOB, "", body).await
}

async fn post_with_key(lab: &Lab, key: &str, body: &Value) -> Told {
    send(lab, CREATE_JOB, &format!("Idempotency-Key: {key}\r\n"), body).await
}

async fn send(lab: &Lab, target: &str, lines: &str, body: &Value) -> Told {
    let lines = lines.lines().filter_map(|line| line.split_once(": "));
    let headers: Vec<_> = [("Content-Type", "application/json")].into_iter().chain(lines).collect();
    let reply = lab.service.send("POST", target, &headers, body.to_string()).await;
    (reply.status.as_u16(), reply.json())
}

/// Checks status, reason and field of a problem. Returns its detail.
#[track_caller]
fn refused((status, document): &Told, expected: u16, reason: &str, field: &str) -> String {
    assert_eq!((*status, &document["reason"]), (expected, &json!(reason)), "{document}");
    let first = document["causes"][0]["field"].as_str().unwrap_or_default();
    assert_eq!(first, field, "{document}");
    document["detail"].as_str().unwrap().to_owned()
}

/// The document of a job that was created, or found again (200).
#[track_caller]
fn made((status, document): Told, expected: u16) -> Value {
    assert_eq!((status, &document["status"]), (expected, &json!("created")), "{document}");
    document
}

/// The last body that was posted.
fn posted(lab: &Lab) -> Value {
    let mut posts = lab.cluster.requests().into_iter().filter(|request| request.method == "POST");
    posts.next_back().unwrap().body
}

fn version(lab: &Lab) -> Value {
    lab.cluster.cron_job("default", "etl").unwrap()["metadata"]["resourceVersion"].clone()
}

/// Changes etl in this place.
fn change_etl(lab: &Lab, pointer: &str, value: Value) {
    let mut etl = lab.cluster.cron_job("default", "etl").unwrap();
    *etl.pointer_mut(pointer).unwrap() = value;
    lab.cluster.put_cron_job(etl);
}
