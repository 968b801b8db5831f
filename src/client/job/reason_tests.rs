//! Reasons from recordings of a real cluster, and from other statuses.

use serde_json::{Value, json};

use super::*;

fn items(recording: &str) -> Value {
    let recording: Value = serde_json::from_str(recording).unwrap();
    recording["response"]["body"]["items"].clone()
}

/// The events as the service shows them.
fn events(recording: &str) -> Value {
    let shown =
        |event: &Value| json!({ "type": event["type"], "reason": event["reason"], "message": event["message"] });
    items(recording).as_array().unwrap().iter().map(shown).collect()
}

/// The pods as the service shows them.
fn pods(recording: &str) -> Value {
    let shown = |pod: &Value| {
        let status = &pod["status"]["containerStatuses"][0];
        let waiting = &status["state"]["waiting"];
        let container = json!({ "name": status["name"], "init": false, "state": "waiting",
            "reason": waiting["reason"], "message": waiting["message"] });
        json!({ "name": pod["metadata"]["name"], "phase": pod["status"]["phase"], "node": pod["spec"]["nodeName"],
            "containers": [container] })
    };
    items(recording).as_array().unwrap().iter().map(shown).collect()
}

fn reason(status: &Value) -> Option<String> {
    let mut whole = json!({ "job_name": "t1", "uid": "u1" });
    whole.as_object_mut().unwrap().extend(status.as_object().unwrap().clone());
    of(&serde_json::from_value(whole).unwrap())
}

#[track_caller]
fn expect(status: &Value, expected: &str) {
    assert_eq!(reason(status).as_deref(), Some(expected), "{status}");
}

const QUOTA: &str = "FailedCreate: Error creating: pods \"starved-h2nvn\" is forbidden: exceeded quota: none, \
    requested: pods=1, used: pods=0, limited: pods=0";

#[test]
fn sa_missing_the_events_explain_a_quota() {
    let refused = events(include_str!("../../../fixtures/kubernetes-1.36/events-of-job-quota-blocked.json"));
    expect(&json!({ "state": "pending", "events": refused, "pods": [] }), QUOTA);
    let account = "Error creating: pods \"t1-\" is forbidden: error looking up service account demo/robot: \
        serviceaccount \"robot\" not found";
    let mut both = refused;
    both.as_array_mut().unwrap().push(json!({ "type": "Warning", "reason": "FailedCreate", "message": account }));
    expect(&json!({ "state": "pending", "events": both }), &format!("FailedCreate: {account}"));
    both.as_array_mut().unwrap().push(json!({ "type": "Normal", "reason": "SuccessfulCreate", "message": "" }));
    expect(&json!({ "state": "pending", "events": both }), "the cluster has not created a pod yet");
}

#[test]
fn sa_missing_the_container_explains_an_image_that_cannot_be_pulled() {
    let pods = pods(include_str!("../../../fixtures/kubernetes-1.36/pods-of-job-image-pull-backoff.json"));
    let status = json!({ "state": "running", "ready": 0, "pods": pods });
    expect(&status, "container job-container of pod nopull-r7hsp: ImagePullBackOff: Back-off pulling image");
}

#[test]
fn sa_missing_each_reason_has_its_sentence() {
    let pod = |phase: &str, state: &str, reason: Option<&str>| {
        json!({ "name": "t1-x", "phase": phase, "node": "n1",
            "containers": [{ "name": "main", "state": state, "reason": reason }] })
    };
    let mut unscheduled =
        json!({ "name": "t1-x", "phase": "Pending", "reason": "Unschedulable", "message": "0/3 nodes" });
    expect(&json!({ "state": "running", "pods": [unscheduled] }), "pod t1-x: Unschedulable: 0/3 nodes");
    unscheduled["reason"].take();
    expect(&json!({ "state": "running", "pods": [unscheduled] }), "pod t1-x has no node yet");
    expect(
        &json!({ "state": "running", "pods": [pod("Pending", "waiting", Some("ContainerCreating"))] }),
        "pod t1-x is being started on node n1",
    );
    expect(
        &json!({ "state": "running", "pods": [pod("Running", "waiting", Some("CrashLoopBackOff"))] }),
        "container main of pod t1-x: CrashLoopBackOff",
    );
    let failed = json!({ "state": "running", "pods": [pod("Failed", "terminated", Some("Error"))] });
    expect(&failed, "pod t1-x has ended, and the next one is not created yet");
    expect(&json!({ "state": "suspended" }), "the job is suspended");
    expect(&json!({ "state": "pending" }), "the cluster has not created a pod yet");
    let managed = json!({ "state": "pending", "managed_by": "example.com/queue" });
    expect(&managed, "its controller example.com/queue has not created a pod yet");
    let deleted = json!({ "state": "running", "deletion_timestamp": "2026-01-01T00:00:00+00:00" });
    expect(&deleted, "the job is being deleted");
    let stuck = pod("Pending", "waiting", Some("InvalidImageName"));
    for status in [
        json!({ "state": "running", "pods": [pod("Running", "running", None)] }),
        json!({ "state": "completed", "pods": [stuck] }),
        json!({ "state": "failed", "pods": [stuck] }),
    ] {
        assert_eq!(reason(&status), None, "{status}");
    }
}

#[test]
fn sa_missing_attempts_with_the_same_cause_have_the_same_key() {
    let quota = |pod: &str| key(&QUOTA.replace("starved-h2nvn", pod), "starved");
    assert_eq!(quota("starved-h2nvn"), quota("starved-zzzzz"));
    assert_ne!(quota("starved-h2nvn"), key(&QUOTA.replace("used: pods=0", "used: pods=1"), "starved"));
    let pull = |word: &str| key(&format!("container main of pod t1-x: {word}: no such image"), "t1");
    assert_eq!(pull("ErrImagePull"), pull("ImagePullBackOff"));
    assert_ne!(pull("ErrImagePull"), pull("InvalidImageName"));
}
