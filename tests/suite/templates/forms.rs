//! What is refused for the form of the call, before anything is read; and the call in YAML.

use serde_json::{Value, json};

use super::{etl, made, post, refused, send, with, with_etl};
use crate::calls::{CREATE_JOB, sent};
use crate::given::{CRON_JOBS, JOBS, job};

#[tokio::test]
async fn a_wrong_form_is_refused_before_anything_is_read() {
    let lab = with_etl().await;
    let mut both = etl();
    both["job_manifest"] = job("x")["job_manifest"].take();
    let own = |more: &Value| {
        let mut body = job("x");
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    for (body, status, reason, field) in [
        (both, 400, "BadRequest", "template"),
        (json!({ "namespace": "default" }), 400, "BadRequest", "body"),
        (own(&json!({ "job_name": "x" })), 400, "BadRequest", "job_name"),
        (own(&json!({ "parameters": {} })), 400, "BadRequest", "parameters"),
        (own(&json!({ "overrides": {} })), 400, "BadRequest", "overrides"),
        (with(&json!({ "template": "cronjob/etl" })), 400, "BadRequest", "template"),
        (with(&json!({ "template": { "cron_job": "etl", "job_name": "etl" } })), 400, "BadRequest", "template"),
        (with(&json!({ "template": { "cron_job": 1 } })), 400, "BadRequest", "template.cron_job"),
        (with(&json!({ "template": { "cron_job": "../jobs/x" } })), 422, "Invalid", "template.cron_job"),
        (with(&json!({ "parameters": ["DATE"] })), 400, "BadRequest", "parameters"),
        (with(&json!({ "overrides": "image" })), 400, "BadRequest", "overrides"),
        (with(&json!({ "parameters": { "DATE": 7 } })), 400, "BadRequest", "parameters.DATE"),
        (with(&json!({ "overrides": { "imagee": "x" } })), 400, "BadRequest", "overrides.imagee"),
        (with(&json!({ "overrides": { "backoff_limit": -1 } })), 422, "Invalid", "overrides.backoff_limit"),
        (with(&json!({ "job_name": "Etl" })), 422, "Invalid", "job_name"),
        (with(&json!({ "namespace": "A" })), 422, "Invalid", "namespace"),
        (with(&json!({ "wait": "1h" })), 400, "BadRequest", "wait"),
        (with(&json!({ "field_validation": "Strict" })), 400, "BadRequest", "field_validation"),
        (with(&json!({ "dry_run": true, "wait": "1s" })), 400, "BadRequest", "dry_run"),
        (with(&json!({ "image": "x" })), 400, "BadRequest", "image"),
    ] {
        refused(&post(&lab, &body).await, status, reason, field);
    }
    let detail = refused(&post(&lab, &with(&json!({ "template": {} }))).await, 400, "BadRequest", "template");
    assert!(detail.contains("exactly one of cron_job, job_name and preset"), "{detail}");
    for member in ["template", "job_name", "parameters", "overrides"] {
        let target = format!("{CREATE_JOB}?{member}=x");
        let detail = refused(&send(&lab, &target, "", &etl()).await, 400, "BadRequest", member);
        assert!(detail.contains("belongs in the JSON body of this call"), "{detail}");
    }
    assert_eq!(sent(&lab.cluster), [""; 0]);
}

#[tokio::test]
async fn null_counts_as_missing() {
    let lab = with_etl().await;
    let body = with(&json!({ "job_manifest": null, "job_name": null, "overrides": null, "namespace": null,
        "template": { "cron_job": "etl", "preset": null } }));
    assert_eq!(made(post(&lab, &body).await, 201)["template"], "cronjob/etl");
}

#[tokio::test]
async fn the_call_is_taken_in_yaml() {
    let lab = with_etl().await;
    let yaml = "application/yaml";
    let call = async |target: &str, body: &str| {
        let lines = format!(
            "POST {target} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {yaml}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut wire = crate::wire::Wire::connect(&lab.service).await;
        wire.send(&lines).await;
        let answer = wire.answer().await;
        (answer.status(), serde_json::from_str::<Value>(&answer.body).unwrap())
    };
    let body = "template: {cron_job: etl}\nparameters: {DATE: \"2026-11-27\"}\njob_name: etl-yaml\n";
    assert_eq!(made(call(CREATE_JOB, body).await, 201)["job_name"], "etl-yaml");
    assert_eq!(sent(&lab.cluster), [format!("GET {CRON_JOBS}/etl"), format!("POST {JOBS}")]);
    // A manifest stays a manifest, with a member of this name too.
    for body in ["metadata: {name: x}\ntemplate: {cron_job: etl}\n", "spec: {}\ntemplate: {cron_job: etl}\n"] {
        let (status, document) = call(CREATE_JOB, body).await;
        assert!((400..500).contains(&status) && status != 404, "{document}");
        assert_eq!(lab.cluster.count("GET", CRON_JOBS), 1);
    }
    // Neither a manifest nor a call.
    refused(&call(CREATE_JOB, "cron_job: etl\n").await, 400, "BadRequest", "cron_job");
    refused(&call(CREATE_JOB, "- template\n").await, 400, "BadRequest", "body");
}
