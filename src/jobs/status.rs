//! From a Job to its state and status object: the fields that scripts read. Conditions decide, counts do not.

use std::collections::BTreeMap;

use serde::Serialize;

use super::details::Details;
use crate::kube::types::{Condition, Job, Time};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    Pending,
    Running,
    Suspended,
    Completed,
    Failed,
}

/// The answer to get-job-status. Fields of the first group are always there, null where unknown.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    pub job_name: String,
    pub namespace: String,
    pub state: State,
    pub active: i32,
    pub succeeded: i32,
    pub failed: i32,
    pub start_time: Option<Time>,
    pub completion_time: Option<Time>,

    pub ready: Option<i32>,
    pub terminating: Option<i32>,
    pub completions: Option<i32>,
    pub parallelism: Option<i32>,
    pub backoff_limit: Option<i32>,
    pub reason: Option<String>,
    pub message: Option<String>,
    pub creation_timestamp: Option<Time>,
    pub deletion_timestamp: Option<Time>,
    pub uid: String,
    pub resource_version: String,
    pub labels: BTreeMap<String, String>,
    pub conditions: Vec<StatusCondition>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub details: Option<Details>,
}

#[derive(Clone, Debug, Serialize)]
pub struct StatusCondition {
    pub r#type: String,
    pub status: String,
    pub reason: Option<String>,
    pub message: Option<String>,
    pub last_transition_time: Option<Time>,
}

/// The state, and the condition that decided it, if one did.
///
/// Without a deciding condition a job is running as soon as it has, or has had, a pod: between a failed pod and the
/// next one no pod is active, and the job runs all the same.
pub fn state(job: &Job) -> (State, Option<&Condition>) {
    let decided = [
        ("Complete", State::Completed),
        ("Failed", State::Failed),
        ("Suspended", State::Suspended),
        ("FailureTarget", State::Running),
        ("SuccessCriteriaMet", State::Running),
    ];
    let holds = |kind: &str| job.status.conditions.iter().find(|c| c.r#type == kind && c.status == "True");
    if let Some((state, condition)) = decided.iter().find_map(|(kind, state)| Some((*state, holds(kind)?))) {
        return (state, Some(condition));
    }
    let status = &job.status;
    let begun = status.active > 0 || status.failed > 0 || status.succeeded > 0 || status.terminating > Some(0);
    (if begun { State::Running } else { State::Pending }, None)
}

impl Status {
    pub fn of(job: Job) -> Self {
        let (state, decided) = state(&job);
        let (reason, message) = decided.map_or((None, None), |c| (c.reason.clone(), c.message.clone()));
        let Job { metadata, spec, status } = job;
        Self {
            job_name: metadata.name,
            namespace: metadata.namespace,
            state,
            active: status.active,
            succeeded: status.succeeded,
            failed: status.failed,
            start_time: status.start_time,
            completion_time: status.completion_time,
            ready: status.ready,
            terminating: status.terminating,
            completions: spec.completions,
            parallelism: spec.parallelism,
            backoff_limit: spec.backoff_limit,
            reason,
            message,
            creation_timestamp: metadata.creation_timestamp,
            deletion_timestamp: metadata.deletion_timestamp,
            uid: metadata.uid,
            resource_version: metadata.resource_version,
            labels: metadata.labels,
            conditions: status.conditions.into_iter().map(StatusCondition::of).collect(),
            details: None,
        }
    }
}

impl StatusCondition {
    fn of(condition: Condition) -> Self {
        let Condition { r#type, status, reason, message, last_transition_time } = condition;
        Self { r#type, status, reason, message, last_transition_time }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

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
            let (state, condition) = state(&recorded(name)).to_owned_reason();
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
            assert_eq!(state(&with_status(&status)).0, expected, "{status}");
        }
    }

    #[test]
    fn the_contracts_fields_are_always_there_and_times_have_an_offset() {
        let status = serde_json::to_value(Status::of(recorded("job-get-complete"))).unwrap();
        assert_eq!(status["start_time"], "2026-11-23T14:28:34+00:00");
        assert_eq!(status["completion_time"], "2026-11-23T14:28:36+00:00");
        assert_eq!(status["conditions"][1]["type"], "Complete");
        let empty = serde_json::to_value(Status::of(Job::default())).unwrap();
        for field in
            ["job_name", "namespace", "state", "active", "succeeded", "failed", "start_time", "completion_time"]
        {
            assert!(empty.get(field).is_some(), "{field}");
        }
        assert!(empty["start_time"].is_null() && empty.get("pods").is_none());
    }
}
