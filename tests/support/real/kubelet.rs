//! What scheduler and kubelet do to a job's pods, done by hand at the API server.

use serde_json::{Value, json};

use super::{Api, eventually};

/// One node's agent, for the pods of one namespace.
#[derive(Debug)]
pub struct Kubelet<'a> {
    pub api: &'a Api,
    pub namespace: &'a str,
}

impl Kubelet<'_> {
    fn path(&self) -> String {
        format!("/api/v1/namespaces/{}/pods", self.namespace)
    }

    /// The job's pods, finished ones included.
    pub async fn pods(&self, job: &str) -> Vec<Value> {
        self.api.list(&format!("{}?labelSelector=job-name%3D{job}", self.path())).await
    }

    /// The name of a pod of the job that no node has taken yet; waits for the job controller to make one.
    pub async fn unscheduled(&self, job: &str) -> String {
        eventually(&format!("a pod of {job} that can be scheduled"), async || {
            let pods = self.pods(job).await;
            let pod = pods.iter().find(|pod| pod["spec"]["nodeName"].is_null())?;
            Some(pod["metadata"]["name"].as_str()?.to_owned())
        })
        .await
    }

    /// Takes a pod of the job to this node and starts it. Returns its name.
    pub async fn run(&self, job: &str) -> String {
        self.run_on("node-1", job).await
    }

    /// As `run`, on a node of this name.
    pub async fn run_on(&self, node: &str, job: &str) -> String {
        let pod = self.unscheduled(job).await;
        let binding = json!({ "metadata": { "name": pod },
            "target": { "apiVersion": "v1", "kind": "Node", "name": node } });
        self.api.post(&format!("{}/{pod}/binding", self.path()), &binding).await.expect_status(201);
        self.report(&pod, "Running", &json!({ "running": { "startedAt": "2026-01-20T10:30:00Z" } })).await;
        pod
    }

    /// The pod's container ends with this code.
    pub async fn finish(&self, pod: &str, exit_code: i32) {
        let (phase, reason) = if exit_code == 0 { ("Succeeded", "Completed") } else { ("Failed", "Error") };
        let ended = json!({ "exitCode": exit_code, "reason": reason, "finishedAt": "2026-01-20T10:31:00Z" });
        self.report(pod, phase, &json!({ "terminated": ended })).await;
    }

    async fn report(&self, pod: &str, phase: &str, state: &Value) {
        let container = json!({ "name": "c", "image": "busybox", "imageID": "", "restartCount": 0,
            "ready": phase == "Running", "state": state });
        let ready = json!({ "type": "Ready", "status": if phase == "Running" { "True" } else { "False" } });
        let status = json!({ "status": { "phase": phase, "conditions": [ready], "containerStatuses": [container] } });
        self.api.patch(&format!("{}/{pod}/status", self.path()), &status).await.expect_status(200);
    }

    /// Ends the pods that are to go, and tells whether any are left, of this job.
    pub async fn reap(&self, job: &str) -> bool {
        let pods = self.pods(job).await;
        for pod in &pods {
            if pod["metadata"]["deletionTimestamp"].is_string() {
                let name = pod["metadata"]["name"].as_str().unwrap_or_default();
                // It may be gone by now.
                self.api.delete(&format!("{}/{name}?gracePeriodSeconds=0", self.path())).await;
            }
        }
        !pods.is_empty()
    }
}
