//! The dry run of a job from a template.

use serde_json::{Value, json};

use super::{etl, post, refused, send, version, with, with_etl};
use crate::calls::{CREATE_JOB, JOBS, NAMESPACES, sent};
use crate::given::CRON_JOBS;

#[tokio::test]
async fn a_dry_run_shows_the_job_that_the_template_makes_and_creates_nothing() {
    let lab = with_etl().await;
    for (target, body) in [
        (CREATE_JOB.to_owned(), with(&json!({ "dry_run": true, "job_name": "etl-dry" }))),
        (format!("{CREATE_JOB}?dry_run=true"), with(&json!({ "job_name": "etl-dry" }))),
    ] {
        let (status, reply) = send(&lab, &target, "", &body).await;
        assert_eq!((status, &reply["status"]), (200, &json!("dry_run")), "{reply}");
        assert_eq!((&reply["template"], &reply["template_version"]), (&json!("cronjob/etl"), &version(&lab)));
        let manifest = &reply["job_manifest"];
        assert_eq!((&manifest["metadata"]["name"], &reply["job_name"]), (&json!("etl-dry"), &json!("etl-dry")));
        assert_eq!(manifest["metadata"]["managedFields"], Value::Null);
        let env = &manifest["spec"]["template"]["spec"]["containers"][0]["env"];
        assert!(env.as_array().unwrap().contains(&json!({ "name": "DATE", "value": "2026-11-27" })), "{env}");
    }
    let calls = [format!("GET {CRON_JOBS}/etl"), format!("POST {JOBS}")];
    assert_eq!(sent(&lab.cluster), [calls.clone(), calls].concat());
    let mut posts = lab.cluster.requests().into_iter().filter(|request| request.method == "POST");
    assert!(posts.all(|post| post.parameter("dryRun") == Some("All")));
    assert_eq!(lab.cluster.job("default", "etl-dry"), None);
}

#[tokio::test]
async fn a_dry_run_fails_as_the_call_would() {
    let lab = with_etl().await;
    let dry = |more: Value| {
        let mut body = with(&more);
        body["dry_run"] = json!(true);
        body
    };
    refused(&post(&lab, &dry(json!({ "template": { "cron_job": "nope" } }))).await, 404, "template_not_found", "");
    let missing = post(&lab, &dry(json!({ "namespace": "fresh" }))).await;
    let detail = refused(&missing, 404, "template_not_found", "");
    assert!(detail.contains("namespace fresh"), "{detail}");
    assert_eq!((lab.cluster.count("POST", JOBS), lab.cluster.count("POST", NAMESPACES)), (0, 0));
    let lines = "Idempotency-Key: k\r\n";
    refused(&send(&lab, CREATE_JOB, lines, &dry(json!({}))).await, 400, "BadRequest", "dry_run");
    let body = etl();
    let target = format!("{CREATE_JOB}?dry_run=true");
    refused(&send(&lab, &target, lines, &body).await, 400, "BadRequest", "dry_run");
}
