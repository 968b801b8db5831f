//! Plays the job controller, the kubelet and the namespace controller at a fixed pace, so that a
//! demonstration sees jobs run and namespaces go. Tests do not use it: it lives on the clock.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::sleep;

use super::store::{Resource, Store, now, suffix, text};

/// How long each stage takes.
#[derive(Clone, Copy, Debug)]
pub struct AutoRun {
    pub pending: Duration,
    pub running: Duration,
    /// From a deletion to the end of the job or the namespace.
    pub terminating: Duration,
}

/// Sees to every job and namespace once for each thing that can happen to it, until it is aborted.
pub async fn play(store: Arc<Mutex<Store>>, pace: AutoRun) {
    let mut changes = store.lock().unwrap().revision.subscribe();
    let mut seen = HashSet::new();
    loop {
        let (jobs, namespaces) = {
            let store = store.lock().unwrap();
            let all = |resource| store.list(resource, None).map(|object| Value::clone(object)).collect::<Vec<_>>();
            (all(Resource::Jobs), all(Resource::Namespaces))
        };
        for job in jobs {
            let uid = text(&job["metadata"]["uid"]).to_owned();
            let deleted = !job["metadata"]["deletionTimestamp"].is_null();
            if deleted && seen.insert(("delete", uid.clone())) {
                let store = Arc::clone(&store);
                tokio::spawn(async move {
                    sleep(pace.terminating).await;
                    store.lock().unwrap().settle();
                });
            } else if !deleted && job["spec"]["suspend"] != true && seen.insert(("run", uid)) {
                tokio::spawn(run(Arc::clone(&store), job, pace));
            }
        }
        for namespace in namespaces {
            let metadata = &namespace["metadata"];
            let (uid, name) = (text(&metadata["uid"]).to_owned(), text(&metadata["name"]).to_owned());
            if !metadata["deletionTimestamp"].is_null() && seen.insert(("delete", uid)) {
                let store = Arc::clone(&store);
                tokio::spawn(async move {
                    sleep(pace.terminating).await;
                    store.lock().unwrap().remove_namespace(&name);
                });
            }
        }
        if changes.changed().await.is_err() {
            return;
        }
    }
}

/// Walks one job from pending to complete. One that is deleted meanwhile is left alone.
async fn run(store: Arc<Mutex<Store>>, job: Value, pace: AutoRun) {
    let pod = pod_of(&job);
    sleep(pace.pending).await;
    let start = now();
    let running = json!({"startTime": start, "active": 1, "ready": 1, "terminating": 0, "uncountedTerminatedPods": {}});
    let started = with_phase(&pod, "Running", &json!({"running": {"startedAt": start}}));
    if !advance(&store, &job, running, started) {
        return;
    }
    let created = event_of(&job, &pod);
    store.lock().unwrap().put(Resource::Events, created);

    sleep(pace.running).await;
    let end = now();
    let condition = |kind: &str| {
        json!({
            "type": kind, "status": "True", "lastProbeTime": end, "lastTransitionTime": end,
            "reason": "CompletionsReached", "message": "Reached expected number of succeeded pods",
        })
    };
    let complete = json!({
        "conditions": [condition("SuccessCriteriaMet"), condition("Complete")],
        "startTime": start, "completionTime": end, "succeeded": 1, "ready": 0, "terminating": 0,
        "uncountedTerminatedPods": {},
    });
    let ended = json!({"exitCode": 0, "reason": "Completed", "startedAt": start, "finishedAt": end});
    advance(&store, &job, complete, with_phase(&pod, "Succeeded", &json!({"terminated": ended})));
}

/// Sets the status and puts the pod, both at once, if this very job is still there and stays.
fn advance(store: &Mutex<Store>, job: &Value, status: Value, pod: Value) -> bool {
    let metadata = &job["metadata"];
    let (namespace, name) = (text(&metadata["namespace"]), text(&metadata["name"]));
    let mut store = store.lock().unwrap();
    let found = store.get(Resource::Jobs, namespace, name).map(|found| &found["metadata"]);
    let stays = found.is_some_and(|found| found["uid"] == metadata["uid"] && found["deletionTimestamp"].is_null());
    if stays {
        store.put(Resource::Pods, pod);
        store.update(Resource::Jobs, namespace, name, |job| job["status"] = status);
    }
    stays
}

fn with_phase(pod: &Value, phase: &str, state: &Value) -> Value {
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

fn pod_of(job: &Value) -> Value {
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

fn event_of(job: &Value, pod: &Value) -> Value {
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
