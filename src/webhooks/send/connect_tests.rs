//! Where a name may lead. The connections are counted by receivers on several addresses of loopback.

use std::collections::VecDeque;
use std::io;
use std::net::IpAddr;
use std::sync::Mutex;

use tokio::net::{TcpListener, TcpSocket, TcpStream};

use super::receiver::{Receiver, Reply, endpoint, send, sender};
use super::*;
use crate::webhooks::address::judge;

/// Each row of the table is a look-up of the name, with what `eks-api check` says of it.
const NAMES: &[(&[&str], &str)] = &[
    (&["127.0.0.1"], "127.0.0.1 is a loopback address; use http:// for a receiver on this machine"),
    (&["127.0.0.2"], "127.0.0.2 is a loopback address"),
    (&["::1"], "::1 is a loopback address"),
    (&["::ffff:127.0.0.1"], "::ffff:127.0.0.1 holds 127.0.0.1, a loopback address"),
    (&["0.0.0.0"], "0.0.0.0 is an unspecified address"),
    (&["::"], ":: is an unspecified address"),
    (&["::ffff:0.0.0.0"], "::ffff:0.0.0.0 holds 0.0.0.0, an unspecified address"),
    (&["169.254.169.254"], "169.254.169.254 is a link-local address"),
    (&["fd00:ec2::254"], "fd00:ec2::254 is an address of the EC2 metadata service"),
    (&["64:ff9b::7f00:1"], "64:ff9b::7f00:1 holds 127.0.0.1"),
    (&["2002:7f00:1::"], "2002:7f00:1:: holds 127.0.0.1"),
    (&["127.0.0.1", "::1", "0.0.0.0", "127.0.0.2"], "127.0.0.1 is a loopback address"),
    (&["fe80::1", "127.0.0.1"], "fe80::1 is a link-local address"),
    (&[], "the name has no address"),
];

/// Each row of the table is the host of a URL that the system's resolver takes for a literal.
const LITERALS: [&str; 17] = [
    "127.0.0.1",
    "127.0.0.2",
    "127.1",
    "127.0.1",
    "2130706433",
    "0x7f000001",
    "0x7f.0.0.1",
    "0X7F.1",
    "017700000001",
    "0177.0.0.01",
    "0",
    "0.0.0.0",
    "00000.0",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[::ffff:127.0.0.1]",
    "[::FFFF:7F00:1]",
];

/// Resolves its name to each list in turn. The last one stays.
fn sender_to(scheme: &str, port: u16, look_ups: &[&[&str]]) -> Sender {
    let ca_pem = (scheme == "https").then(super::tls::ca_pem);
    let mut sender = Sender::new(endpoint(&format!("{scheme}://relay.test:{port}/hooks/hunter2"), ca_pem)).unwrap();
    let parse = |list: &&[&str]| list.iter().map(|text| text.parse().unwrap()).collect();
    let look_ups: VecDeque<Vec<IpAddr>> = look_ups.iter().map(parse).collect();
    let look_ups = Mutex::new(look_ups);
    sender.connector.resolve = Box::new(move |host| {
        assert_eq!(host, "relay.test");
        let mut look_ups = look_ups.lock().unwrap();
        let addresses = if look_ups.len() > 1 { look_ups.pop_front() } else { look_ups.front().cloned() };
        Box::pin(std::future::ready(Ok(addresses.unwrap_or_default())))
    });
    sender
}

async fn receiver() -> Receiver {
    // Each reply ends its connection, so that each message needs a new one.
    Receiver::start(|_| Reply::text("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")).await
}

/// A receiver on another address with the same port.
async fn receiver_beside(address: &str, other: &Receiver) -> Receiver {
    let listener = TcpListener::bind((address, other.address.port())).await.unwrap();
    Receiver::start_on(listener, |_| Reply::text("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"))
}

#[tokio::test]
async fn a_name_of_refused_addresses_gets_no_connection() {
    let receiver = receiver().await;
    for (addresses, expected) in NAMES {
        let sender = sender_to("https", receiver.address.port(), &[addresses]);
        let (why, sent) = (sender.probe().await.unwrap_err(), send(&sender).await);
        assert!(why.starts_with(expected), "{why}");
        assert_eq!((sent.status, sent.error), (None, Some(why)));
    }
    assert_eq!(receiver.connections(), 0);
}

#[tokio::test]
async fn a_literal_in_any_spelling_gets_no_connection_by_https() {
    let receiver = receiver().await;
    let resolve = &sender("http://localhost/").connector.resolve;
    for host in LITERALS {
        let addresses = resolve(host.trim_matches(['[', ']']).to_owned()).await.expect(host);
        assert!(!addresses.is_empty() && addresses.iter().all(|address| judge(*address, false).is_err()), "{host}");
        let url = format!("https://{host}:{}/", receiver.address.port());
        // No certificate can have some of these spellings as a name.
        if let Ok(sender) = Sender::new(endpoint(&url, Some(super::tls::ca_pem()))) {
            let why = sender.probe().await.expect_err(host);
            assert!(why.contains("address; use"), "{host}: {why}");
        }
    }
    assert_eq!(receiver.connections(), 0);
}

#[tokio::test]
async fn plain_http_follows_a_name_to_loopback_only() {
    let bad = receiver().await;
    let good = receiver_beside("127.0.0.2", &bad).await;
    let port = bad.address.port();
    for (addresses, expected) in [
        (&["127.0.0.2"][..], Ok("127.0.0.2")),
        (&["::ffff:127.0.0.1", "127.0.0.2"], Ok("127.0.0.2")),
        (&["0.0.0.0", "169.254.169.254", "10.0.0.1", "::ffff:127.0.0.1", "127.0.0.2"], Ok("127.0.0.2")),
        (&["127.0.0.2", "127.0.0.1"], Ok("127.0.0.2")),
        (&["0.0.0.0"], Err("0.0.0.0 is not a loopback address")),
        (&["::ffff:127.0.0.1"], Err("::ffff:127.0.0.1 is not a loopback address")),
        (&["10.0.0.1"], Err("10.0.0.1 is not a loopback address")),
        (&["8.8.8.8", "10.0.0.1"], Err("8.8.8.8 is not a loopback address")),
    ] {
        let sender = sender_to("http", port, &[addresses]);
        let sent = || good.requests.lock().unwrap().len();
        let before = sent();
        match (expected, send(&sender).await.error) {
            (Ok(_), error) => assert_eq!((error, sent()), (None, before + 1), "{addresses:?}"),
            (Err(expected), error) => assert!(error.unwrap().starts_with(expected), "{addresses:?}"),
        }
        assert_eq!(sender.probe().await.ok().as_deref(), expected.ok(), "{addresses:?}");
    }
    assert_eq!(bad.connections(), 0);
}

#[tokio::test]
async fn each_connection_judges_the_addresses_of_its_own_look_up() {
    let bad = receiver().await;
    let good = Receiver::start_on(TcpListener::bind(("127.0.0.2", bad.address.port())).await.unwrap(), |_| {
        Reply::text("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
    });
    let look_ups: [&[&str]; 4] = [&["127.0.0.2"], &["::ffff:127.0.0.1"], &["127.0.0.2"], &["0.0.0.0"]];
    let sender = sender_to("http", bad.address.port(), &look_ups);
    for is_good in [true, false, true, false, false] {
        assert_eq!(send(&sender).await.is_delivered(), is_good);
    }
    assert_eq!((good.connections(), bad.connections()), (2, 0));
}

#[tokio::test]
async fn a_kept_connection_stays_with_the_address_that_was_judged() {
    let bad = receiver().await;
    let good = receiver_beside("127.0.0.2", &bad).await;
    let sender = sender_to("http", bad.address.port(), &[&["127.0.0.2"], &["::ffff:127.0.0.1"]]);
    for _ in 0..3 {
        assert!(send(&sender).await.is_delivered());
    }
    assert_eq!((good.connections(), bad.connections()), (1, 0));
}

#[tokio::test]
async fn the_host_localhost_is_this_machine() {
    let receiver = receiver().await;
    let url = format!("http://localhost:{}/hooks/hunter2", receiver.address.port());
    assert_eq!(send(&sender(&url)).await.error, None);
    let request = receiver.requests.lock().unwrap()[0].clone();
    assert!(request.contains(&format!("\r\nhost: localhost:{}\r\n", receiver.address.port())), "{request}");
}

#[tokio::test]
async fn the_next_address_is_tried_after_one_that_refuses() {
    let receiver = receiver().await;
    let port = receiver.address.port();
    let sender = sender_to("http", port, &[&["127.0.0.3", "127.0.0.1"]]);
    assert_eq!(send(&sender).await.error, None);
    let sender = sender_to("http", port, &[&["8.8.8.8", "127.0.0.3", "10.0.0.1"]]);
    let why = send(&sender).await.error.unwrap();
    assert!(why.starts_with("127.0.0.3 cannot be reached: Connection refused"), "{why}");
}

#[tokio::test(start_paused = true)]
async fn an_address_that_does_not_answer_costs_5_s() {
    let receiver = receiver().await;
    let port = receiver.address.port();
    // The queue of this listener is full.
    let full = TcpSocket::new_v4().unwrap();
    full.bind(format!("127.0.0.4:{port}").parse().unwrap()).unwrap();
    let full = full.listen(0).unwrap();
    let _queued = TcpStream::connect(full.local_addr().unwrap()).await.unwrap();
    let sent = send(&sender_to("http", port, &[&["127.0.0.4", "127.0.0.1"]])).await;
    assert_eq!((sent.error, sent.duration.as_secs()), (None, 5));
    let sent = send(&sender_to("http", port, &[&["127.0.0.4"]])).await;
    assert_eq!(sent.error.as_deref(), Some("127.0.0.4 does not answer within 5 s"));
    let sent = send(&sender_to("http", port, &[&["127.0.0.4"; 9]])).await;
    assert_eq!((sent.error.as_deref(), sent.duration), (Some("no answer within 15 s"), TIMEOUT));
}

#[tokio::test(start_paused = true)]
async fn a_name_that_does_not_resolve_is_named_so() {
    let mut sender = sender_to("http", 9, &[]);
    sender.connector.resolve = Box::new(|_| Box::pin(std::future::ready(Err(io::Error::other("no such name")))));
    assert_eq!(sender.probe().await.unwrap_err(), "the name cannot be resolved: no such name");
    assert_eq!(send(&sender).await.error.as_deref(), Some("the name cannot be resolved: no such name"));
    sender.connector.resolve = Box::new(|_| Box::pin(std::future::pending()));
    let sent = send(&sender).await;
    assert_eq!((sent.error.as_deref(), sent.duration), (Some("no answer within 15 s"), TIMEOUT));
    assert_eq!(sender.probe().await.unwrap_err(), "no answer within 15 s");
}
