//! Attempts against a local receiver: its replies, and the connections that are kept.

#[path = "connect_tests.rs"]
mod connecting;
#[path = "receiver_tests.rs"]
mod receiver;
#[path = "reply_tests.rs"]
mod replies;
#[path = "tls_tests.rs"]
mod tls;

use std::sync::atomic::Ordering;

use self::receiver::{BODY, ID, Receiver, Reply, send, sender};
use super::*;

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

#[tokio::test]
async fn a_message_has_the_headers_of_standard_webhooks() {
    let receiver = Receiver::start(|_| Reply::text(OK)).await;
    let sender = sender(&receiver.url());
    let sent = send(&sender).await;
    assert_eq!((sent.status, &sent.error, sent.retry_after), (Some(200), &None, None));
    assert!(sent.is_delivered() && !sent.is_gone());
    let request = receiver.requests.lock().unwrap()[0].clone();
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    assert_eq!(body, BODY);
    let mut lines = head.lines();
    assert_eq!(lines.next(), Some("POST /hooks/hunter2?token=hunter2 HTTP/1.1"));
    let mut headers: Vec<_> = lines.map(|line| line.split_once(": ").unwrap()).collect();
    headers.sort_unstable();
    let timestamp = headers.iter().find(|(name, _)| *name == "webhook-timestamp").unwrap().1;
    let age = OffsetDateTime::now_utc().unix_timestamp() - timestamp.parse::<i64>().unwrap();
    assert!((0..60).contains(&age), "{age}");
    let expected = sign(&sender.endpoint.secrets, ID, timestamp.parse().unwrap(), BODY.as_bytes());
    let (length, host) = (BODY.len().to_string(), receiver.address.to_string());
    assert_eq!(
        headers,
        [
            ("content-length", length.as_str()),
            ("content-type", "application/json"),
            ("host", host.as_str()),
            ("user-agent", concat!("eks-api/", env!("CARGO_PKG_VERSION"))),
            ("webhook-id", ID),
            ("webhook-signature", expected.as_str()),
            ("webhook-timestamp", timestamp),
        ]
    );
}

#[tokio::test]
async fn messages_share_a_connection_until_the_receiver_closes_it() {
    let receiver = Receiver::start(|number| match number {
        2 => Reply::text("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n").and_close(),
        _ => Reply::text(OK),
    })
    .await;
    let sender = sender(&receiver.url());
    for expected in [1, 1, 1, 2, 2] {
        assert!(send(&sender).await.is_delivered());
        assert_eq!(receiver.connections(), expected);
    }
}

#[tokio::test]
async fn a_connection_that_the_receiver_closed_silently_is_replaced() {
    let receiver = Receiver::start(|_| Reply::text(OK).and_close()).await;
    let sender = sender(&receiver.url());
    for expected in 1..=20 {
        assert_eq!(send(&sender).await.error, None);
        assert_eq!(receiver.connections(), expected);
        receiver.closed.notified().await;
    }
}

#[tokio::test]
async fn concurrent_messages_have_a_connection_each_and_leave_it_to_later_ones() {
    let receiver = Receiver::start(|_| Reply::text(OK)).await;
    let sender = sender(&receiver.url());
    for _ in 0..3 {
        let (a, b, c, d) = tokio::join!(send(&sender), send(&sender), send(&sender), send(&sender));
        assert!([a, b, c, d].iter().all(Sent::is_delivered));
        assert_eq!(receiver.connections(), 4);
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_closes_after_30_s() {
    let receiver = Receiver::start(|_| Reply::text(OK)).await;
    let sender = sender(&receiver.url());
    let begun = Instant::now();
    assert!(send(&sender).await.is_delivered());
    receiver.closed.notified().await;
    assert_eq!(begun.elapsed().as_secs(), 30);
    assert!(send(&sender).await.is_delivered());
    assert_eq!(receiver.connections(), 2);
    drop(sender);
    receiver.closed.notified().await;
    assert_eq!(begun.elapsed().as_secs(), 30, "a sender that is dropped closes its connections");
}

#[tokio::test(start_paused = true)]
async fn a_busy_connection_is_replaced_after_30_s() {
    let receiver = Receiver::start(|_| Reply::text(OK)).await;
    let sender = sender(&receiver.url());
    for second in 0..40 {
        assert!(send(&sender).await.is_delivered());
        assert_eq!(receiver.connections(), if second < 30 { 1 } else { 2 }, "{second}");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// 2,000 messages are 4 s at the rate that is promised. A machine that is busy with other tests has 60 s.
#[tokio::test]
async fn many_messages_take_little_time() {
    let receiver = Receiver::start(|_| Reply::text(OK)).await;
    let sender = sender(&receiver.url());
    let begun = std::time::Instant::now();
    for _ in 0..500 {
        let (a, b, c, d) = tokio::join!(send(&sender), send(&sender), send(&sender), send(&sender));
        assert!([a, b, c, d].iter().all(Sent::is_delivered));
    }
    println!("2,000 messages took {:?}", begun.elapsed());
    assert!(begun.elapsed() < Duration::from_mins(1));
    assert_eq!(receiver.connections.load(Ordering::Relaxed), 4);
}
