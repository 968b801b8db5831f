//! HTTP/2 that is malformed on purpose, and answers that nobody reads.

use super::attacks::{DATA, PREFACE, SHUT, create, request};
use super::site::{Connection, Site};
use super::{metric, normal, tells_no_defect};
use crate::given::{BINARY, job};
use crate::support::Lab;
use crate::support::service::PATIENCE;
use crate::tls::Files;
use crate::tls::caller::Caller;
use crate::tls::http2::{GOAWAY, HEADERS, RST_STREAM, Raw, frame};
use tokio::io::AsyncReadExt;
use tokio::time::timeout;

const GET: &[u8] = &[0x82];
const HTTPS: &[u8] = &[0x87];
const LIVEZ: &[u8] = b"\x04\x06/livez";
const READYZ: &[u8] = b"\x04\x07/readyz";
const OURS: &[u8] = b"\x01\x09localhost";

async fn start() -> (Lab, Caller) {
    let files = Files::new();
    let settings = files.settings();
    let settings: Vec<(&str, &str)> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
    (Lab::with(BINARY, &settings).await, Caller::new(&files.authority))
}

#[tokio::test]
async fn a_malformed_request_is_no_request() {
    let (lab, caller) = start().await;
    for (what, parts) in [
        ("two paths", &[GET, HTTPS, LIVEZ, READYZ, OURS][..]),
        ("two methods", &[GET, &[0x83], HTTPS, LIVEZ, OURS]),
        ("two authorities", &[GET, HTTPS, LIVEZ, OURS, b"\x01\x04evil"]),
        ("no path", &[GET, HTTPS, OURS]),
        ("an unknown pseudo-header", &[GET, HTTPS, LIVEZ, OURS, b"\x00\x04:new\x01a"]),
        ("a pseudo-header after a header", &[GET, HTTPS, LIVEZ, b"\x00\x01x\x01a", OURS]),
        ("a name in capitals", &[GET, HTTPS, LIVEZ, OURS, b"\x00\x05X-Big\x01a"]),
        ("a line break in a value", &[GET, HTTPS, LIVEZ, OURS, b"\x00\x01x\x04a\r\nb"]),
        ("a coding of HTTP/1.1", &[GET, HTTPS, LIVEZ, OURS, b"\x00\x11transfer-encoding\x07chunked"]),
        ("an option of HTTP/1.1", &[GET, HTTPS, LIVEZ, OURS, b"\x00\x0aconnection\x05close"]),
        ("an index of nothing", &[GET, HTTPS, LIVEZ, OURS, &[0xff, 0xff, 0x7f]]),
    ] {
        let mut raw = Raw::connect(&caller, &lab).await;
        raw.send(&[frame(HEADERS, 5, 1, &parts.concat())]).await;
        let ends = raw.until(|frame| [GOAWAY, RST_STREAM, HEADERS].contains(&frame.kind)).await;
        assert!(ends.kind != HEADERS, "{what} is answered");
    }
    tells_no_defect(&lab.service);
}

#[tokio::test]
async fn a_body_of_another_length_than_it_says_creates_nothing() {
    let (lab, caller) = start().await;
    let text = job("hello").to_string();
    for length in ["5", "9999", "0"] {
        let mut head = create(1);
        let told = [&[0x0f, 0x0d, u8::try_from(length.len()).unwrap()], length.as_bytes()].concat();
        let whole = u32::try_from(head.len() - 9 + told.len()).unwrap().to_be_bytes();
        head.extend(told);
        head[..3].copy_from_slice(&whole[1..]);
        let mut raw = Raw::connect(&caller, &lab).await;
        raw.send(&[head, frame(DATA, 1, 1, text.as_bytes())]).await;
        let ends = raw.until(|frame| [GOAWAY, RST_STREAM].contains(&frame.kind) || is_answer(frame.kind)).await;
        // 0x8c is status 400 as HPACK writes it.
        assert!(!is_answer(ends.kind) || ends.payload.first() == Some(&0x8c), "{length}: {:x?}", ends.payload);
    }
    assert_eq!(lab.cluster.count("POST", "/apis"), 0);
    tells_no_defect(&lab.service);
}

fn is_answer(kind: u8) -> bool {
    kind == HEADERS
}

#[tokio::test]
async fn answers_behind_tiny_windows_are_counted_and_give_way() {
    answers_are_counted(PREFACE).await;
}

#[tokio::test]
async fn answers_behind_closed_windows_are_counted_and_give_way() {
    answers_are_counted(SHUT).await;
}

/// Some hundred answers of some ten kilobytes each, of which at most one byte may be sent.
async fn answers_are_counted(preface: &[u8]) {
    let (lab, caller) = start().await;
    let site = Site::of(&lab.service, Some(caller));
    let sent = [preface.to_vec(), (0..100).flat_map(|n: u32| request(2 * n + 1, "/metrics", 5)).collect()].concat();
    let attackers = async {
        let mut open: Vec<Connection> = Vec::new();
        loop {
            open.extend(site.offering("h2").connections(4, &sent).await);
            if metric(&site, "eks_api_refused_total{limit=\"memory\"} ").await > 0.0 {
                break open;
            }
        }
    };
    let mut open = timeout(PATIENCE, attackers).await.expect("nobody has to give way");
    // With the answers, not with the exchanges alone.
    assert!((8..=20).contains(&open.len()), "{} connections are too much", open.len());
    let first = async { open[0].read_to_end(&mut Vec::new()).await };
    let _ = timeout(PATIENCE, first).await.expect("the first is still open");
    normal::calls(&site, "normal", 10).await;
    drop(open);
    tells_no_defect(&lab.service);
}
