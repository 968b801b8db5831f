//! HTTP/1.1 as callers of all kinds speak it, and the bounds on what they may send.

use crate::given::{BINARY, JOBS, job, status_of};
use crate::support::Lab;
use crate::support::stub::{Fault, Gate, Kind};
use crate::wire::{Wire, create_head};

#[tokio::test]
async fn one_connection_serves_many_requests() {
    let lab = Lab::start(BINARY).await;
    let mut wire = Wire::connect(&lab.service).await;
    for _ in 0..3 {
        assert_eq!(wire.get("/livez").await.status(), 200);
        assert_eq!(wire.get(&status_of("none")).await.status(), 404);
        assert_eq!(wire.get("/nowhere").await.status(), 404);
    }
}

#[tokio::test]
async fn requests_sent_without_waiting_are_answered_in_their_order() {
    let lab = Lab::start(BINARY).await;
    let mut wire = Wire::connect(&lab.service).await;
    let request =
        |path: &str, id: &str| format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: {id}\r\n\r\n");
    wire.send(&(request(&status_of("none"), "one") + &request("/livez", "two") + &request("/readyz", "three"))).await;
    for (id, status) in [("one", 404), ("two", 200), ("three", 200)] {
        let answer = wire.answer().await;
        assert_eq!((answer.status(), answer.header("x-request-id")), (status, Some(id)));
    }
}

#[tokio::test]
async fn head_has_the_headers_of_get_and_no_body() {
    let lab = Lab::start(BINARY).await;
    for path in ["/livez", "/health", &status_of("none")] {
        let mut wire = Wire::connect(&lab.service).await;
        let id = "X-Request-Id: same\r\n";
        wire.send(&format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{id}\r\n")).await;
        let get = wire.answer().await;
        wire.send(&format!("HEAD {path} HTTP/1.1\r\nHost: localhost\r\n{id}Connection: close\r\n\r\n")).await;
        let head = wire.head().await;
        let kept = |head: &str| -> Vec<String> {
            let lines = head.lines().filter(|line| !line.starts_with("date") && !line.starts_with("connection"));
            // What is left of the rate depends on the time between the two.
            lines.map(|line| line.split(";r=").next().unwrap_or_default().to_owned()).collect()
        };
        assert_eq!(kept(&head), kept(&get.head), "{path}");
        assert!(!get.body.is_empty());
        wire.closed().await;
    }
}

#[tokio::test]
async fn an_unknown_path_is_404_and_a_wrong_method_405_with_what_is_allowed() {
    let lab = Lab::start(BINARY).await;
    let missing = lab.service.get("/api/eks-create-jobs").await;
    assert_eq!((missing.status.as_u16(), missing.header("allow")), (404, None));
    assert_eq!(missing.header("content-type"), Some("application/problem+json"));
    for (method, path, allow) in [
        ("GET", "/api/eks-create-job", "POST, OPTIONS"),
        ("PUT", "/api/eks-delete-job", "DELETE, OPTIONS"),
        ("BREW", "/health", "GET, HEAD, OPTIONS"),
    ] {
        let wrong = lab.service.send(method, path, &[], "").await;
        assert_eq!((wrong.status.as_u16(), wrong.header("allow")), (405, Some(allow)), "{method} {path}");
        assert_eq!(wrong.json()["reason"], "MethodNotAllowed");
    }
    let options = lab.service.send("OPTIONS", "/api/eks-delete-job", &[], "").await;
    assert_eq!((options.status.as_u16(), options.header("allow")), (204, Some("DELETE, OPTIONS")));
    assert!(options.body.is_empty());
}

#[tokio::test]
async fn what_is_not_http_is_refused_and_the_connection_closed() {
    let lab = Lab::start(BINARY).await;
    let with = |header: &str| format!("GET /livez HTTP/1.1\r\nHost: localhost\r\n{header}\r\n\r\n");
    let long = with(&format!("X-Long: {}", "a".repeat(64 << 10)));
    let many = with(&(0..200).map(|n| format!("X-{n}: a")).collect::<Vec<_>>().join("\r\n"));
    let cases = [
        ("\0\x01\x02 garbage\r\n\r\n".to_owned(), "400"),
        ("GET /livez\r\n\r\n".to_owned(), "400"),
        ("GET /livez HTTP/9.9\r\n\r\n".to_owned(), "400"),
        (with("no colon"), "400"),
        (with("Bad Name: x"), "400"),
        (with("X-Nul: a\0b"), "400"),
        (with("Content-Length: 1\r\nContent-Length: 2"), "400"),
        (with("Transfer-Encoding: gzip"), "400"),
        (long, "431"),
        (many, "431"),
        // What a TLS client begins with.
        ("\x16\x03\x01\x02\0\x01\0\x01\u{7f}".to_owned(), "400"),
    ];
    for (sent, status) in cases {
        let answer = lab.service.raw(sent.as_bytes()).await;
        let answer = String::from_utf8_lossy(&answer);
        let shown: String = sent.chars().take(60).collect();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{shown:?}: {answer}");
    }
    assert_eq!(lab.service.get("/livez").await.status, 200, "others are served as ever");
}

#[tokio::test]
async fn http_1_0_is_answered_and_the_connection_closed() {
    let lab = Lab::start(BINARY).await;
    let answer = lab.service.raw(b"GET /livez HTTP/1.0\r\n\r\n").await;
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.0 200 ") && answer.ends_with("{\"status\":\"ok\"}"), "{answer}");
}

#[tokio::test]
async fn a_body_in_chunks_is_read_as_one() {
    let lab = Lab::start(BINARY).await;
    let mut wire = Wire::connect(&lab.service).await;
    wire.send(&create_head("Transfer-Encoding: chunked")).await;
    let text = job("hello").to_string();
    let (first, second) = text.split_at(20);
    wire.send(&format!("14\r\n{first}\r\n{:x}\r\n{second}\r\n0\r\n\r\n", second.len())).await;
    let answer = wire.answer().await;
    assert_eq!(answer.status(), 201, "{}", answer.body);
}

#[tokio::test]
async fn a_caller_who_waits_is_told_to_continue_unless_the_body_is_too_large() {
    let lab = Lab::start(BINARY).await;
    let text = job("hello").to_string();
    let mut wire = Wire::connect(&lab.service).await;
    wire.send(&create_head(&format!("Content-Length: {}\r\nExpect: 100-continue", text.len()))).await;
    assert!(wire.head().await.starts_with("HTTP/1.1 100 "));
    wire.send(&text).await;
    assert_eq!(wire.answer().await.status(), 201);

    let mut wire = Wire::connect(&lab.service).await;
    wire.send(&create_head("Content-Length: 99999999\r\nExpect: 100-continue")).await;
    assert_eq!(wire.answer().await.status(), 413);
    wire.closed().await;
}

#[tokio::test]
async fn a_body_too_large_is_refused_however_it_is_framed() {
    let lab = Lab::start(BINARY).await;
    let mut wire = Wire::connect(&lab.service).await;
    wire.send(&create_head("Transfer-Encoding: chunked")).await;
    // One byte above the limit, in sixteen chunks and one.
    let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x10000));
    wire.send(&(chunk.repeat(16) + "1\r\n \r\n")).await;
    assert_eq!(wire.answer().await.status(), 413);
    assert_eq!(lab.cluster.count("POST", "/apis"), 0);
}

#[tokio::test]
async fn a_body_that_is_cut_off_takes_no_effect() {
    let lab = Lab::start(BINARY).await;
    let mut wire = Wire::connect(&lab.service).await;
    wire.send(&(create_head("Content-Length: 5000") + &job("hello").to_string())).await;
    drop(wire);
    lab.service.log_line(|line| line.contains("operation=create_job") && line.contains("status=400")).await;
    assert_eq!(lab.cluster.count("POST", "/apis"), 0);
}

#[tokio::test]
async fn beyond_the_limit_a_connection_waits_until_another_closes() {
    let lab = Lab::with(BINARY, &[("EKS_API_MAX_CONNECTIONS", "1")]).await;
    let mut first = Wire::connect(&lab.service).await;
    assert_eq!(first.get("/livez").await.status(), 200);
    let mut second = Wire::connect(&lab.service).await;
    second.send("GET /livez HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: second\r\n\r\n").await;
    // The first is still served while the second waits, and nothing has happened on the second.
    assert_eq!(first.get("/readyz").await.status(), 200);
    assert!(!lab.service.logs().iter().any(|line| line.contains("request_id=second")));
    drop(first);
    assert_eq!(second.answer().await.status(), 200);
}

#[tokio::test]
async fn beyond_its_limit_a_peer_is_closed_on_and_told_of_once_and_others_are_served() {
    let lab = Lab::with(BINARY, &[("EKS_API_MAX_CONNECTIONS_PER_PEER", "2")]).await;
    let mut first = Wire::connect(&lab.service).await;
    let mut second = Wire::connect(&lab.service).await;
    assert_eq!(first.get("/livez").await.status(), 200);
    assert_eq!(second.get("/livez").await.status(), 200);
    for _ in 0..5 {
        Wire::connect(&lab.service).await.closed().await;
    }
    let mut other = Wire::connect_from("127.0.0.2", &lab.service).await;
    assert_eq!(other.get("/livez").await.status(), 200);
    assert_eq!(first.get("/livez").await.status(), 200);
    let is_told = |line: &str| line.contains("further ones are closed");
    // The line was written before the first was closed, and may be on its way still.
    lab.service.log_line(is_told).await;
    let told: Vec<String> = lab.service.logs().into_iter().filter(|line| is_told(line)).collect();
    assert!(told.len() == 1 && told[0].contains("WARN") && told[0].contains("caller=127.0.0.1:"), "{told:?}");
}

#[tokio::test]
async fn beyond_the_limit_requests_are_turned_away_but_probes_answered() {
    let lab = Lab::with(BINARY, &[("EKS_API_MAX_REQUESTS", "1")]).await;
    let gate = Gate::new();
    lab.cluster.fault(Fault::new("POST", JOBS, Kind::HoldBefore(gate.clone())));
    let mut held = Wire::connect(&lab.service).await;
    held.create("hello").await;
    gate.held(1).await;
    let refused = lab.service.get_directly(&status_of("hello")).await;
    assert_eq!((refused.status.as_u16(), &refused.json()["reason"]), (503, &"overloaded".into()));
    assert_eq!(refused.header("retry-after"), Some("1"));
    for probe in ["/livez", "/readyz", "/health"] {
        assert_eq!(lab.service.get(probe).await.status, 200, "{probe}");
    }
    gate.open();
    assert_eq!(held.answer().await.status(), 201);
    assert_eq!(lab.service.get_directly(&status_of("hello")).await.status, 200, "the place is free again");
}

#[tokio::test]
async fn a_create_whose_caller_hangs_up_is_finished_and_logged() {
    let lab = Lab::start(BINARY).await;
    let gate = Gate::new();
    lab.cluster.fault(Fault::new("POST", JOBS, Kind::HoldBefore(gate.clone())));
    let mut wire = Wire::connect(&lab.service).await;
    wire.create("hello").await;
    gate.held(1).await;
    drop(wire);
    gate.open();
    lab.service.log_line(|line| line.contains("operation=create_job") && line.contains("status=201")).await;
    assert!(lab.cluster.job("default", "hello").is_some());
}
