//! The details of recorded pods and events.

use serde_json::{Value, json};

use super::*;

fn items<T: serde::de::DeserializeOwned>(recording: &str) -> Vec<T> {
    let recording: Value = serde_json::from_str(recording).unwrap();
    serde_json::from_value(recording["response"]["body"]["items"].clone()).unwrap()
}

#[test]
fn a_failed_pod_shows_its_exit_code_and_the_events_their_reason() {
    let pods = items(include_str!("../../../fixtures/kubernetes-1.36/pods-of-job-failed.json"));
    let events = items(include_str!("../../../fixtures/kubernetes-1.36/events-of-job.json"));
    let details = serde_json::to_value(Details::new(&JobInFull::default(), pods, events)).unwrap();
    let pod = &details["pods"][0];
    assert_eq!(
        (&pod["name"], &pod["phase"], &pod["node"]),
        (&json!("fails-nzvw9"), &json!("Failed"), &json!("lab-node"))
    );
    let container = &pod["containers"][0];
    assert_eq!((&container["state"], &container["exit_code"]), (&json!("terminated"), &json!(3)));
    assert_eq!(container["finished_at"], "2026-11-23T14:28:37+00:00");
    assert_eq!(details["events"][1]["reason"], "BackoffLimitExceeded");
}

#[test]
fn an_image_that_cannot_be_pulled_is_named() {
    let pods = items(include_str!("../../../fixtures/kubernetes-1.36/pods-of-job-image-pull-backoff.json"));
    let details = serde_json::to_value(Details::new(&JobInFull::default(), pods, Vec::new())).unwrap();
    let container = &details["pods"][0]["containers"][0];
    assert_eq!((&container["state"], &container["reason"]), (&json!("waiting"), &json!("ImagePullBackOff")));
}

#[test]
fn a_pod_without_a_node_has_the_reason() {
    let condition =
        json!({ "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes" });
    let pod = json!({ "metadata": { "name": "p" }, "status": { "phase": "Pending", "conditions": [condition] } });
    let pod = Pod::new(&PodTemplate::default(), serde_json::from_value(pod).unwrap());
    assert_eq!((pod.reason.as_deref(), pod.message.as_deref()), (Some("Unschedulable"), Some("0/3 nodes")));
}

#[test]
fn an_exceeded_quota_is_in_the_events() {
    let events = items(include_str!("../../../fixtures/kubernetes-1.36/events-of-job-quota-blocked.json"));
    let details = Details::new(&JobInFull::default(), Vec::new(), events);
    assert!(details.events[0].message.as_ref().unwrap().contains("exceeded quota"));
}
