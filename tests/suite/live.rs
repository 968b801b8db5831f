//! What the tests of the live state have in common: jobs as the watch tells of them, and waiting for the service to
//! know of a change without asking when that is.

use serde_json::{Value, json};
use tokio::time::timeout;

use crate::calls::{manifest, status};
use crate::given::BINARY;
use crate::support::service::{PATIENCE, Reply, Service};
use crate::support::stub::StubCluster;
use crate::support::{Lab, builder, surroundings};

/// Where the service lists and watches the jobs of all namespaces.
pub(crate) const ALL_JOBS: &str = "/apis/batch/v1/jobs";

/// A job that the service takes for one of its own, as the cluster stores it.
pub(crate) fn own_job(name: &str) -> Value {
    let mut job = manifest(name);
    job["metadata"]["labels"] = json!({ "app": "eks-api", "job-id": name });
    job
}

pub(crate) fn complete() -> Value {
    json!({ "succeeded": 1, "conditions": [{ "type": "Complete", "status": "True", "reason": "CompletionsReached" }] })
}

pub(crate) fn failed() -> Value {
    json!({ "failed": 1, "conditions": [{ "type": "Failed", "status": "True", "reason": "BackoffLimitExceeded" }] })
}

/// Whether a reply came from what is known, or from the cluster itself.
#[track_caller]
pub(crate) fn is_hit(reply: &Reply) -> bool {
    match reply.header("x-cache") {
        Some("hit") => true,
        Some("miss") => false,
        other => panic!("X-Cache: {other:?}: {}", reply.text()),
    }
}

pub(crate) fn etag(reply: &Reply) -> String {
    reply.header("etag").unwrap_or_else(|| panic!("no ETag: {}", reply.text())).to_owned()
}

/// Asks again and again until the reply fits, and returns it.
pub(crate) async fn until(mut ask: impl AsyncFnMut() -> Reply, fits: impl Fn(&Reply) -> bool) -> Reply {
    let mut last = None;
    let asked = timeout(PATIENCE, async {
        loop {
            let reply = ask().await;
            if fits(&reply) {
                return reply;
            }
            last = Some(reply);
        }
    });
    let fitting = asked.await;
    fitting.unwrap_or_else(|_| panic!("it never fits: {last:?}"))
}

/// Waits until what is known of this job fits.
pub(crate) async fn until_status(service: &Service, name: &str, fits: impl Fn(&Reply) -> bool) -> Reply {
    until(async || status(service, name).await, fits).await
}

/// Waits until the check `watch` is said to be so.
pub(crate) async fn until_watch_check(service: &Service, wanted: &str) -> Reply {
    until(async || service.get("/health").await, |health| health.json()["checks"]["watch"]["status"] == wanted).await
}

/// A service that reaches a cluster whose jobs it cannot follow, as it has no right to this verb.
pub(crate) async fn without_right_to(verb: &str, environment: &[(&str, &str)]) -> Lab {
    let (cluster, aws) = surroundings().await;
    cluster.deny(verb, "jobs");
    let service = builder(BINARY, &aws).envs(environment).start().await;
    until_watch_check(&service, "failed").await;
    until(async || service.get("/readyz").await, |ready| ready.status == 200).await;
    Lab { service, cluster, aws }
}

/// How many requests came, apart from the question for the version that the service repeats for itself.
pub(crate) fn requests(cluster: &StubCluster) -> usize {
    cluster.requests().iter().filter(|request| request.path != "/version").count()
}
