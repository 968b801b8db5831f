//! Idempotency-Key with a template: the key finds its job, whatever became of the template.

use serde_json::{Value, json};

use super::{change_etl, etl, made, post_with_key, refused, send, version, with, with_etl};
use crate::calls::{CREATE_JOB, JOBS, lab, sent};
use crate::given::{CRON_JOBS, cron_job};
use crate::support::Lab;
use crate::support::stub::{Fault, Kind};

/// Makes the template another one, or takes it away.
type Change = fn(&Lab);

fn spoil(lab: &Lab) {
    change_etl(lab, "/metadata/annotations", json!({ "eks-api/parameters": "!" }));
}

const CHANGES: [(&str, Change); 6] = [
    ("nothing", |_| ()),
    ("another image", |lab| {
        change_etl(lab, "/spec/jobTemplate/spec/template/spec/containers/0/image", json!("registry.example.com/x:2"));
    }),
    ("it is gone", |lab| lab.cluster.remove_cron_job("default", "etl")),
    ("it is invalid", spoil),
    ("it declares no parameter", |lab| change_etl(lab, "/metadata/annotations", json!({}))),
    ("Kubernetes refuses its job", |lab| {
        change_etl(lab, "/spec/jobTemplate/spec/template/spec/restartPolicy", json!("Always"));
    }),
];

#[tokio::test]
async fn the_key_finds_its_job_whatever_became_of_the_template() {
    for (what, change) in CHANGES {
        for name in [Value::Null, json!("etl-manual")] {
            let lab = with_etl().await;
            let (body, first_version) = (with(&json!({ "job_name": name })), version(&lab));
            let first = made(post_with_key(&lab, "k", &body).await, 201);
            assert_eq!((&first["template"], &first["template_version"]), (&json!("cronjob/etl"), &first_version));
            change(&lab);
            for _ in 0..2 {
                let again = made(post_with_key(&lab, "k", &body).await, 200);
                assert_eq!(again, first, "{what}");
            }
            let jobs = lab.service.get("/api/eks-list-jobs").await.json()["jobs"].as_array().unwrap().len();
            assert_eq!(jobs, 1, "{what}");
        }
    }
}

#[tokio::test]
async fn another_body_is_refused_whatever_became_of_the_template() {
    for (what, change) in CHANGES {
        let lab = with_etl().await;
        let body = with(&json!({ "job_name": "etl-manual" }));
        made(post_with_key(&lab, "k", &body).await, 201);
        change(&lab);
        for more in [
            json!({ "parameters": { "DATE": "2026-11-28" } }),
            json!({ "parameters": { "DATE": "2026-11-27", "MODE": "full" } }),
            json!({ "overrides": {} }),
            json!({ "overrides": { "backoff_limit": 0 } }),
            json!({ "template": { "cron_job": "other" } }),
            json!({ "template": { "preset": "etl" } }),
            json!({ "namespace": "default" }),
        ] {
            let mut other = body.clone();
            other.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let told = post_with_key(&lab, "k", &other).await;
            let detail = refused(&told, 409, "idempotency_key_reused", "");
            assert!(detail.contains("etl-manual"), "{what}: {detail}");
        }
    }
    // Without a name in the call the key gives one, to which the body is bound too.
    let lab = with_etl().await;
    made(post_with_key(&lab, "k", &etl()).await, 201);
    let other = with(&json!({ "parameters": { "DATE": "x" } }));
    refused(&post_with_key(&lab, "k", &other).await, 409, "idempotency_key_reused", "");
    lab.cluster.remove_cron_job("default", "etl");
    refused(&post_with_key(&lab, "k", &other).await, 409, "idempotency_key_reused", "");
}

#[tokio::test]
async fn how_the_call_is_made_does_not_count() {
    let lab = with_etl().await;
    let first = made(post_with_key(&lab, "k", &etl()).await, 201);
    for (query, more) in [
        ("?wait=0s", json!({})),
        ("", json!({ "wait": "0s", "field_validation": "warn", "dry_run": false })),
        ("?field_validation=ignore&dry_run=false", json!({ "namespace": null, "job_name": null, "overrides": null })),
    ] {
        let told = send(&lab, &format!("{CREATE_JOB}{query}"), "Idempotency-Key: k\r\n", &with(&more)).await;
        assert_eq!(made(told, 200)["uid"], first["uid"], "{query} {more}");
    }
    // Neither does a template that is gone.
    lab.cluster.remove_cron_job("default", "etl");
    let told = send(&lab, &format!("{CREATE_JOB}?wait=0s"), "Idempotency-Key: k\r\n", &etl()).await;
    let again = made(told, 200);
    assert_eq!((&again["uid"], &again["job"]["uid"]), (&first["uid"], &first["uid"]));
}

#[tokio::test]
async fn without_its_job_the_failure_of_the_template_is_told() {
    let lab = with_etl().await;
    let body = |name: &str| with(&json!({ "template": { "cron_job": name } }));
    refused(&post_with_key(&lab, "k", &body("nope")).await, 404, "template_not_found", "");
    spoil(&lab);
    refused(&post_with_key(&lab, "k", &etl()).await, 422, "invalid_template", "template");
    let gets = sent(&lab.cluster).into_iter().filter(|request| request.starts_with(&format!("GET {JOBS}/"))).count();
    assert_eq!((gets, lab.cluster.count("POST", JOBS)), (2, 0));
    // Nobody else's job is found by its name.
    made(super::post(&lab, &crate::given::job("etl-manual")).await, 201);
    let taken = with(&json!({ "job_name": "etl-manual" }));
    refused(&post_with_key(&lab, "k", &taken).await, 422, "invalid_template", "template");
    // Without a key there is nothing to look for.
    let before = lab.cluster.count("GET", JOBS);
    refused(&super::post(&lab, &taken).await, 422, "invalid_template", "template");
    assert_eq!(lab.cluster.count("GET", JOBS), before);
}

#[tokio::test]
async fn other_failures_are_told_as_they_are() {
    let lab = with_etl().await;
    let first = made(post_with_key(&lab, "k", &etl()).await, 201);
    lab.cluster.fault(Fault::new("GET", CRON_JOBS, Kind::status(403, "Forbidden", "no")));
    refused(&post_with_key(&lab, "k", &etl()).await, 403, "Forbidden", "");
    // A job that cannot be looked for may exist.
    lab.cluster.remove_cron_job("default", "etl");
    lab.cluster.fault(Fault::new("GET", &format!("{JOBS}/"), Kind::status(400, "BadRequest", "odd")));
    refused(&post_with_key(&lab, "k", &etl()).await, 400, "BadRequest", "");
    let name = first["job_name"].as_str().unwrap();
    lab.cluster.change_job("default", name, |job| {
        job["metadata"]["deletionTimestamp"] = json!("2026-11-27T10:00:00Z");
    });
    let detail = refused(&post_with_key(&lab, "k", &etl()).await, 409, "AlreadyExists", "");
    assert!(detail.contains("is being deleted"), "{detail}");
}

#[tokio::test]
async fn a_deleted_job_is_made_again_from_the_template_as_it_is() {
    let lab = with_etl().await;
    let first = made(post_with_key(&lab, "k", &etl()).await, 201);
    let name = first["job_name"].as_str().unwrap();
    lab.cluster.remove_job("default", name);
    lab.cluster.put_cron_job(cron_job("etl"));
    let second = made(post_with_key(&lab, "k", &etl()).await, 201);
    assert_eq!((&second["job_name"], &second["template_version"]), (&first["job_name"], &version(&lab)));
}

/// What 0.1.0 stores for the bodies below, with the key `nightly`.
const ZERO: &str = "2a3b62b53ddb9f167b63d22202a36081.52d1e6bd26ee0b4269d8a8f8d1376b60";
const ONE: &str = "2a3b62b53ddb9f167b63d22202a36081.2dae5f0e7fdf7dea531b0c6a38f917ce";

#[tokio::test]
async fn the_hash_of_a_body_of_0_1_0_does_not_change() {
    let lab = lab().await;
    let spec = json!({ "template": { "spec": { "restartPolicy": "Never", "containers": [
        { "name": "c", "image": "busybox", "args": ["é", "1e3"], "env": [{ "name": "N", "value": "x" }] }] } },
        "backoffLimit": 2, "ttlSecondsAfterFinished": 100 });
    for (at, (namespace, more, expected)) in [
        (Value::Null, json!({}), ZERO),
        (json!("default"), json!({}), ONE),
        (Value::Null, json!({ "wait": "0s", "field_validation": "warn", "dry_run": false }), ZERO),
    ]
    .into_iter()
    .enumerate()
    {
        let manifest = json!({ "metadata": { "name": format!("old-{}", at % 2) }, "spec": spec });
        let mut body = json!({ "job_manifest": manifest, "namespace": namespace });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        made(post_with_key(&lab, "nightly", &body).await, if at == 2 { 200 } else { 201 });
        let stored = lab.cluster.job("default", &format!("old-{}", at % 2)).unwrap();
        assert_eq!(stored["metadata"]["annotations"]["eks-api/idempotency"], expected);
    }
}
