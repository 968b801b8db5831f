//! A cluster whose address or authority changes, that is not there yet, or that AWS will not describe.

use crate::given::{BINARY, JOBS, job, status_of};
use crate::support::aws::AwsMock;
use crate::support::pki::Authority;
use crate::support::service::Service;
use crate::support::stub::{Fault, Kind, StubCluster, StubConfig};
use crate::support::{Lab, builder, surroundings};

/// A bound that callers may set; here, so that a cluster that stays out of reach is given up soon.
const SHORT: [(&str, &str); 1] = [("EKS_API_REQUEST_TIMEOUT", "1s")];

async fn create(service: &Service, name: &str) -> u16 {
    service.post("/api/eks-create-job", &job(name)).await.status.as_u16()
}

/// Starts while `DescribeCluster` gives this recording; waits until the failure is told with this word.
async fn unready(recording: &str, word: &str) -> (Service, StubCluster, AwsMock) {
    let (cluster, aws) = surroundings().await;
    aws.answers_recording(recording);
    let service = builder(BINARY, &aws).start().await;
    service.log_line(|line| line.contains("check=cluster") && line.contains(word)).await;
    (service, cluster, aws)
}

/// Says everywhere why it is not ready, and becomes ready once `DescribeCluster` answers.
async fn says_why_until_mended(recording: &str, word: &str) {
    let (service, cluster, aws) = unready(recording, word).await;
    assert_eq!(service.get("/livez").await.status, 200);

    let readyz = service.get("/readyz").await;
    assert_eq!(readyz.status, 503);
    assert!(readyz.header("retry-after").is_some());
    assert!(readyz.json()["detail"].as_str().unwrap().contains(word), "{}", readyz.text());

    let health = service.get("/health").await;
    assert_eq!((health.status.as_u16(), &health.json()["status"]), (200, &"degraded".into()));
    let check = &health.json()["checks"]["cluster"];
    assert_eq!(check["status"], "failed");
    assert!(check["detail"].as_str().unwrap().contains(word), "{check}");

    let call = service.get_directly(&status_of("hello")).await;
    assert_eq!((call.status.as_u16(), &call.json()["reason"]), (503, &"not_ready".into()));
    assert_eq!(call.json()["detail"], "not ready yet: cluster", "the cause is for the log");
    assert_eq!(cluster.connections(), 0);

    aws.describes(&cluster.endpoint(), &cluster.ca_pem());
    service.ready().await;
    assert_eq!(service.get("/readyz").await.status, 200);
    assert_eq!(service.get("/health").await.json()["status"], "healthy");
    assert_eq!(create(&service, "hello").await, 201);
}

#[tokio::test]
async fn denied_access_to_the_description_is_told_until_it_is_granted() {
    says_why_until_mended("describe-cluster-access-denied", "eks:DescribeCluster").await;
}

#[tokio::test]
async fn a_cluster_that_does_not_exist_is_told_until_it_does() {
    says_why_until_mended("describe-cluster-not-found", "EKS_CLUSTER_NAME").await;
}

#[tokio::test]
async fn throttling_is_told_until_it_ends() {
    says_why_until_mended("describe-cluster-throttled", "ThrottlingException").await;
}

#[tokio::test]
async fn credentials_that_aws_does_not_know_are_told_until_it_does() {
    says_why_until_mended("describe-cluster-bad-credentials", "UnrecognizedClientException").await;
}

#[tokio::test]
async fn a_cluster_that_is_being_created_is_waited_for() {
    says_why_until_mended("describe-cluster-creating", "CREATING").await;
}

#[tokio::test]
async fn a_cluster_that_refuses_our_token_at_first_is_tried_again() {
    let (cluster, aws) = surroundings().await;
    cluster.fault(Fault::new("GET", "/version", Kind::Unauthorized).times(3));
    let service = builder(BINARY, &aws).start().await;
    service.log_line(|line| line.contains("check=kubernetes") && line.contains("access entry")).await;
    service.ready().await;
    assert_eq!(create(&service, "hello").await, 201);
}

#[tokio::test]
async fn a_bundle_of_two_authorities_works_with_a_leaf_of_either() {
    let (cluster, aws) = surroundings().await;
    let new = Authority::new("new-cluster-ca");
    aws.describes(&cluster.endpoint(), &(cluster.ca_pem() + &new.pem()));
    let service = builder(BINARY, &aws).envs(&SHORT).start().await;
    service.ready().await;
    assert_eq!(create(&service, "old").await, 201);
    let described = aws.describe_calls();
    cluster.replace_certificate(&new);
    cluster.close_connections().await;
    assert_eq!(create(&service, "new").await, 201);
    assert_eq!(aws.describe_calls(), described, "both were known");
}

#[tokio::test]
async fn a_replaced_authority_is_taken_up_without_a_restart_or_an_error() {
    let lab = Lab::start(BINARY).await;
    let new = Authority::new("new-cluster-ca");
    lab.aws.describes(&lab.cluster.endpoint(), &new.pem());
    lab.cluster.replace_certificate(&new);
    lab.cluster.close_connections().await;
    assert_eq!(create(&lab.service, "hello").await, 201);
}

#[tokio::test]
async fn a_new_endpoint_is_taken_up_without_a_restart_or_an_error() {
    let lab = Lab::start(BINARY).await;
    let moved = StubCluster::start(StubConfig::default()).await;
    lab.aws.describes(&moved.endpoint(), &moved.ca_pem());
    lab.cluster.stop().await;
    assert_eq!(create(&lab.service, "hello").await, 201);
    assert!(moved.job("default", "hello").is_some());
    let endpoint = moved.endpoint();
    lab.service.log_line(|line| line.contains("cluster described") && line.contains(&endpoint)).await;
}

#[tokio::test]
async fn an_unknown_issuer_is_never_trusted_and_makes_it_ask_aws_again() {
    let lab = Lab::with(BINARY, &SHORT).await;
    let described = lab.aws.describe_calls();
    lab.cluster.replace_certificate(&Authority::new("intruder"));
    lab.cluster.close_connections().await;
    let sent = lab.cluster.requests().len();
    // A read: it is tried again even if its first try still met the connection that was being closed.
    let reply = lab.service.get_directly(&status_of("hello")).await;
    assert_eq!((reply.status.as_u16(), &reply.json()["reason"]), (502, &"upstream_unreachable".into()));
    assert!(!reply.text().to_lowercase().contains("issuer"), "what went wrong inside is not for the caller");
    lab.service.log_line(|line| line.contains("status=502") && line.contains("not signed by a trusted CA")).await;
    assert_eq!(lab.cluster.requests().len(), sent, "no byte of a request, nor the token, was sent");
    assert_eq!(lab.aws.describe_calls(), described + 1, "at once, but not with every try");
}

#[tokio::test]
async fn a_leaf_for_another_host_is_not_trusted() {
    let (cluster, aws) = surroundings().await;
    cluster.show_leaf_for(&["cluster.example.com"]);
    let service = builder(BINARY, &aws).start().await;
    service.log_line(|line| line.contains("check=kubernetes") && line.contains("not valid for name")).await;
    assert_eq!(cluster.requests().len(), 0);
}

#[tokio::test]
async fn the_last_good_description_stays_while_aws_gives_none() {
    let lab = Lab::with(BINARY, &SHORT).await;
    lab.aws.answers_recording("describe-cluster-access-denied");
    lab.cluster.stop().await;
    assert_eq!(create(&lab.service, "early").await, 502);
    lab.service.log_line(|line| line.contains("check=cluster") && line.contains("eks:DescribeCluster")).await;
    lab.cluster.restart_on_same_port().await;
    assert_eq!(create(&lab.service, "late").await, 201);
    assert_eq!(lab.service.get("/readyz").await.status, 200);
    let health = lab.service.get("/health").await.json();
    assert_eq!(health["status"], "degraded");
    assert_eq!(health["checks"]["cluster"]["status"], "failed");
}

#[tokio::test]
async fn a_description_without_a_usable_authority_does_not_replace_a_good_one() {
    let lab = Lab::with(BINARY, &SHORT).await;
    lab.aws.describes(&lab.cluster.endpoint(), "no certificate at all");
    lab.cluster.stop().await;
    assert_eq!(create(&lab.service, "early").await, 502);
    lab.service.log_line(|line| line.contains("check=cluster") && line.contains("no certificate")).await;
    lab.cluster.restart_on_same_port().await;
    assert_eq!(create(&lab.service, "late").await, 201);
}

#[tokio::test]
async fn a_restarted_api_server_is_reconnected_to_within_the_request() {
    let lab = Lab::start(BINARY).await;
    lab.cluster.close_connections().await;
    assert_eq!(create(&lab.service, "hello").await, 201);
    lab.cluster.close_connections().await;
    assert_eq!(lab.service.get_directly(&status_of("hello")).await.status, 200);
    assert_eq!(lab.cluster.count("POST", JOBS), 1);
}

#[tokio::test]
async fn a_clock_that_differs_from_the_api_servers_is_warned_of() {
    let (cluster, aws) = surroundings().await;
    let headers = vec![("date".to_owned(), "Mon, 01 Jan 2024 00:00:00 GMT".to_owned())];
    let body = crate::support::recorded_body("version");
    cluster.fault(Fault::new("GET", "/version", Kind::Reply { status: 200, headers, body }));
    let service = builder(BINARY, &aws).start().await;
    let line = service.log_line(|line| line.contains("clock differs")).await;
    assert!(line.contains("WARN") && line.contains("check=clock") && line.contains("min ahead"), "{line}");
    service.ready().await;
}
