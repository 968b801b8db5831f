//! A token that the cluster refuses: replaced and the request repeated, without its caller noticing.

use std::sync::Arc;
use std::time::SystemTime;

use crate::given::{BINARY, JOBS, gives_out, job, loads, new_key, session_key, status_of, with_container_credentials};
use crate::support::aws::AwsMock;
use crate::support::service::Service;
use crate::support::stub::{Fault, Gate, Kind, StubCluster};
use crate::support::{Lab, surroundings};

/// A ready service whose key can be taken from it.
async fn revocable() -> (Service, StubCluster, AwsMock) {
    let (cluster, aws) = surroundings().await;
    let service = with_container_credentials(&aws).start().await;
    service.ready().await;
    (service, cluster, aws)
}

/// From now on the cluster refuses tokens of the first key, and AWS gives out a second.
fn rotate(cluster: &StubCluster, aws: &AwsMock) {
    cluster.accept_key(new_key());
    gives_out(aws, new_key());
    cluster.forget_key(&session_key().id);
}

#[tokio::test]
async fn a_read_with_a_refused_token_is_repeated_with_a_fresh_one() {
    let (service, cluster, aws) = revocable().await;
    service.post("/api/eks-create-job", &job("hello")).await;
    rotate(&cluster, &aws);
    assert_eq!(service.get_directly(&status_of("hello")).await.status, 200);
    assert_eq!(cluster.refused().0, 1);
    assert_eq!(cluster.count("GET", JOBS), 2);
    let tokens: Vec<_> = cluster.requests().into_iter().filter(|r| r.matches("GET", JOBS)).map(|r| r.token).collect();
    assert_ne!(tokens[0], tokens[1]);
    service.get_directly(&status_of("hello")).await;
    assert_eq!(cluster.refused().0, 1, "the fresh token is kept");
}

#[tokio::test]
async fn a_create_with_a_refused_token_is_repeated_and_makes_exactly_one_job() {
    let (service, cluster, aws) = revocable().await;
    rotate(&cluster, &aws);
    let created = service.post("/api/eks-create-job", &job("once")).await;
    assert_eq!(created.status, 201, "{}", created.text());
    assert_eq!(cluster.count("POST", JOBS), 2);
    let posted: Vec<_> = cluster.requests().into_iter().filter(|r| r.matches("POST", JOBS)).map(|r| r.body).collect();
    assert_eq!(posted[0], posted[1], "the very same request");
    assert_eq!(cluster.job("default", "once").unwrap()["metadata"]["uid"], created.json()["uid"]);
}

#[tokio::test]
async fn a_token_that_the_cluster_judges_too_old_is_replaced() {
    let lab = Lab::start(BINARY).await;
    lab.service.post("/api/eks-create-job", &job("hello")).await;
    let bound = SystemTime::now();
    // A token's date has whole seconds: one signed from the next second on is certainly not before the bound.
    let next = |time: SystemTime| time.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs() + 1;
    while next(SystemTime::now()) == next(bound) {
        assert_eq!(lab.service.get("/livez").await.status, 200);
    }
    lab.cluster.refuse_tokens_signed_before(bound);
    assert_eq!(lab.service.get_directly(&status_of("hello")).await.status, 200);
    assert!(lab.cluster.refused().1.unwrap().contains("too long ago"));
    assert_eq!(lab.cluster.refused().0, 1);
}

#[tokio::test]
async fn a_second_refusal_gets_a_third_try() {
    let lab = Lab::start(BINARY).await;
    lab.service.post("/api/eks-create-job", &job("hello")).await;
    lab.cluster.fault(Fault::new("GET", JOBS, Kind::Unauthorized).times(2));
    assert_eq!(lab.service.get_directly(&status_of("hello")).await.status, 200);
    assert_eq!(lab.cluster.count("GET", JOBS), 3);
}

#[tokio::test]
async fn lasting_refusal_ends_with_the_calls_time_and_is_never_the_callers_401() {
    let lab = Lab::with(BINARY, &[("EKS_API_REQUEST_TIMEOUT", "1s")]).await;
    lab.cluster.fault(Fault::new("*", JOBS, Kind::Unauthorized).always());
    let read = lab.service.get_directly(&status_of("hello")).await;
    let created = lab.service.post("/api/eks-create-job", &job("hello")).await;
    for reply in [read, created] {
        assert_eq!(reply.status, 502);
        assert_eq!(reply.json()["reason"], "upstream_unauthorized");
        assert!(reply.json()["detail"].as_str().unwrap().contains("access entry"), "{}", reply.text());
    }
    assert!(lab.cluster.job("default", "hello").is_none());
}

#[tokio::test]
async fn many_callers_refused_at_once_share_one_signing() {
    const CALLERS: usize = 40;
    let (service, cluster, aws) = revocable().await;
    service.post("/api/eks-create-job", &job("hello")).await;
    let gate = Gate::new();
    cluster.fault(Fault::new("GET", JOBS, Kind::HoldBefore(gate.clone())).times(CALLERS));
    let service = Arc::new(service);
    let calls: Vec<_> = (0..CALLERS)
        .map(|_| {
            let service = Arc::clone(&service);
            tokio::spawn(async move { service.get_directly(&status_of("hello")).await.status })
        })
        .collect();
    gate.held(CALLERS).await;
    rotate(&cluster, &aws);
    let loaded = loads(&aws);
    gate.open();
    for call in calls {
        assert_eq!(call.await.unwrap(), 200);
    }
    assert_eq!(loads(&aws) - loaded, 1);
    assert_eq!(cluster.refused().0, CALLERS);
    assert_eq!(cluster.count("GET", JOBS), 2 * CALLERS);
}

#[tokio::test]
async fn no_token_is_signed_per_request() {
    let lab = Lab::start(BINARY).await;
    for _ in 0..20 {
        lab.service.get_directly(&status_of("hello")).await;
    }
    let mut tokens: Vec<_> = lab.cluster.requests().into_iter().map(|request| request.token.unwrap()).collect();
    tokens.dedup();
    assert_eq!(tokens.len(), 1);
}
