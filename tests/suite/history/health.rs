//! The check of the history in /health, and its metrics.

use serde_json::{Value, json};

use crate::access::{bearer, file, keygen};
use crate::given::{BINARY, job};
use crate::live::until;
use crate::support::service::{Folder, Reply};
use crate::support::{Lab, builder, surroundings};

const METRICS: [&str; 4] =
    ["eks_api_history_up", "eks_api_history_queued", "eks_api_history_size_bytes", "eks_api_history_records_total"];

/// Waits until the check has this status.
async fn until_check(lab: &Lab, headers: &[(&str, &str)], status: &str) -> Value {
    let ask = async || lab.service.send("GET", "/health", headers, "").await;
    until(ask, |reply: &Reply| reply.json()["checks"]["history"]["status"] == status).await.json()
}

async fn until_metric(lab: &Lab, line: &str) -> String {
    let line = format!("\n{line}\n");
    until(async || lab.service.get("/metrics").await, |reply| reply.text().contains(&line)).await.text()
}

#[tokio::test]
async fn a_history_that_records_passes_its_check() {
    let state = Folder::new();
    let lab = Lab::with(BINARY, &[("EKS_API_STATE_DIR", state.path().to_str().unwrap())]).await;
    let health = until_check(&lab, &[], "passed").await;
    assert_eq!((&health["status"], &health["checks"]["history"]), (&"healthy".into(), &json!({ "status": "passed" })));
    lab.service.post("/api/eks-create-job", &job("hello")).await.expect_status(201);
    until_metric(&lab, "eks_api_history_queued 0").await;
    let text = until_metric(&lab, "eks_api_history_up 1").await;
    assert!(text.contains("\neks_api_history_records_total{outcome=\"dropped\"} 0\n"), "{text}");
    assert!(METRICS.iter().all(|name| text.contains(&format!("# HELP {name} "))), "{text}");
    let clusters = lab.service.get("/api/eks-list-clusters").await.expect_status(200).json();
    assert_eq!(clusters["clusters"][0]["checks"].get("history"), None, "it is of no cluster");
}

#[tokio::test]
async fn a_history_that_fails_degrades_the_service_and_only_known_callers_learn_why() {
    let key = keygen("ci", "read", "*").await;
    let (cluster, aws) = surroundings().await;
    let settings =
        [("EKS_API_STATE_DIR", "/nonexistent/eks-api"), ("EKS_API_AUTH", "api-key"), ("EKS_API_KEYS_FILE", "keys")];
    let service = builder(BINARY, &aws).envs(&settings).file("keys", &file(&[&key])).start().await;
    service.ready().await;
    let lab = Lab { service, cluster, aws };
    let health = until_check(&lab, &[], "failed").await;
    assert_eq!((&health["status"], &health["checks"]["history"]), (&"degraded".into(), &json!({ "status": "failed" })));
    let known = bearer(&key.secret);
    let known = known.trim_end().split_once(": ").unwrap();
    let health = until_check(&lab, &[known], "failed").await;
    assert!(health["checks"]["history"]["detail"].is_string(), "{health}");
    lab.service.get("/readyz").await.expect_status(200);
    until_metric(&lab, "eks_api_history_up 0").await;
}

#[tokio::test]
async fn without_the_setting_there_is_neither_a_check_nor_a_metric() {
    let lab = Lab::start(BINARY).await;
    let health = lab.service.get("/health").await.expect_status(200).json();
    assert_eq!((&health["status"], health["checks"].get("history")), (&"healthy".into(), None));
    assert!(!lab.service.get("/metrics").await.text().contains("history"));
}
