//! What the tests of jobs and namespaces say to the service, and what they expect of every problem it answers. What
//! each call means is tested by the modules beside this one.

use hyper::body::Bytes;
use serde_json::{Value, json};

use crate::support::service::{Reply, Service};
use crate::support::stub::{Kind, StubCluster};
use crate::support::{Lab, fixture};

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_eks-api");

pub(crate) const CREATE_JOB: &str = "/api/eks-create-job";
pub(crate) const CREATE_NAMESPACE: &str = "/api/eks-create-namespace";

/// Where jobs of the namespace `default` are created upstream.
pub(crate) const JOBS: &str = "/apis/batch/v1/namespaces/default/jobs";
pub(crate) const NAMESPACES: &str = "/api/v1/namespaces";

/// A lab with the usual settings.
pub(crate) async fn lab() -> Lab {
    Lab::start(BINARY).await
}

/// A manifest that Kubernetes takes, without a name.
pub(crate) fn nameless() -> Value {
    let container = json!({ "name": "c", "image": "busybox", "command": ["true"] });
    json!({ "spec": { "template": { "spec": { "restartPolicy": "Never", "containers": [container] } } } })
}

pub(crate) fn manifest(name: &str) -> Value {
    let mut manifest = nameless();
    manifest["metadata"]["name"] = json!(name);
    manifest
}

/// Creates a job of this manifest where it says itself, or in `default`.
pub(crate) async fn create(service: &Service, manifest: &Value) -> Reply {
    service.post(CREATE_JOB, &json!({ "job_manifest": manifest })).await
}

/// Creates a job with further headers.
pub(crate) async fn create_with(service: &Service, headers: &[(&str, &str)], body: &Value) -> Reply {
    let headers = [&[("content-type", "application/json")], headers].concat();
    service.send("POST", CREATE_JOB, &headers, Bytes::from(body.to_string())).await
}

pub(crate) async fn status(service: &Service, name: &str) -> Reply {
    service.get(&format!("/api/eks-get-job-status?job_name={name}")).await
}

/// The status as the cluster itself tells it.
pub(crate) async fn status_directly(service: &Service, name: &str) -> Reply {
    service.get_directly(&format!("/api/eks-get-job-status?job_name={name}")).await
}

/// What was sent upstream on behalf of callers, as `METHOD /path`: without the service's own question for the version,
/// and without the list and the watch by which it follows the jobs of all namespaces.
pub(crate) fn sent(cluster: &StubCluster) -> Vec<String> {
    let own = ["/version", "/apis/batch/v1/jobs"];
    let requests = cluster.requests().into_iter().filter(|request| !own.contains(&request.path.as_str()));
    requests.map(|request| format!("{} {}", request.method, request.path)).collect()
}

/// Checks the form that every problem has, and that it is this one. Returns the document.
#[track_caller]
pub(crate) fn problem(reply: &Reply, status: u16, reason: &str) -> Value {
    assert_eq!(reply.status, status, "{}", reply.text());
    assert_eq!(reply.header("content-type"), Some("application/problem+json"));
    let document = reply.json();
    assert_eq!(document["type"], "about:blank", "{document}");
    assert_eq!(document["title"].as_str(), reply.status.canonical_reason(), "{document}");
    assert_eq!(document["status"], status, "{document}");
    assert_eq!(document["reason"], reason, "{document}");
    assert!(document["detail"].as_str().is_some_and(|detail| detail.len() > 5), "{document}");
    assert_eq!(document["request_id"].as_str(), reply.header("x-request-id"), "{document}");
    assert!(document["request_id"].is_string(), "{document}");
    document
}

/// The problem's sentence.
#[track_caller]
pub(crate) fn detail(reply: &Reply, status: u16, reason: &str) -> String {
    problem(reply, status, reason)["detail"].as_str().unwrap_or_default().to_owned()
}

/// A recorded answer of `fixtures/kubernetes-1.36`, to be given instead of the real one.
pub(crate) fn recorded_reply(name: &str) -> Kind {
    let response = fixture(&format!("kubernetes-1.36/{name}"))["response"].take();
    let warning = response["headers"]["warning"].as_str();
    Kind::Reply {
        status: response["status"].as_u64().and_then(|status| u16::try_from(status).ok()).unwrap_or_default(),
        headers: warning.map(|text| ("warning".to_owned(), text.to_owned())).into_iter().collect(),
        body: response["body"].clone(),
    }
}
