//! get-job-logs: what the rooms below have in common, a job with its pods, and how its logs are asked for.

mod all;
mod choice;
mod following;
pub(crate) mod reader;
mod refusals;
mod streams;

use serde_json::{Value, json};

use crate::support::Lab;
use crate::support::service::Reply;
use crate::support::stub::StubCluster;

/// Where the stub's pods of the namespace `default` are.
pub(crate) const PODS: &str = "/api/v1/namespaces/default/pods";

pub(crate) fn path(query: &str) -> String {
    format!("/api/eks-get-job-logs?job_name=hello{query}")
}

pub(crate) async fn logs(lab: &Lab, query: &str) -> Reply {
    lab.service.get(&path(query)).await
}

/// Puts the job `hello`, whose pods are those with the label `of=hello`.
pub(crate) fn put_job(cluster: &StubCluster, status: &Value) {
    let spec = json!({ "selector": { "matchLabels": { "of": "hello" } } });
    cluster.put_job(json!({ "metadata": { "name": "hello", "uid": "hello-1" }, "spec": spec, "status": status }));
}

pub(crate) fn finished() -> Value {
    json!({ "conditions": [{ "type": "Complete", "status": "True" }] })
}

/// A pod of the job, made so many seconds after the first. It has a container for each of these statuses.
pub(crate) fn pod(name: &str, second: u8, statuses: &[Value]) -> Value {
    let names: Vec<Value> = statuses.iter().map(|status| json!({ "name": status["name"] })).collect();
    json!({
        "metadata": { "name": name, "labels": { "of": "hello" },
            "creationTimestamp": format!("2026-01-01T00:00:{second:02}Z") },
        "spec": { "nodeName": "lab-node", "restartPolicy": "Never", "containers": names },
        "status": { "phase": "Running", "containerStatuses": statuses },
    })
}

pub(crate) fn running(container: &str) -> Value {
    json!({ "name": container, "restartCount": 0, "state": { "running": {} } })
}

fn waiting(container: &str, reason: &str) -> Value {
    let detail = json!({ "reason": reason, "message": format!("about {reason}") });
    json!({ "name": container, "restartCount": 0, "state": { "waiting": detail } })
}

pub(crate) fn ended(container: &str, exit_code: i32) -> Value {
    json!({ "name": container, "restartCount": 0, "state": { "terminated": { "exitCode": exit_code } } })
}

/// A job with one pod, `hello-a`, whose container `c` runs and has written this.
pub(crate) async fn with_log(text: &str) -> Lab {
    let lab = crate::calls::lab().await;
    put_one(&lab.cluster, text);
    lab
}

fn put_one(cluster: &StubCluster, text: &str) {
    put_job(cluster, &json!({ "active": 1 }));
    cluster.put_pod(pod("hello-a", 0, &[running("c")]));
    cluster.put_log("default", "hello-a", "c", text);
}

/// Ends the pod `hello-a`, and with it its container and its log.
pub(crate) fn end_one(cluster: &StubCluster) {
    cluster.put_pod(pod("hello-a", 0, &[ended("c", 0)]));
    cluster.end_log("default", "hello-a", "c");
}
