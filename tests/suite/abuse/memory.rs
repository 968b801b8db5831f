//! What the bodies of requests may take is bounded.

use super::metric;
use super::site::Site;
use crate::given::BINARY;
use crate::support::Lab;
use crate::wire::{Wire, create_head};

const REFUSED: &str = "eks_api_refused_total{limit=\"memory\"} ";

#[tokio::test]
async fn bodies_that_do_not_end_take_no_place_of_those_that_do() {
    let lab = Lab::with(BINARY, &[("EKS_API_MAX_REQUESTS", "1")]).await;
    let mut slow = Vec::new();
    for _ in 0..3 {
        let mut wire = Wire::connect(&lab.service).await;
        wire.send(&create_head("Content-Length: 5000\r\nExpect: 100-continue")).await;
        assert!(wire.head().await.starts_with("HTTP/1.1 100 "), "its body is being waited for");
        slow.push(wire);
    }
    let mut normal = Wire::connect(&lab.service).await;
    normal.create("hello").await;
    assert_eq!(normal.answer().await.status(), 201);
    // Nor are they lost.
    let last = slow.last_mut().unwrap();
    last.send(&format!("{:5000}", crate::given::job("world").to_string())).await;
    assert_eq!(last.answer().await.status(), 201);
}

#[tokio::test]
async fn large_bodies_share_a_budget_that_small_ones_do_not_need() {
    let lab = Lab::start(BINARY).await;
    let large = create_head("Content-Length: 1048576\r\nExpect: 100-continue");
    let mut slow = Vec::new();
    for _ in 0..12 {
        let mut wire = Wire::connect(&lab.service).await;
        wire.send(&large).await;
        assert!(wire.head().await.starts_with("HTTP/1.1 100 "), "its body is being waited for");
        slow.push(wire);
    }
    let mut next = Wire::connect(&lab.service).await;
    next.send(&large).await;
    let mut normal = Wire::connect(&lab.service).await;
    normal.create("hello").await;
    assert_eq!(normal.answer().await.status(), 201);
    drop(slow.swap_remove(0));
    assert!(next.head().await.starts_with("HTTP/1.1 100 "), "it has the part of the one that left");
    let body = crate::given::job("large").to_string();
    next.send(&(body.clone() + &" ".repeat(1_048_576 - body.len()))).await;
    assert_eq!(next.answer().await.status(), 201);
}

#[tokio::test]
async fn a_large_body_that_finds_no_room_is_refused_and_counted() {
    let lab = Lab::start(BINARY).await;
    let site = Site::of(&lab.service, None);
    let large = create_head("Transfer-Encoding: chunked\r\nExpect: 100-continue");
    let mut slow = Vec::new();
    // Without a length a body counts as the largest that there may be.
    for _ in 0..12 {
        let mut wire = Wire::connect(&lab.service).await;
        wire.send(&large).await;
        assert!(wire.head().await.starts_with("HTTP/1.1 100 "));
        slow.push(wire);
    }
    let mut next = Wire::connect(&lab.service).await;
    next.send(&large).await;
    let refused = next.answer().await;
    assert_eq!((refused.status(), refused.header("retry-after")), (503, Some("1")), "{}", refused.body);
    assert!(refused.body.contains("\"reason\":\"overloaded\""), "{}", refused.body);
    assert!(metric(&site, REFUSED).await >= 1.0);
}
