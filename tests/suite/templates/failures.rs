//! Templates that are missing, unreadable or wrong, and jobs that the API server refuses.

use serde_json::{Value, json};

use super::{change_etl, etl, made, post, refused, with, with_etl};
use crate::access::{ALICE, create_as, told, with_users};
use crate::calls::{JOBS, NAMESPACES, sent};
use crate::given::{CRON_JOBS, cron_job, job};
use crate::support::stub::{Fault, Kind, Right};

#[tokio::test]
async fn a_missing_template_is_404_and_the_reply_says_where_the_templates_are() {
    let lab = with_etl().await;
    for (source, template, namespace) in [
        (json!({ "cron_job": "nope" }), "cronjob/nope", "default"),
        (json!({ "job_name": "nope" }), "job/nope", "default"),
        (json!({ "preset": "nope" }), "preset/nope", "default"),
        (json!({ "cron_job": "etl" }), "cronjob/etl", "fresh"),
        (json!({ "preset": "etl" }), "preset/etl", "fresh"),
    ] {
        let body = with(&json!({ "template": source, "namespace": namespace }));
        let detail = refused(&post(&lab, &body).await, 404, "template_not_found", "");
        let start = format!("there is no template {template} in namespace {namespace}; ");
        assert!(detail.starts_with(&start) && detail.contains("/api/eks-list-templates?namespace="), "{detail}");
    }
    assert_eq!((lab.cluster.count("POST", JOBS), lab.cluster.count("POST", NAMESPACES)), (0, 0));
    assert_eq!(lab.cluster.namespace("fresh"), None);
    let gets = |path: &str| lab.cluster.count("GET", path);
    assert_eq!((gets(CRON_JOBS), gets(JOBS)), (1, 1), "a preset costs no read");
}

#[tokio::test]
async fn without_the_right_to_read_cron_jobs_only_that_call_suffers() {
    let lab = with_etl().await;
    lab.cluster.deny("get", "cronjobs");
    let detail = refused(&post(&lab, &etl()).await, 403, "Forbidden", "");
    assert!(detail.contains("cronjobs.batch \"etl\" is forbidden"), "{detail}");
    assert!(detail.contains("; the service's role needs the right to get cronjobs, see deploy/rbac.yaml"), "{detail}");
    assert_eq!(sent(&lab.cluster), [format!("GET {CRON_JOBS}/etl")]);
    made(post(&lab, &job("hello")).await, 201);
    made(post(&lab, &json!({ "template": { "job_name": "hello" } })).await, 201);
    assert_eq!(lab.service.get("/readyz").await.status, 200);
    let health = lab.service.get("/health").await.expect_status(200).json();
    let checks = health["checks"].as_object().unwrap();
    assert!(checks.values().all(|check| check["status"] == "passed"), "{health}");
    lab.service.get("/api/eks-list-jobs").await.expect_status(200);
}

#[tokio::test]
async fn with_the_callers_token_it_is_the_caller_who_needs_the_right() {
    let lab = with_users(&[]).await;
    lab.cluster.put_cron_job(cron_job("etl"));
    lab.cluster.allow_user("alice", Right::to(&["create", "get"], "jobs"));
    let (status, reason, detail) = told(&create_as(&lab.service, ALICE, &etl()).await);
    assert_eq!((status, reason.as_str()), (403, "Forbidden"));
    assert!(detail.ends_with("; you need the right to get cronjobs, see deploy/rbac.yaml"), "{detail}");
    lab.cluster.allow_user("alice", Right::to(&["get"], "cronjobs"));
    assert_eq!(create_as(&lab.service, ALICE, &etl()).await.status(), 201);
    let tokens: Vec<_> = lab.cluster.requests().into_iter().filter(|r| r.path.contains("/cronjobs/")).collect();
    assert!(tokens.iter().all(|request| request.token.as_deref() == Some(ALICE)));
}

#[tokio::test]
async fn a_failed_read_leaves_no_doubt_about_a_change() {
    let lab = with_etl().await;
    lab.cluster.fault(Fault::new("GET", CRON_JOBS, Kind::Garbage).always());
    let (status, document) = post(&lab, &etl()).await;
    assert_eq!((status, &document["reason"]), (502, &json!("upstream_bad_reply")), "{document}");
    assert!(!document["detail"].as_str().unwrap().contains("effect"), "{document}");
    assert_eq!(lab.cluster.count("POST", JOBS), 0);
}

#[tokio::test]
async fn a_wrong_template_is_422_and_named() {
    let lab = with_etl().await;
    change_etl(&lab, "/metadata/annotations", json!({ "eks-api/parameters": "DATE!!,=" }));
    let detail = refused(&post(&lab, &etl()).await, 422, "invalid_template", "template");
    assert!(detail.contains("cronjob/etl"), "{detail}");
    change_etl(&lab, "/metadata/annotations", json!({ "eks-api/parameters": "DATE" }));
    change_etl(&lab, "/spec/jobTemplate/metadata/annotations", json!({ "eks-api/template": "cronjob/x@1" }));
    let detail = refused(&post(&lab, &etl()).await, 422, "invalid_template", "template");
    assert!(detail.contains("cronjob/etl: metadata.annotations") && detail.contains("reserved"), "{detail}");
    assert_eq!(lab.cluster.count("POST", JOBS), 0);
}

#[tokio::test]
async fn a_wrong_parameter_or_override_is_422_with_its_field() {
    let lab = with_etl().await;
    for (more, field) in [
        (json!({ "parameters": {} }), "parameters.DATE"),
        (json!({ "parameters": { "DATE": "x", "OTHER": "y" } }), "parameters.OTHER"),
        (json!({ "overrides": { "container": "sidecar" } }), "overrides.container"),
        (json!({ "overrides": { "labels": { "eks-api/template": "x" } } }), "overrides.labels[eks-api/template]"),
    ] {
        let (status, document) = post(&lab, &with(&more)).await;
        assert_eq!((status, &document["reason"]), (422, &json!("Invalid")), "{document}");
        assert_eq!(document["causes"][0]["field"], field, "{document}");
    }
    // Together they are more than Kubernetes takes.
    let most = "x".repeat(256 << 10);
    let more = json!({ "overrides": { "annotations": { "n": &most[..most.len() - 1 - "ownerinstantiate".len()] } } });
    let (status, document) = post(&lab, &with(&more)).await;
    assert_eq!((status, &document["causes"][0]["field"]), (422, &json!("overrides.annotations")), "{document}");
    assert_eq!(lab.cluster.count("POST", JOBS), 0);
}

#[tokio::test]
async fn the_api_servers_causes_about_the_job_are_kept() {
    let lab = with_etl().await;
    change_etl(&lab, "/spec/jobTemplate/spec/template/spec/restartPolicy", json!("Always"));
    let (status, document) = post(&lab, &etl()).await;
    assert_eq!((status, &document["reason"]), (422, &json!("Invalid")), "{document}");
    assert_eq!(document["causes"][0]["field"], "spec.template.spec.restartPolicy", "{document}");
    assert_eq!(document["causes"][0].get("reason").and_then(Value::as_str).map(str::is_empty), Some(false));
}
