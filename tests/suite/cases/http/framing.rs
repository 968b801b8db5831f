//! Headers that HTTP forbids are refused with a problem that says what is wrong.

use serde_json::Value;

use crate::given::{BINARY, job};
use crate::support::Lab;
use crate::wire::{Wire, create_head};

const HIDDEN: &str = "GET /livez HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: hidden\r\n\r\n";

/// The one answer to what is refused by its header, after which the connection is closed.
async fn refusal(lab: &Lab, sent: &str) -> (u16, Value) {
    let mut wire = Wire::connect(&lab.service).await;
    wire.send(&(sent.to_owned() + HIDDEN)).await;
    let answer = wire.answer().await;
    wire.closed().await;
    assert!(answer.header("x-request-id").is_some(), "{}", answer.head);
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    (answer.status(), serde_json::from_str(&answer.body).unwrap())
}

#[tokio::test]
async fn c6_a_transfer_encoding_other_than_chunked_is_refused() {
    let lab = Lab::start(BINARY).await;
    let text = job("hello").to_string();
    let body = format!("{:x}\r\n{text}\r\n0\r\n\r\n", text.len());
    for codings in [
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: chunked, chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
        "Content-Length: 5\r\nTransfer-Encoding: gzip, chunked",
    ] {
        let (status, problem) = refusal(&lab, &(create_head(codings) + &body)).await;
        assert_eq!((status, &problem["reason"]), (400, &"BadRequest".into()), "{codings:?}");
        assert!(problem["detail"].as_str().unwrap().starts_with("Transfer-Encoding: "), "{problem}");
    }
    assert_eq!(lab.cluster.count("POST", "/apis"), 0);
    assert!(!lab.service.logs().iter().any(|line| line.contains("hidden")));
}

#[tokio::test]
async fn c6_a_request_without_host_or_with_two_is_refused() {
    let lab = Lab::start(BINARY).await;
    for head in [
        "GET /livez HTTP/1.1\r\n\r\n",
        "GET /nowhere HTTP/1.1\r\n\r\n",
        "GET http://localhost/livez HTTP/1.1\r\n\r\n",
        "GET /livez HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n",
        "GET /livez HTTP/1.0\r\nHost: localhost\r\nHost: localhost\r\n\r\n",
    ] {
        let (status, problem) = refusal(&lab, head).await;
        assert_eq!((status, &problem["reason"]), (400, &"BadRequest".into()), "{head:?}");
        assert!(problem["detail"].as_str().unwrap().starts_with("Host: "), "{problem}");
    }
    assert!(!lab.service.logs().iter().any(|line| line.contains("hidden")));
}

#[tokio::test]
async fn c6_a_length_given_twice_is_one_length_and_one_beside_chunks_ends_the_connection() {
    let lab = Lab::start(BINARY).await;
    let mut wire = Wire::connect(&lab.service).await;
    wire.send(&format!("GET /livez HTTP/1.1\r\nHost: localhost\r\n{0}\r\n{0}\r\n\r\n12345", "Content-Length: 5")).await;
    assert_eq!(wire.answer().await.status(), 200);
    assert_eq!(wire.get("/livez").await.status(), 200, "five bytes were the body, and no more");
    for both in ["Content-Length: 5\r\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked\r\nContent-Length: 5"] {
        let mut wire = Wire::connect(&lab.service).await;
        wire.send(&format!("GET /livez HTTP/1.1\r\nHost: localhost\r\n{both}\r\n\r\n0\r\n\r\n{HIDDEN}")).await;
        let answer = wire.answer().await;
        assert_eq!((answer.status(), answer.header("connection")), (200, Some("close")));
        wire.closed().await;
    }
    assert!(!lab.service.logs().iter().any(|line| line.contains("hidden")));
}

#[tokio::test]
async fn c10_too_many_header_lines_are_refused_with_a_problem() {
    let lab = Lab::start(BINARY).await;
    let with = |count: usize| {
        let lines = (1..count).map(|number| format!("X-{number}: a\r\n")).collect::<Vec<_>>().concat();
        format!("GET /livez HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n")
    };
    let mut wire = Wire::connect(&lab.service).await;
    wire.send(&with(64)).await;
    assert_eq!(wire.answer().await.status(), 200);
    for count in [65, 100] {
        let (status, problem) = refusal(&lab, &with(count)).await;
        assert_eq!((status, &problem["reason"]), (431, &"header_too_large".into()));
        assert!(problem["detail"].as_str().unwrap().contains(&format!("{count} lines")), "{problem}");
    }
}
