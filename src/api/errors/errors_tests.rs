//! Tests of the conversions: each upstream failure and its problem.

use serde_json::Value;

use super::*;
use crate::kube::types::Status;

fn recorded(name: &str) -> Problem {
    let path = format!("{}/fixtures/kubernetes-1.36/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let recording: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let code = u16::try_from(recording["response"]["status"].as_u64().unwrap()).unwrap();
    let status = serde_json::from_value(recording["response"]["body"].clone()).unwrap();
    KubeError::Refused(Box::new(Refusal::new(code, status, None))).into()
}

#[test]
fn kubernetes_refusals_keep_code_reason_message_and_causes() {
    for (name, code, reason, causes) in [
        ("job-create-malformed-json", 400, "BadRequest", 0),
        ("job-create-unknown-field-strict", 400, "BadRequest", 0),
        ("forbidden-rbac", 403, "Forbidden", 0),
        ("job-create-namespace-terminating", 403, "Forbidden", 1),
        ("job-get-missing", 404, "NotFound", 0),
        ("job-create-again", 409, "AlreadyExists", 0),
        ("job-delete-wrong-uid", 409, "Conflict", 0),
        ("job-create-several-errors", 422, "Invalid", 4),
    ] {
        let problem = recorded(name);
        assert_eq!((problem.status.as_u16(), problem.reason.as_str()), (code, reason), "{name}");
        assert_eq!(problem.causes.len(), causes, "{name}");
        assert!(!problem.detail.is_empty(), "{name}");
    }
    assert_eq!(recorded("job-create-several-errors").causes[0].field, "spec.backoffLimit");
}

#[test]
fn the_clusters_own_failures_are_bad_gateway_or_timeout() {
    let refused = |code, reason: &str| {
        let status = Status { reason: reason.into(), message: "etcd: leader changed".into(), ..Status::default() };
        Problem::from(KubeError::Refused(Box::new(Refusal::new(code, status, None))))
    };
    for (code, reason, expected) in [
        (500, "InternalError", (502, "InternalError")),
        (500, "", (502, "upstream_refused")),
        (503, "ServiceUnavailable", (503, "ServiceUnavailable")),
        (504, "Timeout", (504, "Timeout")),
        (302, "", (502, "upstream_refused")),
        (429, "TooManyRequests", (429, "TooManyRequests")),
    ] {
        let problem = refused(code, reason);
        assert_eq!((problem.status.as_u16(), problem.reason.as_str()), expected, "{code}");
    }
    assert!(refused(429, "TooManyRequests").retry_after.is_some());
}

#[test]
fn log_tls_newnode_only_a_change_may_have_taken_effect() {
    let lost = || Problem::from(KubeError::Broken(String::new()));
    assert!(!lost().detail.contains("effect"));
    assert!(lost().of_change().detail.ends_with("; the change may have taken effect: look before you repeat it"));
    let refused = Problem::from(KubeError::Refused(Box::new(Refusal::new(409, Status::default(), None))));
    assert!(!refused.of_change().detail.contains("effect"));
}

#[test]
fn a_refused_cluster_is_403_and_an_unknown_one_404() {
    let name = "eu";
    let problem = Problem::from(Denied::cluster_not_allowed(name));
    assert_eq!((problem.status.as_u16(), &*problem.reason), (403, "cluster_not_allowed"));
    assert!(problem.detail.contains("cluster eu;") && problem.detail.contains("clusters="), "{}", problem.detail);
    let problem = Problem::cluster_not_found(name);
    assert_eq!((problem.status.as_u16(), &*problem.reason), (404, "cluster_not_found"));
    assert_eq!(&*problem.detail, "there is no cluster eu; call /api/eks-list-clusters for the names");
    let long = Problem::cluster_not_found(&"e\n\u{1b}".repeat(1_000)).detail;
    assert!(long.len() < 150 && !long.contains(char::is_control), "{long:?}");
}

#[test]
fn transport_failures_tell_the_operator_more_than_the_caller() {
    let inside = || "tcp connect error: 10.0.0.7:443: Connection refused".to_owned();
    for (error, status, reason) in [
        (KubeError::Unreachable(inside()), 502, "upstream_unreachable"),
        (KubeError::Broken(inside()), 502, "upstream_broken"),
        (KubeError::BadReply(inside()), 502, "upstream_bad_reply"),
        (KubeError::Unauthorized { is_passing: false }, 502, "upstream_unauthorized"),
        (KubeError::Timeout, 504, "upstream_timeout"),
    ] {
        let problem = Problem::from(error);
        assert_eq!((problem.status.as_u16(), problem.reason.as_str()), (status, reason));
        assert!(!problem.detail.contains("10.0.0.7") && problem.cause.is_some());
    }
    let not_ready = Problem::from(KubeError::NotReady { check: "cluster", cause: inside() });
    assert_eq!((not_ready.status.as_u16(), &*not_ready.detail), (503, "not ready yet: cluster"));
    assert!(not_ready.cause.unwrap().contains("10.0.0.7"));
}
