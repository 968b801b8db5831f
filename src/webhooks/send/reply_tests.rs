//! Each kind of reply, and receivers that want to harm the sender.

use std::net::TcpListener;
use std::sync::atomic::Ordering;

use super::receiver::{Receiver, Reply, send, sender};
use super::*;

fn head(status: &str, headers: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n{headers}\r\n")
}

async fn send_to(reply: String) -> Sent {
    let receiver = Receiver::start(move |_| Reply::text(reply.clone())).await;
    send(&sender(&receiver.url())).await
}

#[tokio::test]
async fn a_2xx_is_delivered_and_all_else_names_its_status() {
    for (status, error) in [
        ("200 OK", None),
        ("202 hunter2", None),
        ("204 No Content", None),
        ("299 Unknown", None),
        ("304 Not Modified", Some("304 Not Modified: redirects are not followed; set url to the address it leads to")),
        ("400 hunter2", Some("400 Bad Request")),
        ("404 Not Found", Some("404 Not Found")),
        ("410 Gone", Some("410 Gone")),
        ("429 Slow", Some("429 Too Many Requests")),
        ("500 hunter2", Some("500 Internal Server Error")),
        ("502 Bad Gateway", Some("502 Bad Gateway")),
        ("599 hunter2", Some("599")),
    ] {
        let sent = send_to(head(status, "")).await;
        assert_eq!(sent.status, status[..3].parse().ok());
        assert_eq!(sent.error.as_deref(), error, "{status}");
        assert_eq!(sent.is_delivered(), error.is_none());
        assert_eq!(sent.is_gone(), status == "410 Gone");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed_wherever_it_leads() {
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let elsewhere_url = format!("http://{}/hunter2", elsewhere.local_addr().unwrap());
    for status in
        ["300 Multiple Choices", "301 Moved Permanently", "302 Found", "303 See Other", "307 Temporary Redirect"]
    {
        for location in [elsewhere_url.as_str(), "http://169.254.169.254/latest/meta-data/", "/hunter2"] {
            let receiver = {
                let reply = head(status, &format!("location: {location}\r\n"));
                Receiver::start(move |_| Reply::text(reply.clone())).await
            };
            let sent = send(&sender(&receiver.url())).await;
            let expected = format!("{status}: redirects are not followed; set url to the address it leads to");
            assert_eq!(sent.error, Some(expected));
            assert_eq!(receiver.requests.lock().unwrap().len(), 1);
        }
    }
    assert_eq!(elsewhere.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}

#[tokio::test]
async fn the_pause_of_a_refusal_is_returned() {
    let sent = send_to(head("429 Too Many Requests", "retry-after: 120\r\n")).await;
    assert_eq!(sent.retry_after, Some(Duration::from_mins(2)));
    let sent = send_to(head("200 OK", "retry-after: 120\r\n")).await;
    assert_eq!(sent.retry_after, None);
}

#[test]
fn retry_after_has_seconds_or_a_date_and_counts_for_24_hours_at_most() {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_444_114); // Mon, 23 Nov 2026 14:28:34 GMT
    for (value, seconds) in [
        ("0", Some(0)),
        ("120", Some(120)),
        (" 7 ", Some(7)),
        ("86400", Some(86_400)),
        ("86401", Some(86_400)),
        ("18446744073709551615", Some(86_400)),
        ("Mon, 23 Nov 2026 14:30:34 GMT", Some(120)),
        ("Mon, 23 Nov 2026 14:28:33 GMT", Some(0)),
        ("Thu, 23 Nov 2056 14:28:33 GMT", Some(86_400)),
        ("-1", None),
        ("1.5", None),
        ("soon", None),
        ("", None),
    ] {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, HeaderValue::from_str(value).unwrap());
        assert_eq!(retry_after(&headers, now), seconds.map(Duration::from_secs), "{value}");
    }
    assert_eq!(retry_after(&HeaderMap::new(), now), None);
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_hangs_costs_15_s_and_its_connection_closes() {
    for begun_reply in ["", "HTTP/1.1 200", "HTTP/1.1 200 OK\r\nx: y\r\n"] {
        let receiver = Receiver::start(move |_| Reply::text(begun_reply)).await;
        let sender = sender(&receiver.url());
        let sent = send(&sender).await;
        assert_eq!((sent.status, sent.error.as_deref()), (None, Some("no answer within 15 s")));
        assert_eq!(sent.duration, TIMEOUT);
        receiver.closed.notified().await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_status_counts_if_the_body_hangs() {
    let receiver = Receiver::start(|_| Reply::text("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhunter2")).await;
    let sender = sender(&receiver.url());
    let sent = send(&sender).await;
    assert_eq!((sent.status, &sent.error), (Some(200), &None));
    assert_eq!(sent.duration, REPLY_BODY_TIMEOUT);
    receiver.closed.notified().await;
}

#[tokio::test]
async fn a_body_of_10_mb_is_not_read() {
    let mut reply = b"HTTP/1.1 500 Oops\r\ncontent-length: 10000000\r\n\r\n".to_vec();
    reply.resize(reply.len() + 10_000_000, b'x');
    let receiver = Receiver::start(move |_| Reply::text(reply.clone())).await;
    let sender = sender(&receiver.url());
    for connections in 1..=2 {
        assert_eq!(send(&sender).await.error.as_deref(), Some("500 Internal Server Error"));
        receiver.closed.notified().await;
        assert_eq!(receiver.connections(), connections);
    }
    assert!(receiver.unwritten.load(Ordering::Relaxed) > 1_000_000);
}

#[tokio::test]
async fn a_body_of_4_kib_keeps_the_connection_and_a_longer_one_does_not() {
    for (length, connections) in [(MAX_REPLY_BYTES, 1), (MAX_REPLY_BYTES + 1, 2)] {
        let mut reply = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n").into_bytes();
        reply.resize(reply.len() + length, b'x');
        let receiver = Receiver::start(move |_| Reply::text(reply.clone())).await;
        let sender = sender(&receiver.url());
        assert!(send(&sender).await.is_delivered() && send(&sender).await.is_delivered());
        assert_eq!(receiver.connections(), connections, "{length}");
    }
}

#[tokio::test]
async fn a_connection_that_breaks_says_so_and_the_message_is_not_sent_twice() {
    let large = format!("HTTP/1.1 200 OK\r\nx: {}", "hunter2".repeat(10_000));
    for (reply, why) in [
        (String::new(), "connection closed before message completed"),
        ("HTTP/1.1 200 OK\r\n".to_owned(), "connection closed before message completed"),
        ("SSH-2.0-hunter2\r\n\r\n".to_owned(), "invalid HTTP version parsed"),
        ("HTTP/1.1 hunter2\r\n\r\n".to_owned(), "invalid HTTP status-code parsed"),
        ("HTTP/1.1 200 OK\r\nhunter2\r\n\r\n".to_owned(), "invalid HTTP header parsed"),
        (large, "message head is too large"),
    ] {
        let receiver = Receiver::start(move |_| Reply::text(reply.clone()).and_close()).await;
        let sent = send(&sender(&receiver.url())).await;
        assert_eq!(sent.status, None);
        assert_eq!(sent.error.as_deref(), Some(why));
        assert_eq!(receiver.requests.lock().unwrap().len(), 1);
    }
}
