//! The states of recorded jobs, and the status object.

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
        ("job-create-suspended", State::Suspended, None),
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
        let job = recorded(name);
        let (state, condition) = state(job.spec.suspend, &job.status).to_owned_reason();
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
        assert_eq!(state(None, &with_status(&status).status).0, expected, "{status}");
    }
}

#[test]
fn all_fields_are_present_and_times_have_an_offset() {
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
    serde_json::from_slice(&Status::new("lab", job).json()).unwrap()
}

fn shown_spec(spec: &Value, status: &Value) -> Value {
    shown(&serde_json::from_value(json!({ "spec": spec, "status": status })).unwrap())
}

#[test]
fn state_uncounted_a_pod_between_two_counters_keeps_the_job_running() {
    let uid = "22222222-2222-4222-8222-222222222222";
    for (status, expected) in [
        (json!({ "active": 1, "terminating": 0 }), "running"),
        (json!({ "terminating": 0, "uncountedTerminatedPods": { "failed": [uid] } }), "running"),
        (json!({ "uncountedTerminatedPods": { "succeeded": [uid] } }), "running"),
        (json!({ "uncountedTerminatedPods": { "succeeded": [], "failed": null } }), "pending"),
        (json!({ "uncountedTerminatedPods": {} }), "pending"),
        (json!({ "failed": 1, "uncountedTerminatedPods": {} }), "running"),
        (json!({ "terminating": 1 }), "running"),
    ] {
        assert_eq!(shown_spec(&json!({}), &status)["state"], expected, "{status}");
    }
}

#[test]
fn suspend_managedby_a_job_with_suspend_and_no_pods_is_suspended() {
    let spec = json!({ "suspend": true, "managedBy": "kueue.x-k8s.io/multikueue" });
    let held = shown_spec(&spec, &json!({}));
    assert_eq!(
        (&held["state"], &held["suspend"], &held["managed_by"]),
        (&json!("suspended"), &json!(true), &json!("kueue.x-k8s.io/multikueue"))
    );
    let condition = |kind: &str, status: &str| json!({ "conditions": [{ "type": kind, "status": status }] });
    for (suspend, status, expected) in [
        (true, json!({ "failed": 1 }), "suspended"),
        (true, json!({ "active": 1 }), "running"),
        (true, json!({ "terminating": 1 }), "running"),
        (true, json!({ "uncountedTerminatedPods": { "failed": ["u"] } }), "running"),
        (true, condition("Suspended", "False"), "suspended"),
        (true, condition("Complete", "True"), "completed"),
        (true, condition("FailureTarget", "True"), "running"),
        (false, json!({}), "pending"),
        (false, condition("Suspended", "True"), "suspended"),
    ] {
        assert_eq!(shown_spec(&json!({ "suspend": suspend }), &status)["state"], expected, "{suspend} {status}");
    }
    let usual = shown_spec(&json!({}), &json!({}));
    assert_eq!((&usual["suspend"], &usual["managed_by"]), (&json!(false), &Value::Null));
}

#[test]
fn the_template_and_its_version_come_from_the_annotation_and_a_wrong_one_counts_as_none() {
    let with = |annotation: &str| -> Job {
        let metadata = json!({ "annotations": { "other": "x", "eks-api/template": annotation } });
        serde_json::from_value(json!({ "metadata": metadata })).unwrap()
    };
    let from = |job: &Job, name: &str| Status::new("lab", job).is_from(&TemplateName::parse(name).unwrap());
    let longest = format!("job/{}@{}", "n".repeat(63), "7".repeat(64));
    for good in ["cronjob/etl@1234", "job/etl-x7@9", "preset/report.v2@0123456789ab", &longest] {
        let job = with(good);
        let (template, version) = good.split_once('@').unwrap();
        let shown = shown(&job);
        assert_eq!((&shown["template"], &shown["template_version"]), (&json!(template), &json!(version)));
        assert_eq!(template_of(&job), Some((template, version)));
        assert!(from(&job, template), "{good}");
        assert!(!from(&job, "cronjob/et") && !from(&job, "preset/etl") && !from(&job, "cronjob/etl.x"), "{good}");
    }
    let too_long = ["7".repeat(65), format!("{}@7", "n".repeat(60))].map(|end| format!("cronjob/etl@{end}"));
    let bad =
        ["", "@", "cronjob/etl", "cronjob/etl@", "@7", "cronjob/@7", "CronJob/etl@7", "cronjob/Etl@7", "pod/etl@7"];
    let worse = ["cronjob/etl@a b", "cronjob/etl@7\n", "cronjob/etl@é", "cronjob/etl@7@8", "cronjob/../x@7", "etl@7"];
    for bad in bad.into_iter().chain(worse).chain(too_long.iter().map(String::as_str)) {
        let job = with(bad);
        let shown = shown(&job);
        assert_eq!((&shown["template"], &shown["template_version"]), (&Value::Null, &Value::Null), "{bad}");
        assert!(template_of(&job).is_none() && !from(&job, "cronjob/etl"), "{bad}");
    }
    assert_eq!(shown(&Job::default())["template"], Value::Null);
}

#[test]
fn indexed_failed_only_indexed_jobs_have_indexes() {
    let status = json!({ "completedIndexes": "0,2-3", "failedIndexes": "1,4" });
    let shown_indexes = |spec: &Value, status: &Value| {
        let shown = shown_spec(spec, status);
        (shown["completed_indexes"].clone(), shown["failed_indexes"].clone())
    };
    let indexed = json!({ "completionMode": "Indexed" });
    assert_eq!(shown_indexes(&indexed, &status), (json!("0,2-3"), json!("1,4")));
    assert_eq!(shown_indexes(&indexed, &json!({})), (json!(""), json!("")));
    assert_eq!(shown_indexes(&json!({ "completionMode": "NonIndexed" }), &json!({})), (Value::Null, Value::Null));
}

#[test]
fn the_exit_changes_the_tag_and_can_be_hidden() {
    let job = recorded("job-get-failed-backoff");
    let exit = Exit { code: 3, message: Some("a \"quoted\" word".to_owned()) };
    let (plain, with) = (Status::new("lab", &job), Status::with_exit("lab", &job, exit.clone()));
    let read = |status: &Status| {
        let value: Value = serde_json::from_slice(&status.json()).unwrap();
        (value["exit_code"].clone(), value["termination_message"].clone())
    };
    assert_eq!(read(&plain), (Value::Null, Value::Null));
    assert_eq!(read(&with), (json!(3), json!("a \"quoted\" word")));
    assert_eq!((with.exit(), with.without_exit()), (Some(&exit), plain.clone()));
    assert_eq!(with.tag("lab-"), format!("{}-exit", plain.tag("lab-")));
}

#[test]
fn hostile_texts_of_a_cluster_stay_inside_their_strings() {
    let nasty = "a \"quoted\" back\\slash,\n{brace} }\u{1}é";
    let condition = json!({ "type": "Failed", "status": "True", "reason": nasty, "message": nasty });
    let job: Job = serde_json::from_value(json!({
        "metadata": { "name": nasty, "namespace": nasty, "uid": nasty, "resourceVersion": "18446744073709551615",
            "creationTimestamp": "yesterday", "labels": { "odd": nasty, "app": "eks-api" } },
        "spec": { "completions": i32::MAX },
        "status": { "startTime": "2026-01-20T11:30:00+01:00", "conditions": [condition] },
    }))
    .unwrap();
    let shown = shown(&job);
    for field in ["job_name", "namespace", "uid", "reason", "message"] {
        assert_eq!(shown[field], nasty, "{field}");
    }
    assert_eq!(shown["labels"], json!({ "odd": nasty, "app": "eks-api" }));
    assert_eq!(shown["conditions"][0]["message"], nasty);
    assert_eq!(
        (&shown["creation_timestamp"], &shown["start_time"]),
        (&Value::Null, &json!("2026-01-20T10:30:00+00:00"))
    );
    assert!(!Status::new("lab", &job).json().contains(&b'\n'), "it would end the line of an event");
    assert!(Status::new("lab", &job).labels().any(|label| label == ("app", "eks-api")));
}
