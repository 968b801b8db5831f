//! Batches that are refused before a job is sent: wrong fields, taken names, members of a former batch.

use serde_json::{Value, json};

use super::{CREATE_BATCH, batch, numbers, post, post_with_key, posts, with};
use crate::calls::{JOBS, detail, lab, manifest, nameless, problem};
use crate::live::{until, until_status};
use crate::support::Lab;
use crate::support::stub::{Fault, Gate, Kind};

fn field(document: &Value) -> &str {
    document["causes"][0]["field"].as_str().unwrap_or_default()
}

#[tokio::test]
async fn a_fault_in_the_last_job_keeps_the_first_from_being_sent() {
    let lab = lab().await;
    let mut body = batch("nightly", 20);
    for (member, value, status, reason, at) in [
        ("overrides", json!({ "image": 7 }), 400, "BadRequest", "jobs[19].overrides.image"),
        ("overrides", json!({ "container": "none" }), 422, "Invalid", "jobs[19].overrides.container"),
        ("id", json!("id-0"), 422, "Invalid", "jobs[19].id"),
        ("id", json!(19), 400, "BadRequest", "jobs[19].id"),
        ("job_manifest", manifest("named"), 422, "Invalid", "jobs[19].job_manifest.metadata.name"),
        ("image", json!("x"), 400, "BadRequest", "jobs[19].image"),
    ] {
        body["jobs"][19] = json!({ member: value });
        let document = problem(&post(&lab, &body).await, status, reason);
        assert_eq!(field(&document), at, "{document}");
    }
    let too_many = problem(&post(&lab, &batch("nightly", 1001)).await, 422, "Invalid");
    assert_eq!(field(&too_many), "jobs");
    assert_eq!(field(&problem(&post(&lab, &batch("nightly", 0)).await, 422, "Invalid")), "jobs");
    for (member, value, instead) in [
        ("wait", json!("1m"), "call get-batch-status with wait"),
        ("job_name", json!("x"), "batch_name names the batch"),
        ("dry_run", json!(true), "use create-job with dry_run"),
        ("field_validation", json!("strict"), "use create-job with field_validation"),
        ("surprise", json!(1), "unknown field"),
    ] {
        let document = problem(&post(&lab, &with(batch("x", 1), &json!({ member: value }))).await, 400, "BadRequest");
        assert_eq!(field(&document), member);
        assert!(document["detail"].as_str().unwrap().contains(instead), "{document}");
    }
    assert_eq!(posts(&lab), 0);
}

#[tokio::test]
async fn a_bare_manifest_is_refused_with_advice() {
    let lab = lab().await;
    let mut bare = manifest("hello");
    bare["apiVersion"] = json!("batch/v1");
    for media in ["application/json", "application/yaml"] {
        let reply = lab.service.send("POST", CREATE_BATCH, &[("content-type", media)], bare.to_string()).await;
        let text = detail(&reply, 400, "BadRequest");
        assert_eq!(text, "body: is a manifest: put it into job_manifest, beside the list jobs", "{media}");
    }
}

#[tokio::test]
async fn a_name_that_is_taken_is_a_conflict() {
    let lab = lab().await;
    lab.cluster.put_job(manifest("nightly"));
    let text = detail(&post(&lab, &batch("nightly", 1)).await, 409, "AlreadyExists");
    assert_eq!(text, "a job nightly in namespace default exists already: use another batch_name");
    assert_eq!(post_with_key(&lab, "one", &batch("weekly", 1)).await.status, 201);
    let text = detail(&post_with_key(&lab, "two", &batch("weekly", 1)).await, 409, "AlreadyExists");
    assert!(text.contains("batch weekly") && text.contains("another call"), "{text}");
    problem(&post(&lab, &batch("weekly", 1)).await, 409, "AlreadyExists");
}

/// A lab with the batch nightly of 2 jobs, whose members stay when the head goes.
async fn held() -> Lab {
    let lab = lab().await;
    assert_eq!(post(&lab, &batch("nightly", 2)).await.status, 201);
    lab.cluster.hold_garbage();
    lab
}

#[tokio::test]
async fn the_members_of_a_former_batch_must_go_first() {
    let lab = held().await;
    lab.cluster.remove_job("default", "nightly");
    assert!(lab.cluster.job("default", "nightly-0000").is_some());
    // The store knows that the head is gone.
    until_status(&lab.service, "nightly", |reply| reply.status == 404).await;
    let sent = posts(&lab);
    let reply = post(&lab, &batch("nightly", 2)).await;
    let text = detail(&reply, 409, "batch_deleting");
    assert!(text.contains("earlier batch") && reply.header("retry-after").is_some(), "{text}");
    assert_eq!(posts(&lab), sent, "no head is sent");
    lab.cluster.release_garbage();
    let reply = until(async || post(&lab, &batch("nightly", 2)).await, |reply| reply.status == 201).await;
    assert_eq!(numbers(&reply), (2, 0));
}

#[tokio::test]
async fn a_head_that_is_being_deleted_is_awaited() {
    let lab = held().await;
    lab.cluster.change_job("default", "nightly", |head| {
        head["metadata"]["deletionTimestamp"] = json!("2026-11-29T20:00:00Z");
    });
    for body in [batch("nightly", 2), batch("nightly", 3)] {
        let reply = post(&lab, &body).await;
        let text = detail(&reply, 409, "batch_deleting");
        assert!(text.contains("being deleted") && reply.header("retry-after").is_some(), "{text}");
    }
}

#[tokio::test]
async fn a_head_that_goes_meanwhile_takes_the_reply_with_it() {
    let lab = lab().await;
    let gate = Gate::new();
    lab.cluster.fault(Fault::new("POST", JOBS, Kind::HoldAfter(gate.clone())).after(2));
    let remove = async {
        gate.held(1).await;
        lab.cluster.remove_job("default", "nightly");
        gate.open();
    };
    let body = batch("nightly", 2);
    let (reply, ()) = tokio::join!(post(&lab, &body), remove);
    let text = detail(&reply, 409, "batch_deleting");
    assert!(text.contains("was deleted meanwhile"), "{text}");
}

#[tokio::test]
async fn own_manifests_need_no_common_one() {
    let lab = lab().await;
    let jobs =
        json!([{ "job_manifest": nameless() }, { "job_manifest": nameless(), "overrides": { "image": "other" } }]);
    let reply = post(&lab, &json!({ "batch_name": "own", "jobs": jobs })).await.expect_status(201);
    assert_eq!(numbers(&reply), (2, 0));
    let member = lab.cluster.job("default", "own-0001").unwrap();
    assert_eq!(member["spec"]["template"]["spec"]["containers"][0]["image"], "other");
    let lacks = post(&lab, &json!({ "jobs": [{ "job_manifest": nameless() }, {}] })).await;
    assert_eq!(field(&problem(&lacks, 400, "BadRequest")), "jobs[1].job_manifest");
}
