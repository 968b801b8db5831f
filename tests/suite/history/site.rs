//! A service that keeps a history, and the questions that the tests ask it.

use std::path::PathBuf;

use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

use crate::calls::BINARY;
use crate::live::{own_job, until};
use crate::support::aws::AwsMock;
use crate::support::service::{Builder, Folder, Reply};
use crate::support::stub::StubCluster;
use crate::support::{Lab, builder, surroundings};

/// The time at which the jobs of the tests were created.
pub(crate) const CREATED: &str = "2026-11-20T10:00:00Z";

/// A service with a history. It ends before its cluster, and its files go last.
pub(crate) struct Site {
    pub(crate) lab: Lab,
    pub(crate) state: Folder,
    builder: Builder,
    /// The credential of the calls.
    pub(crate) token: Option<String>,
}

impl Site {
    pub(crate) async fn start() -> Self {
        Self::with(|builder| builder).await
    }

    /// Starts a service with more settings.
    pub(crate) async fn with(prepare: impl FnOnce(Builder) -> Builder) -> Self {
        let (cluster, aws) = surroundings().await;
        Self::of(cluster, aws, prepare).await
    }

    /// Starts a service for this cluster.
    pub(crate) async fn of(cluster: StubCluster, aws: AwsMock, prepare: impl FnOnce(Builder) -> Builder) -> Self {
        let state = Folder::new();
        let builder = prepare(with_state(builder(BINARY, &aws), &state));
        let service = builder.clone().start().await;
        service.ready().await;
        Self { lab: Lab { service, cluster, aws }, state, builder, token: None }
    }

    /// A service that runs already. It cannot be started again.
    pub(crate) fn over(lab: Lab, state: Folder) -> Self {
        let builder = builder(BINARY, &lab.aws);
        Self { lab, state, builder, token: None }
    }

    /// Ends the service by a signal.
    pub(crate) async fn stop(&mut self, signal: &str) {
        self.lab.service.signal(signal).await;
        self.lab.service.exit_status().await;
    }

    /// Starts the service again, with the same files.
    pub(crate) async fn resume(&mut self) {
        self.lab.service = self.builder.clone().start().await;
        self.lab.service.ready().await;
    }

    /// Changes the settings of the next start.
    pub(crate) fn change_builder(&mut self, change: impl FnOnce(Builder) -> Builder) {
        self.builder = change(self.builder.clone());
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.state.path().join("history.db")
    }

    pub(crate) async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &Value) -> Reply {
        let authorization = self.token.as_ref().map(|token| format!("Bearer {token}"));
        let mut headers = headers.to_vec();
        headers.extend(authorization.as_deref().map(|value| ("authorization", value)));
        let body = if body.is_null() { String::new() } else { body.to_string() };
        if !body.is_empty() {
            headers.push(("content-type", "application/json"));
        }
        self.lab.service.send(method, path, &headers, body).await
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.send("GET", path, &[], &Value::Null).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Reply {
        self.send("POST", path, &[], body).await
    }

    /// Asks for a page of runs until it fits.
    pub(crate) async fn until_runs(&self, query: &str, fits: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let path = format!("/api/eks-list-history?{query}");
        let is_right = |reply: &Reply| reply.status == 200 && fits(&runs(reply));
        runs(&until(async || self.get(&path).await, is_right).await)
    }

    /// Waits until the newest run of this name fits.
    pub(crate) async fn until_run(&self, name: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let is_right = |runs: &[Value]| runs.first().is_some_and(&fits);
        self.until_runs(&format!("job_name={name}"), is_right).await.swap_remove(0)
    }

    pub(crate) async fn until_state(&self, name: &str, state: &str) -> Value {
        self.until_run(name, |run| run["state"] == state).await
    }

    pub(crate) async fn until_gone(&self, name: &str) -> Value {
        self.until_run(name, |run| !run["gone_time"].is_null()).await
    }

    /// The state, time and reason of each transition of the newest run of this name.
    pub(crate) async fn transitions(&self, name: &str) -> Vec<(String, String, Option<String>)> {
        let path = format!("/api/eks-get-job-history?namespace=default&job_name={name}");
        let reply = self.get(&path).await.expect_status(200);
        let run = runs(&reply).swap_remove(0);
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let transition =
            |one: &Value| (text(&one["state"]).unwrap(), text(&one["time"]).unwrap(), text(&one["reason"]));
        run["transitions"].as_array().unwrap().iter().map(transition).collect()
    }

    /// Puts a job of another tool into the cluster, created at [`CREATED`].
    pub(crate) fn put(&self, name: &str, status: &Value) {
        self.lab.cluster.put_job(old_job(name, status));
    }

    pub(crate) fn set_status(&self, name: &str, status: Value) {
        self.lab.cluster.set_job_status("default", name, status);
    }
}

/// Adds the setting of the state directory.
pub(crate) fn with_state(builder: Builder, state: &Folder) -> Builder {
    let off = ["EKS_API_RATE_LIMIT", "EKS_API_PEER_RATE_LIMIT"].map(|name| (name, "off"));
    builder.envs(&off).env("EKS_API_STATE_DIR", state.path().to_str().unwrap())
}

pub(crate) fn runs(reply: &Reply) -> Vec<Value> {
    let document = reply.json();
    document["runs"].as_array().unwrap_or_else(|| panic!("{document}")).clone()
}

/// The names of runs, in the order of the alphabet.
pub(crate) fn names(runs: &[Value]) -> Vec<&str> {
    let mut names: Vec<&str> = runs.iter().map(|run| run["job_name"].as_str().unwrap()).collect();
    names.sort_unstable();
    names
}

/// A job that another tool created at [`CREATED`].
pub(crate) fn old_job(name: &str, status: &Value) -> Value {
    let mut job = own_job(name);
    job["metadata"]["namespace"] = json!("default");
    job["metadata"]["creationTimestamp"] = json!(CREATED);
    job["status"] = status.clone();
    job
}

/// A time so many seconds after another, as Kubernetes writes it.
pub(crate) fn after(time: &str, seconds: i64) -> String {
    let time = OffsetDateTime::parse(time, &Rfc3339).unwrap() + Duration::seconds(seconds);
    time.format(&Rfc3339).unwrap()
}

/// The same time as a reply has it.
pub(crate) fn told(time: &str) -> String {
    time.replace('Z', "+00:00")
}

/// The time so many seconds after [`CREATED`], as Kubernetes writes it.
pub(crate) fn at(seconds: i64) -> String {
    after(CREATED, seconds)
}

/// The status of a job that runs since then.
pub(crate) fn running(start: &str) -> Value {
    json!({ "startTime": start, "active": 1 })
}

/// The status of a job that completed.
pub(crate) fn completed(start: &str, end: &str) -> Value {
    let condition = json!({ "type": "Complete", "status": "True", "reason": "CompletionsReached",
        "message": "Reached expected number of succeeded pods", "lastTransitionTime": end });
    json!({ "startTime": start, "completionTime": end, "succeeded": 1, "conditions": [condition] })
}

/// The status of a job that failed after one retry.
pub(crate) fn failed(start: &str, end: &str) -> Value {
    let condition = json!({ "type": "Failed", "status": "True", "reason": "BackoffLimitExceeded",
        "message": "Job has reached the specified backoff limit", "lastTransitionTime": end });
    json!({ "startTime": start, "failed": 2, "conditions": [condition] })
}

/// The status of a job that is suspended since then.
pub(crate) fn suspended(since: &str) -> Value {
    let condition = json!({ "type": "Suspended", "status": "True", "reason": "JobSuspended",
        "message": "Job suspended", "lastTransitionTime": since });
    json!({ "conditions": [condition] })
}
