//! Creating a job and waiting for its end with one call.

use serde_json::{Value, json};

use super::{LONG, lab_with_one_place, place_is_taken};
use crate::calls::{CREATE_JOB, JOBS, lab, manifest, problem, status};
use crate::live::{complete, failed, until};
use crate::support::Lab;
use crate::support::service::Reply;

fn body(name: &str, wait: &str) -> Value {
    json!({ "job_manifest": manifest(name), "wait": wait })
}

/// Creates the job `hello` with a call that waits.
async fn waits(lab: &Lab, path: &str, body: &Value) -> Reply {
    // The question whether the place is taken takes it for a moment. Then the call has nowhere to wait, and is sent
    // again, with the same key.
    let headers = [("content-type", "application/json"), ("idempotency-key", "once")];
    let create = async || lab.service.send("POST", path, &headers, body.to_string()).await;
    until(create, |reply| reply.json()["job"]["state"] != "pending").await
}

/// What such a call is answered when this happens while it waits.
async fn answered_when(lab: &Lab, path: &str, body: &Value, happens: impl FnOnce()) -> Reply {
    let then = async {
        place_is_taken(&lab.service).await;
        happens();
    };
    tokio::join!(waits(lab, path, body), then).0
}

#[tokio::test]
async fn create_with_a_wait_is_answered_with_the_status_at_the_end() {
    let (in_body, in_query) = (body("hello", LONG), json!({ "job_manifest": manifest("hello") }));
    let query = format!("{CREATE_JOB}?wait={LONG}");
    for (path, body, end) in [(CREATE_JOB, in_body, complete()), (&*query, in_query, failed())] {
        let lab = lab_with_one_place().await;
        let happens = || lab.cluster.set_job_status("default", "hello", end);
        let told = answered_when(&lab, path, &body, happens).await.json();
        assert_eq!((&told["job_name"], &told["status"]), (&json!("hello"), &json!("created")));
        assert_eq!(told["job"], status(&lab.service, "hello").await.json());
        assert_eq!(told["uid"], told["job"]["uid"]);
        assert_ne!(told["job"]["state"], "pending");
    }
}

#[tokio::test]
async fn a_job_that_is_removed_while_its_creator_waits_is_null() {
    let lab = lab_with_one_place().await;
    let happens = || lab.cluster.remove_job("default", "hello");
    let reply = answered_when(&lab, CREATE_JOB, &body("hello", LONG), happens).await;
    let told = reply.json();
    assert!(told.as_object().unwrap().contains_key("job") && told["job"].is_null(), "{told}");
    assert!(told["uid"].is_string(), "it was created all the same: {told}");
}

#[tokio::test]
async fn at_the_end_of_its_time_create_is_answered_with_the_present_state() {
    let lab = lab().await;
    let reply = lab.service.post(CREATE_JOB, &body("hello", "100ms")).await.expect_status(201);
    assert_eq!(reply.json()["job"]["state"], "pending");
    let without = lab.service.post(CREATE_JOB, &json!({ "job_manifest": manifest("other") })).await.expect_status(201);
    assert_eq!(without.json().get("job"), None);
}

#[tokio::test]
async fn create_that_finds_no_place_to_wait_tells_of_the_job_as_it_was_made() {
    let lab = lab_with_one_place().await;
    let path = super::waiting_for("probe", LONG);
    let then = async {
        place_is_taken(&lab.service).await;
        let reply = lab.service.post(CREATE_JOB, &body("hello", LONG)).await.expect_status(201);
        assert_eq!(reply.json()["job"]["state"], "pending", "null would mean that it is gone: {}", reply.text());
        lab.cluster.set_job_status("default", "probe", complete());
    };
    let (reply, ()) = tokio::join!(super::sent(&lab.service, &path, None), then);
    assert_eq!(reply.json()["state"], "completed");
}

#[tokio::test]
async fn a_wait_that_differs_in_query_and_body_or_is_no_time_is_refused_before_anything_is_made() {
    let lab = lab().await;
    let twice = lab.service.post(&format!("{CREATE_JOB}?wait=2s"), &body("hello", "1s")).await;
    let told = problem(&twice, 400, "BadRequest");
    assert_eq!(told["causes"][0]["field"], "wait");
    for bad in ["6m", "30", "-1s", "", "soon"] {
        problem(&lab.service.post(CREATE_JOB, &body("hello", bad)).await, 400, "BadRequest");
        let query = format!("{CREATE_JOB}?wait={bad}");
        problem(&lab.service.post(&query, &json!({ "job_manifest": manifest("hello") })).await, 400, "BadRequest");
    }
    problem(
        &lab.service.post(CREATE_JOB, &json!({ "job_manifest": manifest("hello"), "wait": 30 })).await,
        400,
        "BadRequest",
    );
    assert_eq!(lab.cluster.count("POST", JOBS), 0);
}

#[tokio::test]
async fn a_creator_that_hangs_up_frees_its_place() {
    let lab = lab_with_one_place().await;
    let body = body("hello", LONG);
    tokio::select! {
        reply = waits(&lab, CREATE_JOB, &body) => panic!("{}", reply.text()),
        () = place_is_taken(&lab.service) => {}
    }
    let path = super::waiting_for("probe", "0s");
    until(async || lab.service.get(&path).await, |reply| reply.status == 200).await;
    assert!(lab.cluster.job("default", "hello").is_some(), "the job is made all the same");
}
