//! The objects that controllers and the kubelet make and write: pods, events, the status of a job.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::stub::store::{now, suffix, text};

/// The status of a job that has not ended. Its conditions are those of its past.
pub fn running(start: &str, conditions: &[Value]) -> Value {
    let mut status = json!({
        "startTime": start, "active": 1, "ready": 1, "terminating": 0, "uncountedTerminatedPods": {},
    });
    if !conditions.is_empty() {
        status["conditions"] = json!(conditions);
    }
    status
}

pub fn complete(start: &str, end: &str, conditions: &[Value]) -> Value {
    let message = "Reached expected number of succeeded pods";
    let new = ["SuccessCriteriaMet", "Complete"].map(|kind| condition(kind, true, "CompletionsReached", message));
    let conditions = [conditions, &new].concat();
    json!({
        "conditions": conditions, "startTime": start, "completionTime": end, "succeeded": 1,
        "ready": 0, "terminating": 0, "uncountedTerminatedPods": {},
    })
}

/// The status of a job that has failed, and that is not tried again.
pub fn failed(start: &str, conditions: &[Value]) -> Value {
    let message = "Job has reached the specified backoff limit";
    let new = ["FailureTarget", "Failed"].map(|kind| condition(kind, true, "BackoffLimitExceeded", message));
    let conditions = [conditions, &new].concat();
    json!({
        "conditions": conditions, "startTime": start, "failed": 1,
        "ready": 0, "terminating": 0, "uncountedTerminatedPods": {},
    })
}

/// What the first container ends with: no container is run, but a command that ends in `exit 3` says it.
pub fn exit_code(pod: &Value) -> u8 {
    script(pod).rsplit_once("exit ").and_then(|(_, code)| code.parse().ok()).unwrap_or(0)
}

/// How long the first container takes, if its command ends in `sleep 60`.
pub fn sleeps(pod: &Value) -> Option<Duration> {
    let (_, seconds) = script(pod).rsplit_once("sleep ")?;
    seconds.parse().ok().map(Duration::from_secs)
}

/// The last word of the first container's command.
fn script(pod: &Value) -> &str {
    let first = &pod["spec"]["containers"][0];
    let words = ["command", "args"].into_iter().filter_map(|field| first[field].as_array()).flatten();
    words.last().map(text).unwrap_or_default()
}

/// The status of a job that is paused: it has no start time, as its clock begins anew.
pub fn paused() -> Value {
    let condition = condition("Suspended", true, "JobSuspended", "Job suspended");
    json!({"conditions": [condition], "terminating": 0, "uncountedTerminatedPods": {}, "ready": 0})
}

pub fn resumed() -> Value {
    condition("Suspended", false, "JobResumed", "Job resumed")
}

/// Whether a job has a condition that holds.
pub fn has_condition(job: &Value, kind: &str) -> bool {
    let mut conditions = job["status"]["conditions"].as_array().into_iter().flatten();
    conditions.any(|condition| condition["type"] == kind && condition["status"] == "True")
}

fn condition(kind: &str, holds: bool, reason: &str, message: &str) -> Value {
    let (at, status) = (now(), if holds { "True" } else { "False" });
    json!({
        "type": kind, "status": status, "lastProbeTime": at, "lastTransitionTime": at, "reason": reason,
        "message": message,
    })
}

pub fn with_phase(pod: &Value, phase: &str, state: &Value) -> Value {
    let mut pod = pod.clone();
    let status = |container: &Value| {
        json!({
            "name": container["name"], "image": container["image"], "imageID": "", "state": state,
            "lastState": {}, "ready": phase == "Running", "restartCount": 0,
        })
    };
    let containers: Value = pod["spec"]["containers"].as_array().into_iter().flatten().map(status).collect();
    pod["status"] = json!({"phase": phase, "hostIP": "127.0.0.1", "containerStatuses": containers});
    pod
}

pub fn pod_of(job: &Value) -> Value {
    let (metadata, template) = (&job["metadata"], &job["spec"]["template"]);
    let owner = json!({
        "apiVersion": "batch/v1", "kind": "Job", "name": metadata["name"], "uid": metadata["uid"],
        "controller": true, "blockOwnerDeletion": true,
    });
    let mut pod = json!({
        "metadata": {
            "name": format!("{}-{}", text(&metadata["name"]), suffix()),
            "namespace": metadata["namespace"],
            "labels": template["metadata"]["labels"],
            "ownerReferences": [owner],
        },
        "spec": template["spec"],
    });
    pod["spec"]["nodeName"] = json!("demo-node");
    pod
}

pub fn event_of(job: &Value, pod: &Value) -> Value {
    let (metadata, at) = (&job["metadata"], now());
    json!({
        "metadata": {
            "name": format!("{}.{}", text(&metadata["name"]), suffix()), "namespace": metadata["namespace"],
        },
        "involvedObject": {
            "kind": "Job", "apiVersion": "batch/v1", "namespace": metadata["namespace"],
            "name": metadata["name"], "uid": metadata["uid"],
        },
        "reason": "SuccessfulCreate",
        "message": format!("Created pod: {}", text(&pod["metadata"]["name"])),
        "type": "Normal", "count": 1, "firstTimestamp": at, "lastTimestamp": at,
        "source": {"component": "job-controller"}, "reportingComponent": "job-controller",
    })
}
