//! `eks-api run` and the other commands against a service: what they print where, and the exit code that a script goes by.

mod batches;
pub(crate) mod examples;
mod history;
#[cfg(feature = "history")]
mod history_database;
mod jobs;
mod logs;
mod outcomes;
mod restarts;
pub(crate) mod run;
mod terminal;
mod trust;

use std::time::Duration;

use serde_json::{Value, json};

use crate::calls::BINARY;
use crate::support::aws::AwsMock;
use crate::support::stub::{AutoRun, StubCluster, StubConfig};
use crate::support::{Lab, builder};

/// A lab in which jobs run by themselves, at once.
pub(crate) async fn lively(environment: &[(&str, &str)]) -> Lab {
    lively_for(BINARY, Duration::from_millis(10), environment).await
}

/// A lab of this binary in which each job runs for so long.
pub(crate) async fn lively_for(binary: &str, running: Duration, environment: &[(&str, &str)]) -> Lab {
    let pace = Duration::from_millis(10);
    let auto = Some(AutoRun { pending: pace, running, terminating: pace });
    let cluster = StubCluster::start(StubConfig { auto, ..StubConfig::default() }).await;
    let aws = AwsMock::start().await;
    aws.describes(&cluster.endpoint(), &cluster.ca_pem());
    let service = builder(binary, &aws).envs(environment).start().await;
    service.ready().await;
    Lab { service, cluster, aws }
}

/// A manifest whose container runs this, as far as anything is run.
pub(crate) fn manifest(name: &str, script: &str) -> String {
    let container = json!({ "name": "main", "image": "busybox:1.36", "command": ["sh", "-c", script] });
    let pod = json!({ "restartPolicy": "Never", "containers": [container] });
    json!({ "metadata": { "name": name }, "spec": { "template": { "spec": pod } } }).to_string()
}

/// Gives the job `hello` a pod `hello-a`, of which this is the container's state.
pub(crate) fn put_pod(cluster: &StubCluster, phase: &str, state: &Value) {
    put_pod_of("hello-a", cluster, phase, state);
}

/// Pods are made in the order of their names.
fn put_pod_of(name: &str, cluster: &StubCluster, phase: &str, state: &Value) {
    let labels = cluster.job("default", "hello").unwrap()["spec"]["template"]["metadata"]["labels"].take();
    let status = json!({ "name": "main", "restartCount": 0, "state": state });
    cluster.put_pod(json!({
        "metadata": { "name": name, "namespace": "default", "labels": labels,
            "creationTimestamp": if name == "hello-a" { "2026-01-01T00:00:00Z" } else { "2026-01-01T00:00:09Z" } },
        "spec": { "nodeName": "lab-node", "restartPolicy": "Never", "containers": [{ "name": "main" }] },
        "status": { "phase": phase, "containerStatuses": [status] },
    }));
}

/// The job `hello` runs, and has a pod that writes.
pub(crate) fn begin(cluster: &StubCluster) {
    put_pod(cluster, "Running", &json!({ "running": {} }));
    cluster.set_job_status("default", "hello", json!({ "active": 1, "ready": 1 }));
}

/// The job `hello` ends as its container does.
pub(crate) fn end(cluster: &StubCluster, code: u8) {
    let (phase, kind) = if code == 0 { ("Succeeded", "Complete") } else { ("Failed", "Failed") };
    put_pod(cluster, phase, &json!({ "terminated": { "exitCode": code } }));
    cluster.end_log("default", "hello-a", "main");
    let condition = json!({ "type": kind, "status": "True", "reason": "Told", "message": "by the test" });
    cluster.set_job_status("default", "hello", json!({ "conditions": [condition] }));
}
