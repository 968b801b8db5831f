//! The recorded jobs and their states, and what the status object holds.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use super::*;
use crate::kube::types::{Condition, Time};

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
    let status = shown(&recorded("job-get-complete"));
    assert_eq!(status["start_time"], "2026-11-23T14:28:34+00:00");
    assert_eq!(status["completion_time"], "2026-11-23T14:28:36+00:00");
    assert_eq!(status["conditions"][1]["type"], "Complete");
    let empty = shown(&Job::default());
    for field in ["job_name", "namespace", "state", "active", "succeeded", "failed", "start_time", "completion_time"] {
        assert!(empty.get(field).is_some(), "{field}");
    }
    assert!(empty["start_time"].is_null() && empty.get("pods").is_none());
}

fn shown(job: &Job) -> Value {
    serde_json::from_slice(&Status::of(job).to_json()).unwrap()
}

/// The object as serde would write it.
#[derive(Serialize)]
struct Expected<'a> {
    job_name: &'a str,
    namespace: &'a str,
    state: &'a str,
    active: i32,
    succeeded: i32,
    failed: i32,
    start_time: Option<&'a Time>,
    completion_time: Option<&'a Time>,
    ready: Option<i32>,
    terminating: Option<i32>,
    completions: Option<i32>,
    parallelism: Option<i32>,
    backoff_limit: Option<i32>,
    reason: Option<&'a str>,
    message: Option<&'a str>,
    creation_timestamp: Option<&'a Time>,
    deletion_timestamp: Option<&'a Time>,
    uid: &'a str,
    resource_version: &'a str,
    labels: BTreeMap<&'a str, &'a str>,
    conditions: Vec<ExpectedCondition<'a>>,
}

#[derive(Serialize)]
struct ExpectedCondition<'a> {
    r#type: &'a str,
    status: &'a str,
    reason: Option<&'a str>,
    message: Option<&'a str>,
    last_transition_time: Option<&'a Time>,
}

fn written_by_serde(job: &Job) -> String {
    let (state, decided) = state(&job.status);
    let Job { metadata, spec, status } = job;
    let conditions = status.conditions.iter().map(|condition| ExpectedCondition {
        r#type: &condition.r#type,
        status: &condition.status,
        reason: condition.reason.as_deref(),
        message: condition.message.as_deref(),
        last_transition_time: condition.last_transition_time.as_ref(),
    });
    let expected = Expected {
        job_name: &metadata.name,
        namespace: &metadata.namespace,
        state: state.name(),
        active: status.active,
        succeeded: status.succeeded,
        failed: status.failed,
        start_time: status.start_time.as_ref(),
        completion_time: status.completion_time.as_ref(),
        ready: status.ready,
        terminating: status.terminating,
        completions: spec.completions,
        parallelism: spec.parallelism,
        backoff_limit: spec.backoff_limit,
        reason: decided.and_then(|condition| condition.reason.as_deref()),
        message: decided.and_then(|condition| condition.message.as_deref()),
        creation_timestamp: metadata.creation_timestamp.as_ref(),
        deletion_timestamp: metadata.deletion_timestamp.as_ref(),
        uid: &metadata.uid,
        resource_version: &metadata.resource_version,
        labels: metadata.labels.0.iter().map(|(key, value)| (&**key, &**value)).collect(),
        conditions: conditions.collect(),
    };
    serde_json::to_string(&expected).unwrap()
}

#[test]
fn what_is_written_by_hand_is_what_serde_would_write() {
    let folder = format!("{}/fixtures/kubernetes-1.36", env!("CARGO_MANIFEST_DIR"));
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut jobs: Vec<Job> = names
        .filter(|name| name.starts_with("job-get-") && !name.contains("missing"))
        .map(|name| recorded(name.strip_suffix(".json").unwrap()))
        .collect();
    assert!(jobs.len() > 8);
    // What no recording has, and what an API server would not send but a bug might.
    let nasty = "a \"quoted\" back\\slash,\n{brace} }\u{1}é";
    let condition = json!({ "type": nasty, "status": "True", "reason": nasty, "message": nasty });
    let decided = json!({ "type": "Failed", "status": "True", "message": nasty });
    jobs.push(
        serde_json::from_value(json!({
            "metadata": { "name": "n", "namespace": "team-a", "uid": nasty, "resourceVersion": "18446744073709551615",
                "labels": { "zone": "z", "job-id": "n", "app": "eks-api", "odd": nasty, nasty: "" } },
            "spec": { "completions": 1_000_000, "parallelism": 0, "backoffLimit": i32::MAX },
            "status": { "active": 12, "failed": 345, "conditions": [condition, decided] },
        }))
        .unwrap(),
    );
    jobs.push(serde_json::from_value(json!({ "metadata": { "resourceVersion": "0", "labels": null } })).unwrap());
    // A name from a cluster that is not what it should be must not end its own string, nor the line of an event.
    let metadata = json!({ "name": nasty, "namespace": nasty, "resourceVersion": "1", "labels": { "job-id": nasty } });
    jobs.push(serde_json::from_value(json!({ "metadata": metadata })).unwrap());
    for job in jobs {
        let written = String::from_utf8(Status::of(&job).to_json()).unwrap();
        assert_eq!(written, written_by_serde(&job));
    }
}
