//! Several clusters from one service. Clusters `a`, the default, and `b` have the same names, uids and resource versions.
//! So only the service tells their jobs apart.

mod commands;
mod isolation;
mod keys;
mod outages;
mod reload;
mod reviews;
mod routes;
mod separate;

use serde_json::{Value, json};

use crate::access::{head_in, own_job_in};
use crate::given::BINARY;
use crate::live::until;
use crate::support::clusters::Clusters;
use crate::support::service::{Reply, Service};
use crate::support::stub::{Recorded, StubCluster};

/// The names of the clusters.
const BOTH: [&str; 2] = ["a", "b"];
/// The number of health checks of a cluster.
const CHECKS: u32 = 5;
const JOB_UID: &str = "11111111-2222-4333-8444-555555555555";
const HELLO: &str = "/api/eks-get-job-status?job_name=hello&namespace=team-a";
const EVENTS: &str = "/api/eks-watch-jobs?namespace=team-a";
const LOG: &str = "/api/eks-get-job-logs?job_name=hello&namespace=team-a";

/// A service for the clusters `a` and `b`, which know the same jobs.
struct Lab {
    // The service ends first, so that it does not complain about the end of the others.
    service: Service,
    clusters: Clusters,
}

impl Lab {
    async fn start() -> Self {
        Self::with(&[]).await
    }

    async fn with(environment: &[(&str, &str)]) -> Self {
        Self::with_file(environment, None).await
    }

    /// Starts the service, with this file of keys. Returns when both clusters are healthy and the job `hello` is known.
    async fn with_file(environment: &[(&str, &str)], keys: Option<&str>) -> Self {
        let clusters = Clusters::start(&BOTH).await;
        for name in BOTH {
            fill(name, clusters.stub(name));
        }
        let mut builder = clusters.builder(BINARY).envs(environment);
        if let Some(keys) = keys {
            builder = builder.env("EKS_API_AUTH", "api-key").env("EKS_API_KEYS_FILE", "keys").file("keys", keys);
        }
        let service = builder.start().await;
        for name in BOTH {
            until_known(&service, name, 1).await;
        }
        Self { service, clusters }
    }

    fn a(&self) -> &StubCluster {
        self.clusters.stub("a")
    }

    fn b(&self) -> &StubCluster {
        self.clusters.stub("b")
    }

    /// Writes the clusters file again, and reloads it. Returns when the service has read it.
    async fn reload(&self, text: &str) {
        rewrite(&self.service, crate::support::clusters::FILE, text).await;
    }
}

/// Writes a file again, sends SIGHUP, and waits until the service has read the clusters file.
async fn rewrite(service: &Service, file: &str, text: &str) {
    let is_end = |line: &str| line.contains("reloaded") && line.contains("what=clusters");
    let before = service.logs().iter().filter(|line| is_end(line)).count();
    std::fs::write(service.folder().join(file), text).unwrap();
    service.signal("HUP").await;
    service.log_lines(before + 1, is_end).await;
}

/// Puts the job `hello`, its pod and its log into the cluster, and the batch `reports`. They differ only in the number of active pods and in the
/// text of the log.
fn fill(name: &str, stub: &StubCluster) {
    let namespace = json!({ "metadata": { "name": "team-a" }, "status": { "phase": "Active" } });
    stub.put_namespace(namespace);
    stub.put_job(hello(name));
    stub.put_job(head_in("team-a", "reports"));
    stub.put_pod(json!({
        "metadata": { "name": "hello-x", "namespace": "team-a", "labels": { "of": "hello" } },
        "spec": { "containers": [{ "name": "c" }] },
        "status": { "phase": "Running",
            "containerStatuses": [{ "name": "c", "restartCount": 0, "state": { "running": {} } }] },
    }));
    stub.put_log("team-a", "hello-x", "c", format!("log of {name}\n"));
}

/// The job `hello` of this cluster.
fn hello(cluster: &str) -> Value {
    let mut job = own_job_in("team-a", "hello");
    job["metadata"]["uid"] = json!(JOB_UID);
    job["metadata"]["creationTimestamp"] = json!("2026-01-01T00:00:00Z");
    job["spec"]["selector"] = json!({ "matchLabels": { "of": "hello" } });
    job["status"] = json!({ "active": active(cluster) });
    job
}

/// The number of active pods of `hello` in this cluster.
fn active(cluster: &str) -> u32 {
    if cluster == "a" { 1 } else { 2 }
}

/// Waits until all checks of the cluster pass and the service knows this many of its jobs.
async fn until_known(service: &Service, cluster: &str, jobs: u32) {
    let sum = |reply: &Reply, metric: &str| -> u32 {
        let prefix = format!("eks_api_{metric}{{cluster=\"{cluster}\",");
        let text = reply.text();
        let samples = text.lines().filter(|line| line.starts_with(&prefix));
        samples.filter_map(|line| line.rsplit(' ').next()?.parse::<u32>().ok()).sum()
    };
    let is_known = |reply: &Reply| sum(reply, "cached_jobs") >= jobs && sum(reply, "check_passed") == CHECKS;
    until(async || service.get("/metrics").await, is_known).await;
}

/// Waits until /health reports this status of the cluster, and returns the report.
async fn until_status(service: &Service, cluster: &str, status: &str) -> Value {
    let report = |reply: &Reply| {
        let health = reply.json();
        health["clusters"].as_array().unwrap().iter().find(|one| one["cluster"] == cluster).cloned()
    };
    let fits = |reply: &Reply| report(reply).is_some_and(|report| report["status"] == status);
    report(&until(async || service.get("/health").await, fits).await).unwrap()
}

/// Adds the cluster to the query of a path.
fn to(path: &str, cluster: &str) -> String {
    let mark = if path.contains('?') { '&' } else { '?' };
    format!("{path}{mark}cluster={cluster}")
}

/// Whether a request serves only to keep the service informed.
fn is_own(request: &Recorded) -> bool {
    request.path == "/version" || request.path == "/apis/batch/v1/jobs"
}

/// The requests for callers that the cluster has seen since there were so many.
fn since(stub: &StubCluster, before: usize) -> Vec<Recorded> {
    stub.requests().into_iter().skip(before).filter(|request| !is_own(request)).collect()
}

#[track_caller]
fn problem(reply: &Reply) -> (u16, String) {
    (reply.status.as_u16(), reply.json()["reason"].as_str().unwrap_or_default().to_owned())
}
