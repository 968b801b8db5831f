//! What the tests and the demonstration stand on: a stub cluster, a stand-in for AWS, and the
//! service as a child process between them. Including crates declare it as `mod support` at their
//! root.

#![allow(dead_code, unused_imports, reason = "each crate that includes this uses a part of it")]
#![allow(unreachable_pub, reason = "pub means: for the including crate")]
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test support that fails, panics")]

pub mod aws;
pub mod clusters;
pub mod contract;
pub mod judge;
pub mod manifests;
pub mod pki;
pub mod port;
pub mod real;
pub mod receiver;
pub mod service;
pub mod stub;

use serde_json::Value;

use aws::AwsMock;
use service::{Builder, Service};
use stub::{StubCluster, StubConfig};

/// Reads a file of `fixtures/`, named without its extension.
pub fn fixture(name: &str) -> Value {
    let path = format!("{}/fixtures/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The body of a recorded answer of `fixtures/kubernetes-1.36`.
pub fn recorded_body(name: &str) -> Value {
    fixture(&format!("kubernetes-1.36/{name}"))["response"]["body"].take()
}

/// A service that is ready, with the cluster and the AWS it talks to.
pub struct Lab {
    // The service comes first, so that it goes before those it would otherwise complain about.
    pub service: Service,
    pub cluster: StubCluster,
    pub aws: AwsMock,
}

impl Lab {
    pub async fn start(binary: &str) -> Self {
        Self::with(binary, &[]).await
    }

    /// Starts with these settings over the usual ones.
    pub async fn with(binary: &str, environment: &[(&str, &str)]) -> Self {
        let (cluster, aws) = surroundings().await;
        let service = builder(binary, &aws).envs(environment).start().await;
        service.ready().await;
        Self { service, cluster, aws }
    }
}

/// A stub cluster, and an AWS that describes it.
pub async fn surroundings() -> (StubCluster, AwsMock) {
    let cluster = StubCluster::start(StubConfig::default()).await;
    let aws = AwsMock::start().await;
    aws.describes(&cluster.endpoint(), &cluster.ca_pem());
    (cluster, aws)
}

/// A service that is not started yet, and that will talk to this AWS.
pub fn builder(binary: &str, aws: &AwsMock) -> Builder {
    let url = aws.url();
    Service::builder(binary).env("AWS_ENDPOINT_URL_EKS", &url).env("AWS_ENDPOINT_URL_STS", &url)
}
