//! Requests that another server on the way may take for other requests than this one does: they are refused, or are the
//! last of their connection, so that nothing is ever served that was hidden in them.

use crate::given::{BINARY, job};
use crate::support::Lab;
use crate::wire::create_head;

/// What is hidden.
const HIDDEN: &str = "GET /livez HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: hidden\r\n\r\n";

/// Sends it, and returns the statuses of all that is answered until the service closes.
async fn statuses(lab: &Lab, sent: &str) -> Vec<u16> {
    let answer = lab.service.raw(sent.as_bytes()).await;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let heads = answer.split("HTTP/1.1 ").skip(1).chain(answer.split("HTTP/1.0 ").skip(1));
    heads.map(|head| head[..3].parse().unwrap()).collect()
}

fn get(lines: &str) -> String {
    format!("GET /livez HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n\r\n")
}

#[tokio::test]
async fn what_is_framed_in_two_ways_or_in_none_is_refused_and_nothing_after_it_is_served() {
    let lab = Lab::start(BINARY).await;
    for (lines, body) in [
        // Two lengths.
        ("Content-Length: 4\r\nContent-Length: 5", "12345"),
        ("Content-Length: 4, 5", "12345"),
        ("Content-Length: 5, 5", "12345"),
        ("Content-Length: +5", "12345"),
        ("Content-Length: -5", "12345"),
        ("Content-Length: 0x5", "12345"),
        ("Content-Length: 5 5", "12345"),
        ("Content-Length: ", ""),
        ("Content-Length: 99999999999999999999", ""),
        // Codings that one might take for chunked, and another not.
        ("Transfer-Encoding: gzip, chunked", "0\r\n\r\n"),
        ("Transfer-Encoding: chunked, chunked", "0\r\n\r\n"),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "0\r\n\r\n"),
        ("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked", "0\r\n\r\n"),
        ("Transfer-Encoding: xchunked", "0\r\n\r\n"),
        ("Transfer-Encoding: chunked, identity", "0\r\n\r\n"),
        ("Transfer-Encoding: identity", ""),
        ("Transfer-Encoding: \"chunked\"", "0\r\n\r\n"),
        ("Transfer-Encoding : chunked", "0\r\n\r\n"),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", "0\r\n\r\n"),
        ("Transfer-Encoding:\u{b}chunked", "0\r\n\r\n"),
        // Lines that go on, or end elsewhere.
        ("X-Fold: a\r\n b", ""),
        ("X-Fold: a\r\n\tContent-Length: 5", ""),
        ("X-Return: a\rContent-Length: 5", ""),
        ("\u{a0}Content-Length: 5", ""),
        (" Content-Length: 5", ""),
        ("Content-Length\u{0}: 5", ""),
    ] {
        let sent = get(lines) + body + HIDDEN;
        assert_eq!(statuses(&lab, &sent).await, [400], "{lines:?}");
    }
    assert!(!lab.service.logs().iter().any(|line| line.contains("hidden")));
}

#[tokio::test]
async fn a_request_in_chunks_with_a_length_is_the_last_of_its_connection() {
    let lab = Lab::start(BINARY).await;
    let text = job("hello").to_string();
    let chunked = format!("{:x}\r\n{text}\r\n0\r\n\r\n", text.len());
    for (lines, status) in [
        // By its length, all that follows would be the body.
        ("Content-Length: 3000\r\nTransfer-Encoding: chunked", 201),
        ("Transfer-Encoding: chunked\r\nContent-Length: 3", 409),
        ("Transfer-Encoding: CHUNKED\r\nContent-Length: 3", 409),
        ("Transfer-Encoding: \tchunked \r\nContent-Length: 3", 409),
    ] {
        let sent = create_head(lines) + &chunked + HIDDEN;
        assert_eq!(statuses(&lab, &sent).await, [status], "{lines:?}");
    }
    // hyper drops the length, and closes after the reply.
    let both = get("Transfer-Encoding: chunked\r\nContent-Length: 5") + "0\r\n\r\n" + HIDDEN;
    assert_eq!(statuses(&lab, &both).await, [200]);
    assert!(!lab.service.logs().iter().any(|line| line.contains("hidden")));
}

#[tokio::test]
async fn chunks_that_are_no_chunks_are_refused() {
    let lab = Lab::start(BINARY).await;
    for chunks in [
        "5\n12345\r\n0\r\n\r\n",
        "5\r\n12345\n0\r\n\r\n",
        "5\r\n123456\r\n0\r\n\r\n",
        "0x5\r\n12345\r\n0\r\n\r\n",
        "+5\r\n12345\r\n0\r\n\r\n",
        "-1\r\n12345\r\n0\r\n\r\n",
        "\r\n12345\r\n0\r\n\r\n",
        "g\r\n12345\r\n0\r\n\r\n",
        "5;a\nb\r\n12345\r\n0\r\n\r\n",
        "10000000000000005\r\n12345\r\n0\r\n\r\n",
    ] {
        let sent = create_head("Transfer-Encoding: chunked") + chunks + HIDDEN;
        assert_eq!(statuses(&lab, &sent).await, [400], "{chunks:?}");
    }
    // hyper bounds what may stand beside the chunks.
    let notes = format!("1;{}\r\n \r\n", "a".repeat(1000)).repeat(100) + "0\r\n\r\n";
    assert_eq!(statuses(&lab, &(create_head("Transfer-Encoding: chunked") + &notes + HIDDEN)).await, [400]);
    let trailers = "0\r\n".to_owned() + &"X-After: a\r\n".repeat(5000) + "\r\n";
    assert_eq!(statuses(&lab, &(create_head("Transfer-Encoding: chunked") + &trailers + HIDDEN)).await, [400]);
    assert_eq!(lab.cluster.count("POST", "/apis"), 0);
    assert!(!lab.service.logs().iter().any(|line| line.contains("hidden")));
}

#[tokio::test]
async fn a_body_where_none_is_wanted_is_not_taken_for_a_request() {
    let lab = Lab::start(BINARY).await;
    let sent = format!("Content-Length: {}\r\nConnection: close", HIDDEN.len());
    assert_eq!(statuses(&lab, &(get(&sent) + HIDDEN)).await, [200]);
    assert!(!lab.service.logs().iter().any(|line| line.contains("hidden")));
}

#[tokio::test]
async fn each_name_that_a_request_calls_the_service_by_has_to_be_its_own() {
    let lab = Lab::start(BINARY).await;
    for (line, host, status) in [
        ("GET http://localhost/readyz HTTP/1.1", "Host: localhost", 200),
        ("GET http://evil.example/readyz HTTP/1.1", "Host: localhost", 421),
        ("GET http://localhost/readyz HTTP/1.1", "Host: evil.example", 421),
        ("GET /readyz HTTP/1.1", "Host: localhost\r\nHost: evil.example", 400),
        ("GET http://localhost@evil.example/readyz HTTP/1.1", "Host: localhost", 421),
        ("GET http://evil.example\\@localhost/readyz HTTP/1.1", "Host: localhost", 400),
        ("CONNECT localhost:443 HTTP/1.1", "Host: localhost", 404),
    ] {
        let sent = format!("{line}\r\n{host}\r\nConnection: close\r\n\r\n");
        assert_eq!(statuses(&lab, &sent).await, [status], "{line:?} {host:?}");
    }
}
