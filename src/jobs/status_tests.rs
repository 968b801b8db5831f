//! The recorded jobs and their states, and what the status object holds.

use serde_json::{Value, json};

use super::*;
use crate::kube::types::Condition;

fn recorded(name: &str) -> Job {
    let path = format!("{}/fixtures/kubernetes-1.36/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let recording: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    serde_json::from_value(recording["response"]["body"].clone()).unwrap()
}

fn with_status(status: &Value) -> Job {
    serde_json::from_value(json!({ "status": status })).unwrap()
}

#[test]
fn every_recorded_job_has_its_state() {
    for (name, expected, reason) in [
        ("job-create", State::Pending, None),
        ("job-create-suspended", State::Pending, None),
        ("job-get-complete", State::Completed, Some("CompletionsReached")),
        ("job-get-deleting", State::Running, None),
        ("job-get-failed-backoff", State::Failed, Some("BackoffLimitExceeded")),
        ("job-get-failed-deadline", State::Failed, Some("DeadlineExceeded")),
        ("job-get-failed-pod-failure-policy", State::Failed, Some("PodFailurePolicy")),
        ("job-get-image-pull-backoff", State::Running, None),
        ("job-get-indexed-complete", State::Completed, Some("CompletionsReached")),
        ("job-get-quota-blocked", State::Pending, None),
        ("job-get-retrying", State::Running, None),
        ("job-get-running", State::Running, None),
        ("job-get-suspended", State::Suspended, Some("JobSuspended")),
        ("job-resume", State::Suspended, Some("JobSuspended")),
    ] {
        let (state, condition) = state(&recorded(name).status).to_owned_reason();
        assert_eq!((state, condition.as_deref()), (expected, reason), "{name}");
    }
}

trait OwnedReason {
    fn to_owned_reason(self) -> (State, Option<String>);
}

impl OwnedReason for (State, Option<&Condition>) {
    fn to_owned_reason(self) -> (State, Option<String>) {
        (self.0, self.1.and_then(|condition| condition.reason.clone()))
    }
}

#[test]
fn counts_alone_never_end_a_job_and_false_conditions_decide_nothing() {
    let condition = |kind: &str, status: &str| json!({ "type": kind, "status": status });
    for (status, expected) in [
        (json!({}), State::Pending),
        (json!({ "failed": 6 }), State::Running),
        (json!({ "succeeded": 1 }), State::Running),
        (json!({ "conditions": [condition("Failed", "False")], "active": 1 }), State::Running),
        (json!({ "conditions": [condition("FailureTarget", "True")], "failed": 1 }), State::Running),
        (json!({ "conditions": [condition("SuccessCriteriaMet", "True")] }), State::Running),
        (json!({ "conditions": [condition("Suspended", "False")] }), State::Pending),
        (json!({ "conditions": [condition("FailureTarget", "True"), condition("Failed", "True")] }), State::Failed),
    ] {
        assert_eq!(state(&with_status(&status).status).0, expected, "{status}");
    }
}

#[test]
fn the_contracts_fields_are_always_there_and_times_have_an_offset() {
    let status = serde_json::to_value(Status::of(&recorded("job-get-complete"))).unwrap();
    assert_eq!(status["start_time"], "2026-11-23T14:28:34+00:00");
    assert_eq!(status["completion_time"], "2026-11-23T14:28:36+00:00");
    assert_eq!(status["conditions"][1]["type"], "Complete");
    let empty = serde_json::to_value(Status::of(&Job::default())).unwrap();
    for field in ["job_name", "namespace", "state", "active", "succeeded", "failed", "start_time", "completion_time"] {
        assert!(empty.get(field).is_some(), "{field}");
    }
    assert!(empty["start_time"].is_null() && empty.get("pods").is_none());
}
