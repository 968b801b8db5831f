//! Idempotency-Key: a caller's own retries make one job, with no store but the job itself.

use serde_json::{Value, json};

use crate::calls::{CREATE_JOB, JOBS, NAMESPACES, create_with, detail, lab, manifest, nameless, problem, sent};
use crate::support::Lab;
use crate::support::service::Reply;
use crate::support::stub::{Fault, Kind};

async fn create(lab: &Lab, key: &str, manifest: &Value) -> Reply {
    create_with(&lab.service, &[("idempotency-key", key)], &json!({ "job_manifest": manifest })).await
}

#[tokio::test]
async fn the_same_key_and_body_give_the_same_job_and_200() {
    for manifest in [manifest("hello"), nameless()] {
        let lab = lab().await;
        let first = create(&lab, "nightly 2026-01-20", &manifest).await;
        assert_eq!(first.status, 201, "{}", first.text());
        for _ in 0..2 {
            let again = create(&lab, "nightly 2026-01-20", &manifest).await;
            assert_eq!(again.status, 200, "{}", again.text());
            assert_eq!(again.json(), first.json());
        }
        let name = first.json()["job_name"].as_str().unwrap().to_owned();
        let (post, get) = (format!("POST {JOBS}"), format!("GET {JOBS}/{name}"));
        assert_eq!(sent(&lab.cluster), [&*post, &post, &get, &post, &get], "the name is the same each time");
    }
}

#[tokio::test]
async fn how_the_call_is_made_does_not_count() {
    let lab = lab().await;
    let key = [("content-type", "application/json"), ("idempotency-key", "k")];
    let mut seen = Vec::new();
    for (query, more) in [
        ("", json!({})),
        ("?wait=0s", json!({})),
        ("", json!({ "wait": "0s", "field_validation": "warn", "dry_run": false })),
        ("?field_validation=ignore&dry_run=false", json!({ "namespace": null })),
    ] {
        let mut body = json!({ "job_manifest": nameless() });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let reply = lab.service.send("POST", &format!("{CREATE_JOB}{query}"), &key, body.to_string()).await;
        seen.push((reply.status.as_u16(), reply.json()["uid"].clone()));
    }
    let uid = seen[0].1.clone();
    assert_eq!(seen, [201, 200, 200, 200].map(|status| (status, uid.clone())));
}

#[tokio::test]
async fn a_generate_name_and_a_key_make_one_stable_name() {
    let lab = lab().await;
    let mut wanted = nameless();
    wanted["metadata"]["generateName"] = json!("nightly-");
    let first = create(&lab, "k", &wanted).await.json();
    assert!(first["job_name"].as_str().unwrap().starts_with("nightly-"), "{first}");
    assert_eq!(create(&lab, "k", &wanted).await.json()["job_name"], first["job_name"]);
    assert_ne!(create(&lab, "l", &wanted).await.json()["job_name"], first["job_name"]);
}

#[tokio::test]
async fn the_same_key_with_another_body_is_refused() {
    for base in [manifest("hello"), nameless()] {
        let lab = lab().await;
        let first = create(&lab, "k", &base).await.json();
        let mut other = base.clone();
        other["spec"]["backoffLimit"] = json!(0);
        let told = detail(&create(&lab, "k", &other).await, 409, "idempotency_key_reused");
        assert!(told.contains(first["job_name"].as_str().unwrap()), "{told}");
        let stored = lab.cluster.job("default", first["job_name"].as_str().unwrap()).unwrap();
        assert_eq!(stored["metadata"]["uid"], first["uid"]);
    }
}

#[tokio::test]
async fn another_key_or_none_does_not_get_at_a_job_of_the_same_name() {
    let lab = lab().await;
    assert_eq!(create(&lab, "mine", &manifest("hello")).await.status, 201);
    problem(&create(&lab, "yours", &manifest("hello")).await, 409, "AlreadyExists");
    let without = create_with(&lab.service, &[], &json!({ "job_manifest": manifest("hello") })).await;
    problem(&without, 409, "AlreadyExists");
}

#[tokio::test]
async fn a_stamp_copied_into_a_manifest_speaks_for_nobody() {
    let lab = lab().await;
    assert_eq!(create(&lab, "k", &manifest("hello")).await.status, 201);
    let copied = lab.cluster.job("default", "hello").unwrap()["metadata"]["annotations"].clone();
    let mut wanted = manifest("copy");
    wanted["metadata"]["annotations"] = copied.clone();
    let refused = create_with(&lab.service, &[], &json!({ "job_manifest": wanted })).await;
    problem(&refused, 422, "Invalid");
    // In the dump of a job it is no mistake, and is not taken over.
    wanted["metadata"]["uid"] = json!("3516b51f-0a07-449a-a4d7-fa3ebbe10ebe");
    let reply = create_with(&lab.service, &[], &json!({ "job_manifest": wanted })).await;
    assert_eq!(reply.status, 201);
    let stored = lab.cluster.job("default", "copy").unwrap();
    assert_eq!(stored["metadata"]["annotations"]["eks-api/idempotency"], Value::Null);
    assert_ne!(stored["metadata"]["annotations"]["eks-api/create-id"], copied["eks-api/create-id"]);
}

#[tokio::test]
async fn a_key_stands_for_its_job_in_its_own_namespace_only() {
    let lab = lab().await;
    let mut there = nameless();
    there["metadata"]["namespace"] = json!("there");
    let here = create(&lab, "k", &nameless()).await;
    let there = create(&lab, "k", &there).await;
    assert_eq!((here.status.as_u16(), there.status.as_u16()), (201, 201));
    assert_eq!(lab.cluster.count("POST", NAMESPACES), 1);
}

#[tokio::test]
async fn a_lost_reply_and_a_full_quota_do_not_hide_the_job_from_the_next_try() {
    let lab = lab().await;
    let first = create(&lab, "k", &manifest("hello")).await;
    lab.cluster.fault(Fault::new("POST", JOBS, Kind::CutBefore));
    let second = create(&lab, "k", &manifest("hello")).await;
    lab.cluster.fault(Fault::new("POST", JOBS, Kind::status(403, "Forbidden", "exceeded quota: one")));
    let third = create(&lab, "k", &manifest("hello")).await;
    assert_eq!((&first.json()["uid"], &first.json()["uid"]), (&second.json()["uid"], &third.json()["uid"]));
    assert_eq!(third.status, 200);
}

#[tokio::test]
async fn a_repetition_whose_job_cannot_be_read_is_neither_a_conflict_nor_over_the_quota() {
    for quota in [None, Some(1)] {
        let lab = lab().await;
        assert_eq!(create(&lab, "k", &manifest("hello")).await.status, 201);
        lab.cluster.set_quota("default", quota);
        lab.cluster.fault(Fault::new("GET", JOBS, Kind::status(500, "InternalError", "the leader changed")).always());
        let again = create(&lab, "k", &manifest("hello")).await;
        assert!(again.status.is_server_error(), "{}", again.text());
    }
}

#[tokio::test]
async fn a_refusal_with_a_key_is_told_when_there_is_no_job() {
    let lab = lab().await;
    lab.cluster.fault(Fault::new("POST", JOBS, Kind::status(403, "Forbidden", "exceeded quota: one")));
    assert_eq!(detail(&create(&lab, "k", &manifest("hello")).await, 403, "Forbidden"), "exceeded quota: one");
}

#[tokio::test]
async fn the_key_itself_goes_nowhere() {
    let lab = lab().await;
    assert_eq!(create(&lab, "order-4711-secret", &manifest("hello")).await.status, 201);
    let stored = lab.cluster.job("default", "hello").unwrap().to_string();
    assert!(!stored.contains("order-4711") && stored.contains("eks-api/idempotency"), "{stored}");
    assert!(!lab.service.logs().join("\n").contains("order-4711"));
}

#[tokio::test]
async fn a_key_that_is_no_short_line_of_ascii_is_refused() {
    let lab = lab().await;
    for key in ["", "ä", "a\tb", &"k".repeat(256)] {
        let reply = create(&lab, key, &manifest("hello")).await;
        assert_eq!(problem(&reply, 400, "BadRequest")["causes"][0]["field"], "Idempotency-Key", "{key:?}");
    }
    assert_eq!(sent(&lab.cluster), [""; 0]);
    assert_eq!(create(&lab, &"k".repeat(255), &manifest("hello")).await.status, 201);
}
