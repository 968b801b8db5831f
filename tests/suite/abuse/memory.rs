//! What callers make the service hold is bounded, and whoever has held something for longest gives way.

use super::metric;
use super::site::Site;
use crate::given::{BINARY, JOBS};
use crate::support::Lab;
use crate::wire::{Wire, create_head};

const GAVE_WAY: &str = "eks_api_refused_total{limit=\"memory\"} ";

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
async fn the_body_that_has_taken_longest_gives_way_when_there_is_no_room() {
    let lab = Lab::start(BINARY).await;
    let site = Site::of(&lab.service, None);
    let sent = create_head("Content-Length: 1048576\r\nExpect: 100-continue");
    let most = " ".repeat(1_000_000);
    let mut slow = Vec::new();
    // Each one's buffer is at most twice as large.
    for _ in 0..20 {
        let mut wire = Wire::connect(&lab.service).await;
        wire.send(&sent).await;
        assert!(wire.head().await.starts_with("HTTP/1.1 100 "));
        wire.send(&most).await;
        slow.push(wire);
    }
    let refused = slow[0].answer().await;
    assert_eq!((refused.status(), refused.header("retry-after")), (503, Some("1")), "{}", refused.body);
    assert!(refused.body.contains("\"reason\":\"overloaded\""), "{}", refused.body);
    let mut normal = Wire::connect(&lab.service).await;
    normal.create("hello").await;
    assert_eq!(normal.answer().await.status(), 201);
    assert!(metric(&site, GAVE_WAY).await >= 1.0);
    assert_eq!(lab.cluster.count("POST", JOBS), 1);
}

#[tokio::test]
async fn the_head_that_has_taken_longest_gives_way_when_there_is_no_room() {
    let lab = Lab::start(BINARY).await;
    let site = Site::of(&lab.service, None);
    let mut idle = Wire::connect(&lab.service).await;
    assert_eq!(idle.get("/livez").await.status(), 200);
    let sent = format!("GET /livez HTTP/1.1\r\nHost: localhost\r\nX-Long: {}", "a".repeat(31 << 10));
    let mut slow = Vec::new();
    for number in 0..600 {
        let mut wire = Wire::connect_from(&format!("127.0.2.{}", number / 200 + 1), &lab.service).await;
        wire.send(&sent).await;
        slow.push(wire);
    }
    slow[0].closed().await;
    assert!(metric(&site, GAVE_WAY).await >= 1.0);
    assert_eq!(idle.get("/livez").await.status(), 200, "one that was idle holds nothing, and stays");
    let last = slow.last_mut().unwrap();
    last.send("\r\n\r\n").await;
    assert_eq!(last.answer().await.status(), 200, "the youngest has its time");
}
