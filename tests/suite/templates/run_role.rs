//! A key of the role `run`: what it may do, and sixty attempts to do more. The cluster sees no change by any of them, and
//! no template is read for them.

use serde_json::{Value, json};

use super::presets::{folder, preset};
use super::refused;
use crate::access::{Key, ask, bearer, keygen, keygen_with, with_keys};
use crate::calls::{CREATE_JOB, NAMESPACES};
use crate::given::cron_job;
use crate::live::own_job;
use crate::support::Lab;
use crate::wire::Wire;

const ROLE: &str = "role_not_sufficient";
const TEMPLATE: &str = "template_not_allowed";
const NAMESPACE: &str = "namespace_not_allowed";
const FORM: &str = "BadRequest";
const INVALID: &str = "Invalid";

/// A request, and the status and reason of its refusal.
struct Attempt {
    method: &'static str,
    target: String,
    lines: &'static str,
    body: String,
    status: u16,
    reason: &'static str,
}

async fn runner() -> (Lab, Key) {
    let key = keygen_with("runner", "run", "team-*", &["--templates", "cronjob/etl"]).await;
    let presets = folder(&[("etl.yaml", &preset("etl:1", ""))]);
    let lab = with_keys(&[&key], &[("EKS_API_PRESETS_DIR", presets.path().to_str().unwrap())]).await;
    for namespace in ["team-a", "prod", "default"] {
        lab.cluster.put_namespace(json!({ "metadata": { "name": namespace } }));
        for name in ["etl", "other"] {
            let mut found = cron_job(name);
            found["metadata"]["namespace"] = json!(namespace);
            lab.cluster.put_cron_job(found);
            let mut job = own_job(name);
            job["metadata"]["namespace"] = json!(namespace);
            lab.cluster.put_job(job);
        }
    }
    (lab, key)
}

/// A call that the key may make, with these members in place of its own.
fn with(more: &Value) -> Value {
    let mut body = json!({ "template": { "cron_job": "etl" }, "parameters": { "DATE": "x" }, "namespace": "team-a" });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

fn json_body(body: &Value, status: u16, reason: &'static str) -> Attempt {
    text(&body.to_string(), status, reason)
}

fn text(body: &str, status: u16, reason: &'static str) -> Attempt {
    let lines = "Content-Type: application/json\r\n";
    Attempt { method: "POST", target: CREATE_JOB.to_owned(), lines, body: body.to_owned(), status, reason }
}

fn yaml(body: &str, status: u16, reason: &'static str) -> Attempt {
    Attempt { lines: "Content-Type: application/yaml\r\n", ..text(body, status, reason) }
}

fn query(query: &str, attempt: Attempt) -> Attempt {
    Attempt { target: format!("{CREATE_JOB}?{query}"), ..attempt }
}

fn call(method: &'static str, target: &str, status: u16, reason: &'static str) -> Attempt {
    Attempt { method, target: target.to_owned(), lines: "", body: String::new(), status, reason }
}

fn of_the_body() -> Vec<Attempt> {
    let manifest = crate::given::job("x")["job_manifest"].take();
    let mut attempts = vec![
        json_body(&json!({ "job_manifest": manifest, "namespace": "team-a" }), 403, ROLE),
        json_body(&with(&json!({ "job_manifest": manifest })), 400, FORM),
        json_body(&json!({ "job_manifest": manifest, "template": null, "namespace": "team-a" }), 403, ROLE),
        json_body(&json!({ "job_manifest": { "template": { "cron_job": "etl" } }, "namespace": "team-a" }), 403, ROLE),
        json_body(&with(&json!({ "Job_manifest": manifest })), 400, FORM),
        json_body(&with(&json!({ "template": { "cron_job": "other" } })), 403, TEMPLATE),
        json_body(&with(&json!({ "template": { "preset": "etl" } })), 403, TEMPLATE),
        json_body(&with(&json!({ "template": { "preset": "nope" } })), 403, TEMPLATE),
        json_body(&with(&json!({ "template": { "cron_job": "nope" } })), 403, TEMPLATE),
        json_body(&with(&json!({ "template": { "job_name": "etl" } })), 403, ROLE),
        json_body(&with(&json!({ "template": { "job_name": "nope" } })), 403, ROLE),
        json_body(&with(&json!({ "template": { "cron_job": null, "job_name": "etl" } })), 403, ROLE),
        json_body(&with(&json!({ "template": { "cron_job": "etl", "job_name": "other" } })), 400, FORM),
        json_body(&with(&json!({ "template": { "cron_job": "etl", "namespace": "prod" } })), 400, FORM),
        json_body(&with(&json!({ "template": ["etl"] })), 400, FORM),
        json_body(&with(&json!({ "template": { "cron_job": ["etl", "other"] } })), 400, FORM),
        json_body(&with(&json!({ "namespace": "prod" })), 403, NAMESPACE),
        json_body(&with(&json!({ "namespace": "team" })), 403, NAMESPACE),
        json_body(&with(&json!({ "namespace": "xteam-a" })), 403, NAMESPACE),
        json_body(&with(&json!({ "namespace": null })), 403, NAMESPACE),
        json_body(&with(&json!({ "namespace": "team-a/../prod" })), 422, INVALID),
        json_body(&with(&json!({ "job_name": "../cronjobs/other" })), 422, INVALID),
        json_body(&with(&json!({ "dry_run": true })), 403, ROLE),
        json_body(&with(&json!({ "field_validation": "ignore" })), 403, ROLE),
        json_body(&with(&json!({ "field_validation": "strict" })), 403, ROLE),
        json_body(&with(&json!({ "cluster": "other" })), 403, "cluster_not_allowed"),
        json_body(&with(&json!({ "Template": { "cron_job": "other" } })), 400, FORM),
        json_body(&with(&json!({ "image": "x" })), 400, FORM),
        text(r#"{"template":{"cron_job":"etl"},"template":{"cron_job":"other"},"namespace":"team-a"}"#, 400, FORM),
        text(r#"{"template":{"cron_job":"etl"},"\u0074emplate":{"cron_job":"other"}}"#, 400, FORM),
        text(r#"{"template":{"cron_job":"etl","cron_job":"other"},"namespace":"team-a"}"#, 400, FORM),
        text(r#"{"template":{"cron_job":"etl"},"namespace":"team-a","namespace":"prod"}"#, 400, FORM),
        text(r#"{"template":{"cron_job":"etl"},"overrides":{},"overrides":{"image":"x"}}"#, 400, FORM),
        yaml("metadata: {name: x, namespace: team-a}\nspec: {}\n", 403, ROLE),
        yaml("template: {cron_job: other}\nnamespace: team-a\n", 403, TEMPLATE),
        yaml("template: {cron_job: etl}\nnamespace: team-a\nmetadata: {name: x}\n", 403, ROLE),
        yaml("template: {cron_job: etl}\nnamespace: team-a\n<<: {overrides: {image: x}}\n", 403, ROLE),
        yaml("template: {cron_job: etl}\ntemplate: {cron_job: other}\n", 400, FORM),
        yaml("job_manifest: {}\nnamespace: team-a\n", 403, ROLE),
    ];
    for name in ["Etl", "etl ", "etl/../other", "etl%2F..%2Fother", "cronjob/etl", "*", "etl\u{0}", "еtl", "", "etl?x"]
    {
        attempts.push(json_body(&with(&json!({ "template": { "cron_job": name } })), 422, INVALID));
    }
    for overrides in [
        json!({ "container": "main" }),
        json!({ "image": "x" }),
        json!({ "image": null }),
        json!({ "command": ["sh"] }),
        json!({ "args": [] }),
        json!({ "env": { "MODE": "x" } }),
        json!({ "resources": {} }),
        json!({ "labels": {} }),
        json!({ "annotations": { "a": "b" } }),
        json!({ "backoff_limit": 0 }),
        json!({ "active_deadline_seconds": 1 }),
        json!({ "parallelism": 100 }),
        json!({ "completions": 100 }),
        json!({ "suspend": true }),
        json!({ "ttl_seconds_after_finished": 1, "image": "x" }),
        json!({ "Ttl_seconds_after_finished": 1 }),
        json!({ "ttlSecondsAfterFinished": 1 }),
        json!({ "spec": {} }),
    ] {
        attempts.push(json_body(&with(&json!({ "overrides": overrides })), 403, ROLE));
    }
    attempts
}

fn of_other_places() -> Vec<Attempt> {
    let good = || json_body(&with(&json!({})), 403, ROLE);
    let differs = || Attempt { status: 400, reason: FORM, ..good() };
    let prod = || json_body(&json!({ "template": { "cron_job": "etl" } }), 403, NAMESPACE);
    let job = "?job_name=etl&namespace=team-a";
    vec![
        query("dry_run=true", good()),
        query("dry_run=true", json_body(&with(&json!({ "dry_run": true })), 403, ROLE)),
        query("dry_run=true", json_body(&with(&json!({ "dry_run": false })), 400, FORM)),
        query("field_validation=warn", good()),
        query("namespace=prod", differs()),
        query("namespace=prod", prod()),
        query("namespace=%70rod", prod()),
        query("namespace=team-a&namespace=prod", differs()),
        query("template=other", differs()),
        query("job_manifest=x", differs()),
        query("Dry_run=true", differs()),
        query("cluster=other", Attempt { reason: "cluster_not_allowed", ..good() }),
        Attempt { lines: "Content-Type: text/plain\r\n", status: 415, reason: "UnsupportedMediaType", ..good() },
        Attempt { target: format!("{CREATE_JOB}/"), status: 404, reason: "path_not_found", ..good() },
        Attempt { target: "/api/eks-create-namespace".to_owned(), ..text(r#"{"namespace_name":"team-x"}"#, 403, ROLE) },
        Attempt { target: "/api/eks-suspend-job".to_owned(), ..text(r#"{"job_name":"etl"}"#, 403, ROLE) },
        call("DELETE", &format!("/api/eks-delete-job{job}"), 403, ROLE),
        call("DELETE", "/api/eks-delete-namespace?namespace_name=team-a", 403, ROLE),
        call("POST", &format!("/api/eks-suspend-job{job}"), 403, ROLE),
        call("POST", &format!("/api/eks-resume-job{job}"), 403, ROLE),
        call("POST", "/api/eks-create-namespace?namespace_name=team-x", 403, ROLE),
        call("PUT", CREATE_JOB, 405, "MethodNotAllowed"),
        call("PATCH", CREATE_JOB, 405, "MethodNotAllowed"),
        call("GET", CREATE_JOB, 405, "MethodNotAllowed"),
        call("POST", &format!("/api/eks-delete-job{job}"), 405, "MethodNotAllowed"),
        call("GET", "/api/eks-list-jobs?namespace=prod", 403, NAMESPACE),
        call("GET", "/api/eks-get-job-status?job_name=etl&namespace=prod", 403, NAMESPACE),
    ]
}

/// Makes the attempt, with these header lines too.
async fn attempt(lab: &Lab, key: &Key, attempt: &Attempt, more: &str) -> (u16, Value) {
    let Attempt { method, target, lines, body, .. } = attempt;
    let head = format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n", body.len());
    let mut wire = Wire::connect(&lab.service).await;
    wire.send(&format!("{head}{lines}{more}{}\r\n{body}", bearer(&key.secret))).await;
    let answer = wire.answer().await;
    (answer.status(), serde_json::from_str(&answer.body).unwrap_or_default())
}

#[tokio::test]
async fn whatever_else_it_tries_is_refused_and_the_cluster_sees_nothing_of_it() {
    let (lab, key) = runner().await;
    let attempts: Vec<Attempt> = of_the_body().into_iter().chain(of_other_places()).collect();
    assert!(attempts.len() >= 60, "{}", attempts.len());
    for (at, tried) in attempts.iter().enumerate() {
        let what = format!("{at}: {} {} {}", tried.method, tried.target, tried.body);
        let (status, document) = attempt(&lab, &key, tried, "").await;
        assert_eq!((status, &document["reason"]), (tried.status, &json!(tried.reason)), "{what}: {document}");
        // An Idempotency-Key changes nothing. A dry run takes none.
        let (expected, reason) = if document["detail"].as_str().is_some_and(|detail| detail.contains("dry run")) {
            (400, FORM)
        } else {
            (tried.status, tried.reason)
        };
        let (status, document) = attempt(&lab, &key, tried, "Idempotency-Key: k\r\n").await;
        assert_eq!((status, &document["reason"]), (expected, &json!(reason)), "{what}: {document}");
    }
    let seen = lab.cluster.requests();
    let seen: Vec<_> = seen.iter().filter(|seen| seen.method != "GET" || seen.path.contains("cronjobs")).collect();
    assert!(seen.is_empty(), "{seen:?}");
}

#[tokio::test]
async fn a_refusal_says_what_the_role_may_not() {
    let (lab, key) = runner().await;
    for (more, detail) in [
        (
            json!({ "template": { "cron_job": "other" } }),
            "you may create jobs from the templates cronjob/etl only, not from cronjob/other",
        ),
        (
            json!({ "template": { "job_name": "etl" } }),
            "the role run may not run a Job again: this needs the role write",
        ),
        (
            json!({ "overrides": { "suspend": true, "image": "x" } }),
            "the role run may not set overrides.image: this needs the role write",
        ),
        (json!({ "dry_run": true }), "the role run may not make a dry run: this needs the role write"),
        (json!({ "field_validation": "warn" }), "the role run may not set field_validation: this needs the role write"),
    ] {
        let (_, document) = attempt(&lab, &key, &json_body(&with(&more), 403, ROLE), "").await;
        assert_eq!(document["detail"], detail);
    }
    let manifest = json_body(&crate::given::job("x"), 403, ROLE);
    let (_, document) = attempt(&lab, &key, &manifest, "").await;
    assert_eq!(document["detail"], "this needs the role write, and yours is run");
}

#[tokio::test]
async fn it_makes_jobs_from_its_templates() {
    let (lab, key) = runner().await;
    let body = with(&json!({ "job_name": "etl-manual", "wait": "0s", "cluster": "lab", "dry_run": false,
        "overrides": { "ttl_seconds_after_finished": 60 } }));
    for status in [201, 200] {
        let (found, document) = attempt(&lab, &key, &json_body(&body, 0, ""), "Idempotency-Key: k\r\n").await;
        assert_eq!((found, &document["template"]), (status, &json!("cronjob/etl")), "{document}");
    }
    let stored = lab.cluster.job("team-a", "etl-manual").unwrap();
    assert_eq!(stored["spec"]["ttlSecondsAfterFinished"], 60);
    let text = "template: {cron_job: etl}\nparameters: {DATE: x}\n";
    let in_yaml = query("namespace=team-a", yaml(text, 0, ""));
    assert_eq!(attempt(&lab, &key, &in_yaml, "").await.0, 201);
}

#[tokio::test]
async fn a_namespace_that_would_have_to_be_made_stays_missing() {
    let (lab, key) = runner().await;
    let body = with(&json!({ "namespace": "team-new" }));
    refused(&attempt(&lab, &key, &json_body(&body, 0, ""), "").await, 404, "template_not_found", "");
    assert_eq!((lab.cluster.namespace("team-new"), lab.cluster.count("POST", NAMESPACES)), (None, 0));
}

#[tokio::test]
async fn it_reads_what_the_role_read_reads() {
    let (run, read) = (
        keygen_with("runner", "run", "team-*", &["--templates", "cronjob/etl"]).await,
        keygen("reader", "read", "team-*").await,
    );
    let lab = with_keys(&[&run, &read], &[]).await;
    let mut job = own_job("mine");
    job["metadata"]["namespace"] = json!("team-a");
    lab.cluster.put_job(job);
    for target in [
        "/api/eks-list-jobs?namespace=team-a",
        "/api/eks-list-jobs?namespace=prod",
        "/api/eks-get-job-status?job_name=mine&namespace=team-a&details=true",
        "/api/eks-get-job-status?job_name=nope&namespace=team-a",
        "/api/eks-get-job-logs?job_name=mine&namespace=team-a",
        "/api/eks-list-namespaces",
        "/api/eks-get-namespace-status?namespace_name=team-a",
        "/api/eks-list-clusters",
        "/health",
    ] {
        let lines = "Cache-Control: no-cache\r\n";
        let mut statuses = Vec::new();
        for key in [&run, &read] {
            statuses.push(ask(&lab.service, "GET", target, &(bearer(&key.secret) + lines), None).await.status());
        }
        assert_eq!(statuses[0], statuses[1], "{target}");
    }
    let answer = ask(&lab.service, "POST", CREATE_JOB, &bearer(&read.secret), Some(&with(&json!({})))).await;
    let document = serde_json::from_str(&answer.body).unwrap();
    refused(&(answer.status(), document), 403, ROLE, "");
}
