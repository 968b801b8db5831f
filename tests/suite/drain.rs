//! The end: what is under way is finished, nothing new is begun, and whoever asks twice is obeyed.

use std::io::ErrorKind;

use tokio::net::TcpStream;
use tokio::task::yield_now;
use tokio::time::timeout;

use crate::given::{BINARY, JOBS, job};
use crate::support::Lab;
use crate::support::service::{PATIENCE, Service};
use crate::support::stub::{Fault, Gate, Kind, StubCluster};
use crate::wire::Wire;

/// Begins to create a job, which the cluster keeps waiting at this gate.
async fn held(cluster: &StubCluster, service: &Service) -> (Gate, Wire) {
    let gate = Gate::new();
    cluster.fault(Fault::new("POST", JOBS, Kind::HoldBefore(gate.clone())));
    let mut wire = Wire::connect(service).await;
    wire.create("hello").await;
    gate.held(1).await;
    (gate, wire)
}

async fn draining(service: &Service, signal: &str) {
    service.signal(signal).await;
    service.log_line(|line| line.contains("draining")).await;
}

/// Waits until nobody listens any more.
async fn refuses_connections(service: &Service) {
    let refused = async {
        loop {
            match TcpStream::connect(service.address()).await {
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => return,
                _ => yield_now().await,
            }
        }
    };
    timeout(PATIENCE, refused).await.expect("it still listens");
}

async fn finishes_what_is_under_way(signal: &str) {
    let Lab { mut service, cluster, aws: _aws } = Lab::start(BINARY).await;
    let mut idle = Wire::connect(&service).await;
    assert_eq!(idle.get("/livez").await.status(), 200);
    let (gate, mut wire) = held(&cluster, &service).await;

    draining(&service, signal).await;
    idle.closed().await;
    refuses_connections(&service).await;
    gate.open();
    let answer = wire.answer().await;
    assert_eq!((answer.status(), answer.header("connection")), (201, Some("close")), "{}", answer.body);
    wire.closed().await;

    assert_eq!(service.exit_status().await.code(), Some(0));
    let last = service.log_line(|line| line.contains("stopped")).await;
    assert!(!last.contains("still open"), "{last}");
    assert!(service.logs().iter().any(|line| line.contains(&format!("signal=SIG{signal}"))));
    assert!(cluster.job("default", "hello").is_some());
}

#[tokio::test]
async fn sigterm_lets_requests_finish_and_closes_idle_connections() {
    finishes_what_is_under_way("TERM").await;
}

#[tokio::test]
async fn sigint_lets_requests_finish_and_closes_idle_connections() {
    finishes_what_is_under_way("INT").await;
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    for second in ["TERM", "INT"] {
        let Lab { mut service, cluster, aws: _aws } = Lab::start(BINARY).await;
        let (_gate, mut wire) = held(&cluster, &service).await;
        draining(&service, "TERM").await;
        service.signal(second).await;
        assert_eq!(service.exit_status().await.code(), Some(0));
        service.log_line(|line| line.contains("requests still open")).await;
        wire.closed().await;
    }
}

#[tokio::test]
async fn with_nothing_under_way_it_ends_by_itself() {
    let Lab { mut service, .. } = Lab::start(BINARY).await;
    draining(&service, "TERM").await;
    assert_eq!(service.exit_status().await.code(), Some(0));
}

#[tokio::test]
async fn a_request_that_arrives_whole_after_the_signal_is_still_answered() {
    let Lab { mut service, cluster: _cluster, aws: _aws } = Lab::start(BINARY).await;
    let mut wire = Wire::connect(&service).await;
    let body = job("hello").to_string();
    let (head, rest) = body.split_at(10);
    wire.send(&(crate::wire::create_head(&format!("Content-Length: {}\r\nExpect: 100-continue", body.len())))).await;
    // The handler is at the body now.
    assert!(wire.head().await.starts_with("HTTP/1.1 100 "));
    draining(&service, "TERM").await;
    wire.send(head).await;
    wire.send(rest).await;
    assert_eq!(wire.answer().await.status(), 201);
    assert_eq!(service.exit_status().await.code(), Some(0));
}

#[tokio::test]
async fn a_service_that_is_not_ready_ends_as_well() {
    let aws = crate::support::aws::AwsMock::start().await;
    let mut service = crate::support::builder(BINARY, &aws).start().await;
    draining(&service, "TERM").await;
    assert_eq!(service.exit_status().await.code(), Some(0));
}

#[tokio::test]
async fn a_create_whose_caller_hung_up_is_finished_and_logged() {
    let Lab { mut service, cluster, aws: _aws } = Lab::start(BINARY).await;
    let (gate, wire) = held(&cluster, &service).await;
    drop(wire);
    draining(&service, "TERM").await;
    refuses_connections(&service).await;
    gate.open();
    service.log_line(|line| line.contains("job=hello") && line.contains("status=201")).await;
    assert_eq!(service.exit_status().await.code(), Some(0));
    assert!(cluster.job("default", "hello").is_some());
}
