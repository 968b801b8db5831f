//! A caller that closes its half of the connection after its request, as `nc -N` does: a change is answered, and whatever
//! only reads ends.

use tokio::time::timeout;

use crate::given::{BINARY, JOBS, job, status_of};
use crate::support::Lab;
use crate::support::service::PATIENCE;
use crate::support::stub::{Fault, Gate, Kind};
use crate::wire::{Wire, create_head};

async fn half_closed(lab: &Lab, request: &str) -> Wire {
    let mut wire = Wire::connect(&lab.service).await;
    wire.send(request).await;
    wire.half_close().await;
    wire
}

fn create(name: &str, query: &str) -> String {
    let body = job(name).to_string();
    create_head(&format!("Content-Length: {}", body.len())).replace("-create-job", &format!("-create-job{query}"))
        + &body
}

#[tokio::test]
async fn c7_a_change_is_answered() {
    let lab = Lab::start(BINARY).await;
    let gate = Gate::new();
    lab.cluster.fault(Fault::new("POST", JOBS, Kind::HoldBefore(gate.clone())));
    let mut wire = half_closed(&lab, &create("hello", "")).await;
    gate.held(1).await;
    gate.open();
    let answer = wire.answer().await;
    assert_eq!(answer.status(), 201, "{}", answer.body);
    wire.closed().await;

    let body = job("chunked").to_string();
    let chunked = format!("{}{:x}\r\n{body}\r\n0\r\n\r\n", create_head("Transfer-Encoding: chunked"), body.len());
    assert_eq!(half_closed(&lab, &chunked).await.answer().await.status(), 201);
    for (method, path) in [
        ("POST", "/api/eks-suspend-job?job_name=hello"),
        ("DELETE", "/api/eks-delete-job?job_name=hello"),
        ("DELETE", "/api/eks-delete-job?job_name=none"),
    ] {
        let request = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
        let expected = if path.ends_with("none") { 404 } else { 200 };
        let mut wire = half_closed(&lab, &request).await;
        assert_eq!(wire.answer().await.status(), expected, "{method} {path}");
        wire.closed().await;
    }
}

#[tokio::test]
async fn c7_the_wait_of_a_create_ends_and_its_answer_has_the_job() {
    let lab = Lab::start(BINARY).await;
    let mut wire = half_closed(&lab, &create("hello", "?wait=5m")).await;
    let answer = timeout(PATIENCE, wire.answer()).await.expect("it waits");
    assert_eq!(answer.status(), 201, "{}", answer.body);
    assert!(answer.body.contains("\"state\":\"pending\""), "{}", answer.body);
}

#[tokio::test]
async fn c7_reads_waits_and_streams_end() {
    let lab = Lab::start(BINARY).await;
    let mut wire = Wire::connect(&lab.service).await;
    wire.create("hello").await;
    assert_eq!(wire.answer().await.status(), 201);
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    half_closed(&lab, &get(&format!("{}&wait=5m", status_of("hello")))).await.closed().await;
    let mut stream = Wire::connect(&lab.service).await;
    stream.send(&get("/api/eks-watch-jobs")).await;
    assert!(stream.head().await.starts_with("HTTP/1.1 200 "));
    stream.half_close().await;
    stream.ended().await;
}

#[tokio::test]
async fn c7_a_body_that_ends_early_is_refused_at_once() {
    let lab = Lab::start(BINARY).await;
    for framing in ["Content-Length: 5000", "Transfer-Encoding: chunked"] {
        let mut wire = half_closed(&lab, &(create_head(framing) + "5\r\n{\"job")).await;
        let answer = wire.answer().await;
        assert_eq!(answer.status(), 400, "{}", answer.body);
        assert!(answer.body.contains("ended early"), "{}", answer.body);
    }
    assert_eq!(lab.cluster.count("POST", "/apis"), 0);
}
