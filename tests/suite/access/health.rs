//! What strangers learn of what goes wrong: which check fails, and not why, as that can name roles, accounts and addresses.

use serde_json::{Value, json};

use super::{ALICE, FORGED, ask, bearer, file, keygen, reason};
use crate::given::BINARY;
use crate::support::aws::AwsMock;
use crate::support::builder;
use crate::support::service::Service;
use crate::wire::Answer;

/// What AWS says of the role, with its ARN.
const WHY: &str = "is not authorized to perform";

/// A service that AWS does not let describe its cluster.
async fn refused_by_aws(settings: &[(&str, &str)], keys: &str) -> (Service, AwsMock) {
    let aws = AwsMock::start().await;
    aws.answers_recording("describe-cluster-access-denied");
    let service = builder(BINARY, &aws).envs(settings).file("keys", keys).start().await;
    service.log_line(|line| line.contains("check=cluster") && line.contains(WHY)).await;
    (service, aws)
}

/// What `/health` and `/readyz` tell whoever shows this.
async fn told(service: &Service, lines: &str) -> (Value, Answer) {
    let health = ask(service, "GET", "/health", lines, None).await;
    assert_eq!(health.status(), 200, "{health:?}");
    let readyz = ask(service, "GET", "/readyz", lines, None).await;
    assert_eq!(reason(&readyz), (503, "not_ready".to_owned()));
    (serde_json::from_str(&health.body).unwrap(), readyz)
}

async fn is_told_why(service: &Service, lines: &str) {
    let (health, readyz) = told(service, lines).await;
    let detail = health["checks"]["cluster"]["detail"].as_str().unwrap_or_default();
    assert!(detail.contains(WHY) && readyz.body.contains(WHY), "{lines}: {health} {readyz:?}");
}

async fn is_told_what_alone(service: &Service, lines: &str) {
    let (health, readyz) = told(service, lines).await;
    for (name, value) in [("status", "degraded"), ("cluster", "lab"), ("region", "us-east-1")] {
        assert_eq!(health[name], value, "{lines}: what scripts rely on");
    }
    assert_eq!(health["checks"]["cluster"], json!({ "status": "failed" }), "{lines}");
    let checks = health["checks"].as_object().unwrap();
    assert!(checks.len() == 5 && checks.values().all(|check| check.get("detail").is_none()), "{lines}: {health}");
    assert!(readyz.body.contains(r#""detail":"not ready yet: cluster""#), "{lines}: {readyz:?}");
}

#[tokio::test]
async fn where_everybody_may_call_everybody_is_told_what_is_wrong() {
    let (service, _aws) = refused_by_aws(&[], "").await;
    is_told_why(&service, "").await;
}

#[tokio::test]
async fn whoever_shows_a_key_is_told_what_is_wrong_and_nobody_else() {
    let key = keygen("ci", "read", "team-a").await;
    let settings = [("EKS_API_AUTH", "api-key"), ("EKS_API_KEYS_FILE", "keys"), ("EKS_API_PEER_RATE_LIMIT", "1")];
    let (service, _aws) = refused_by_aws(&settings, &file(&[&key])).await;
    for _ in 0..20 {
        is_told_why(&service, &bearer(&key.secret)).await;
        is_told_what_alone(&service, "").await;
    }
    is_told_why(&service, &format!("X-API-Key: {}\r\n", key.secret)).await;
    // To try keys here is no better than elsewhere.
    let mut last = ask(&service, "GET", "/health", &bearer(FORGED), None).await;
    for _ in 0..40 {
        if last.status() == 429 {
            break;
        }
        let health: Value = serde_json::from_str(&last.body).unwrap();
        assert_eq!(health["checks"]["cluster"], json!({ "status": "failed" }));
        last = ask(&service, "GET", "/health", &bearer(FORGED), None).await;
    }
    assert_eq!(reason(&last), (429, "rate_limited".to_owned()));
    assert_eq!(ask(&service, "GET", "/livez", &bearer(FORGED), None).await.status(), 200);
}

#[tokio::test]
async fn where_the_cluster_judges_callers_nobody_is_told_as_nobody_can_be_known() {
    let (service, _aws) = refused_by_aws(&[("EKS_API_AUTH", "kubernetes")], "").await;
    for lines in [String::new(), bearer(FORGED), bearer(ALICE)] {
        is_told_what_alone(&service, &lines).await;
    }
}
