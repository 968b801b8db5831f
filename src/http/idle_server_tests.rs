//! Connections that are idle where many are open, and hyper's buffers are given back between requests. It must show in
//! nothing but memory, so the same is sent to a server that does so, and to one that does not.

use std::time::SystemTime;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, sleep, timeout};

use super::tests::{Running, start_with};
use super::tls_tests;
use super::*;
use crate::http::limit::{GOODBYE, HEADER_TIMEOUT};

/// One connection is many where nine may be open, and few where ten may.
const CROWDED: usize = 9;
const ROOMY: usize = 10;
const ALIVE: &str = "GET /livez HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: test\r\n\r\n";
const UNKNOWN: &str = "GET /nothing HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: test\r\n\r\n";

async fn start(max_connections: usize) -> Running {
    start_with(SystemTime::now, None, max_connections).await
}

/// What is answered to these pieces, sent one each second, without what differs between two that are the same; and how
/// long after the last piece the connection was closed.
async fn told(mut stream: impl AsyncRead + AsyncWrite + Unpin, pieces: &[&str]) -> (String, Duration) {
    let (mut all, mut sent) = (Vec::new(), Instant::now());
    for piece in pieces {
        let _ = timeout(Duration::from_secs(1), stream.read_to_end(&mut all)).await;
        sent = Instant::now();
        // It may have been closed.
        let _ = stream.write_all(piece.as_bytes()).await;
    }
    let _ = stream.read_to_end(&mut all).await;
    let differs = ["date: ", "connection: close"];
    let same = |line: &&str| !differs.iter().any(|start| line.starts_with(start));
    let all = String::from_utf8(all).unwrap();
    (all.lines().filter(same).collect::<Vec<_>>().join("\n"), sent.elapsed())
}

async fn exchange(server: &Running, pieces: &[&str]) -> (String, Duration) {
    let stream = TcpStream::connect(server.address).await.unwrap();
    // Pieces are to come one by one, and not when the one before has been acknowledged.
    stream.set_nodelay(true).unwrap();
    told(stream, pieces).await
}

fn statuses(answers: &str) -> Vec<&str> {
    answers.match_indices("HTTP/1.1 ").map(|(at, _)| &answers[at + 9..at + 12]).collect()
}

#[tokio::test(start_paused = true)]
async fn the_same_is_answered() {
    let (crowded, roomy) = (start(CROWDED).await, start(ROOMY).await);
    let post = "POST /nothing HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: test\r\n";
    let hidden = format!("{post}Content-Length: {}\r\n\r\n{ALIVE}{UNKNOWN}", ALIVE.len());
    let long = format!("{post}Content-Length: 200000\r\n\r\n{}", "x".repeat(200_000 - 3));
    let chunked = format!("{post}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    let scripts: [(&[&str], &[&str]); 10] = [
        (&[ALIVE, UNKNOWN, ALIVE], &["200", "404", "200"]),
        (&[&format!("{ALIVE}{UNKNOWN}{ALIVE}")], &["200", "404", "200"]),
        (&[&format!("{ALIVE}{UNKNOWN}GE"), "T /li", &ALIVE[7..], ALIVE], &["200", "404", "200", "200"]),
        (&["\r\n", ALIVE, "\r\n\r\n", UNKNOWN], &["200", "404"]),
        (&[&hidden, ALIVE], &["404", "404", "200"]),
        (&[&hidden[..hidden.len() - UNKNOWN.len() - 9], &ALIVE[ALIVE.len() - 9..], ALIVE], &["404"]),
        (&[&long, "xxx", ALIVE], &["404"]),
        (&[&chunked, "0\r\n\r\n", ALIVE], &["404"]),
        (&[ALIVE, "GET\r\n\r\n", ALIVE], &["200", "400"]),
        (&[&ALIVE.replace("Host", "Connection: close\r\nHost"), ALIVE], &["200"]),
    ];
    for (pieces, expected) in scripts {
        let (answers, _) = exchange(&roomy, pieces).await;
        assert_eq!(statuses(&answers), expected, "{pieces:.300?}: {answers}");
        assert_eq!(exchange(&crowded, pieces).await.0, answers, "{pieces:.300?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_same_is_answered_over_tls() {
    let server = tls_tests::start_with("idle-http1", CROWDED).await;
    let stream = server.connect_for(&[b"http/1.1"]).await;
    let pipelined = format!("{ALIVE}{UNKNOWN}{}", &ALIVE[..9]);
    let (answers, _) = told(stream, &[ALIVE, &pipelined, &ALIVE[9..], UNKNOWN]).await;
    assert_eq!(statuses(&answers), ["200", "200", "404", "200", "404"], "{answers}");
}

#[tokio::test(start_paused = true)]
async fn one_that_stays_idle_is_closed() {
    for most in [ROOMY, CROWDED] {
        let (answers, after) = exchange(&start(most).await, &[ALIVE]).await;
        assert_eq!((statuses(&answers), after.as_secs()), (vec!["200"], HEADER_TIMEOUT.as_secs()));
    }
}

/// This is where it does show: hyper's own timer has begun with the reply, and ours, for the first byte, is not hyper's.
#[tokio::test(start_paused = true)]
async fn the_time_for_a_header_begins_with_its_first_byte() {
    let begun = HEADER_TIMEOUT.as_secs();
    let pause = [""; 10];
    let pieces = [&[ALIVE], &pause[..], &["GET /li"]].concat();
    let roomy = exchange(&start(ROOMY).await, &pieces).await.1.as_secs();
    let crowded = exchange(&start(CROWDED).await, &pieces).await.1.as_secs();
    assert_eq!(crowded, begun);
    assert!(roomy < begun, "{roomy} s");
}

#[tokio::test(start_paused = true)]
async fn one_that_is_idle_does_not_hold_up_the_drain() {
    let server = start(CROWDED).await;
    let stream = TcpStream::connect(server.address).await.unwrap();
    let answers = tokio::spawn(told(stream, &[ALIVE]));
    sleep(Duration::from_secs(5)).await;
    let begun = Instant::now();
    server.drain.send_replace(true);
    assert!(server.ended.await.unwrap());
    assert!(begun.elapsed() < GOODBYE);
    assert_eq!(statuses(&answers.await.unwrap().0), ["200"]);
}

/// What cannot be told from an answer is not lost; the connection ends with it.
#[tokio::test(start_paused = true)]
async fn who_waits_for_leave_to_send_a_body_gets_it_and_an_answer() {
    let head = "POST /api/eks-create-job HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Content-Length: 2\r\nExpect: 100-continue\r\n\r\n";
    for most in [ROOMY, CROWDED] {
        let (answers, _) = exchange(&start(most).await, &[head, "{", "}"]).await;
        assert_eq!(statuses(&answers), ["100", "400"], "of {most}: {answers}");
    }
}
