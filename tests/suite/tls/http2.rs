//! HTTP/2 to callers: what works over HTTP/1.1 works over it, many requests share a connection, and nobody can make it
//! cost more than it is worth.

use http_body_util::BodyExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::caller::{Caller, Http2, whole};
use super::{Files, lab};
use crate::given::{JOBS, job, status_of};
use crate::support::Lab;
use crate::support::service::{PATIENCE, Reply};
use crate::support::stub::{Fault, Gate, Kind};

async fn connected() -> (Lab, Caller, Http2) {
    let files = Files::new();
    let lab = lab(&files.settings()).await;
    let caller = Caller::new(&files.authority);
    let http2 = caller.http2(&lab.service).await.unwrap();
    (lab, caller, http2)
}

async fn create(http2: &mut Http2, name: &str) -> Reply {
    http2.send("POST", "/api/eks-create-job", &job(name).to_string()).await.unwrap()
}

#[tokio::test]
async fn jobs_are_created_waited_for_and_deleted() {
    let (lab, _caller, mut http2) = connected().await;
    assert_eq!(create(&mut http2, "hello").await.status, 201);
    let waiting = http2.begin("GET", &format!("{}&wait=1m", status_of("hello")), "");
    let quick = http2.get(&status_of("hello")).await.unwrap();
    assert_eq!(
        (quick.status.as_u16(), &quick.json()["state"]),
        (200, &"pending".into()),
        "one does not hold up another"
    );
    let deleted = http2.send("DELETE", "/api/eks-delete-job?job_name=hello&propagation_policy=Background", "").await;
    assert_eq!(deleted.unwrap().status, 200);
    let waited = timeout(PATIENCE, waiting).await.expect("the wait does not end").unwrap();
    assert_eq!(waited.status(), 404);
    assert!(lab.cluster.job("default", "hello").is_none());
}

#[tokio::test]
async fn head_has_the_headers_of_get_and_no_body() {
    let (_lab, _caller, mut http2) = connected().await;
    assert_eq!(create(&mut http2, "hello").await.status, 201);
    for path in ["/livez", &status_of("hello"), &status_of("none")] {
        let (get, head) = (http2.get(path).await.unwrap(), http2.send("HEAD", path, "").await.unwrap());
        assert!(!get.body.is_empty() && head.body.is_empty(), "{path}");
        assert_eq!(head.status, get.status);
        let kept = |reply: &Reply| {
            let mut headers = reply.headers.clone();
            headers.remove("x-request-id");
            headers.remove("date");
            headers
        };
        assert_eq!(kept(&head), kept(&get), "{path}");
        assert_eq!(head.header("content-length"), Some(get.body.len().to_string().as_str()));
    }
    let head = timeout(PATIENCE, http2.send("HEAD", "/api/eks-watch-jobs", "")).await.expect("it streams").unwrap();
    assert_eq!((head.status.as_u16(), head.header("content-type")), (200, Some("text/event-stream")));
}

#[tokio::test]
async fn events_arrive_as_they_happen_and_the_stream_ends_with_the_service() {
    let (Lab { mut service, cluster: _cluster, aws: _aws }, _caller, mut http2) = connected().await;
    let stream = http2.begin("GET", "/api/eks-watch-jobs", "").await.unwrap();
    assert_eq!(stream.status(), 200);
    let mut body = stream.into_body();
    assert_eq!(create(&mut http2, "hello").await.status, 201);
    let mut told = String::new();
    while !told.contains("\"job_name\":\"hello\"") {
        let frame = timeout(PATIENCE, body.frame()).await.expect("no event").expect("the stream ends").unwrap();
        told += std::str::from_utf8(frame.data_ref().unwrap()).unwrap();
    }
    service.signal("TERM").await;
    while let Some(frame) = timeout(PATIENCE, body.frame()).await.expect("the stream does not end") {
        frame.expect("the stream ends well");
    }
    http2.closed().await;
    assert_eq!(service.exit_status().await.code(), Some(0));
}

#[tokio::test]
async fn the_drain_finishes_what_is_under_way_and_closes_idle_connections() {
    let (Lab { mut service, cluster, aws: _aws }, caller, mut http2) = connected().await;
    let mut idle = caller.http2(&service).await.unwrap();
    assert_eq!(idle.get("/livez").await.unwrap().status, 200);
    let gate = Gate::new();
    cluster.fault(Fault::new("POST", JOBS, Kind::HoldBefore(gate.clone())));
    let held = http2.begin("POST", "/api/eks-create-job", &job("hello").to_string());
    gate.held(1).await;
    service.signal("TERM").await;
    service.log_line(|line| line.contains("draining")).await;
    idle.closed().await;
    gate.open();
    let answer = whole(held.await.unwrap()).await.unwrap();
    assert_eq!((answer.status.as_u16(), answer.header("connection")), (201, None));
    http2.closed().await;
    assert_eq!(service.exit_status().await.code(), Some(0));
    let last = service.log_line(|line| line.contains("stopped")).await;
    assert!(!last.contains("still open"), "{last}");
    assert!(cluster.job("default", "hello").is_some());
}

#[tokio::test]
async fn too_many_and_too_large_headers_are_refused_and_the_connection_goes_on() {
    let (lab, caller, mut http2) = connected().await;
    let long = format!("/livez?{}", "a".repeat(33 << 10));
    assert_eq!(http2.get(&long).await.unwrap().status, 431);
    assert_eq!(http2.get("/livez").await.unwrap().status, 200);
    drop(http2);

    let mut raw = Raw::connect(&caller, &lab).await;
    let many: Vec<u8> = (0..80).flat_map(|n: u8| [0x00, 2, b'x', b'a' + n % 26, 1, b'a']).collect();
    raw.send(&[raw.headers(1, &many)]).await;
    // :status 431 as HPACK writes it: not in the static table, so a literal with the name of entry 8.
    raw.until(|frame| frame.kind == HEADERS && frame.stream == 1 && frame.payload.starts_with(&[0x48])).await;
    assert!(!lab.service.logs().iter().any(|line| line.contains("operation=livez") && line.contains("431")));
}

#[tokio::test]
async fn a_caller_who_resets_what_it_began_again_and_again_is_thrown_out() {
    let (lab, caller, mut http2) = connected().await;
    let mut raw = Raw::connect(&caller, &lab).await;
    let pairs: Vec<Vec<u8>> = (0..500u32)
        .flat_map(|n| {
            let stream = 2 * n + 1;
            [raw.headers(stream, &[]), frame(RST_STREAM, 0, stream, &8u32.to_be_bytes())]
        })
        .collect();
    raw.send(&pairs).await;
    let goaway = raw.until(|frame| frame.kind == GOAWAY).await;
    assert_eq!(goaway.payload[4..8], 11u32.to_be_bytes(), "ENHANCE_YOUR_CALM");
    assert_eq!(http2.get("/livez").await.unwrap().status, 200, "others are served as ever");
}

#[tokio::test]
async fn no_more_than_a_hundred_requests_are_served_at_a_time_on_one_connection() {
    let (lab, caller, _http2) = connected().await;
    let mut raw = Raw::connect(&caller, &lab).await;
    let settings = raw.until(|frame| frame.kind == SETTINGS && frame.flags == 0).await;
    let told: Vec<(u16, u32)> = settings
        .payload
        .chunks(6)
        .map(|pair| (u16::from_be_bytes([pair[0], pair[1]]), u32::from_be_bytes(pair[2..].try_into().unwrap())))
        .collect();
    assert!(told.contains(&(3, 100)), "MAX_CONCURRENT_STREAMS: {told:?}");
    assert!(told.contains(&(6, 32 << 10)), "MAX_HEADER_LIST_SIZE: {told:?}");
}

pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const GOAWAY: u8 = 7;

pub(crate) struct Frame {
    pub(crate) kind: u8,
    flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

/// HTTP/2 frame by frame, for what a client library does not do.
pub(crate) struct Raw(tokio_rustls::client::TlsStream<tokio::net::TcpStream>);

pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

impl Raw {
    pub(crate) async fn connect(caller: &Caller, lab: &Lab) -> Self {
        let mut raw = Self(caller.clone().offering(&["h2"]).connect(&lab.service).await.unwrap());
        raw.send(&[b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), frame(SETTINGS, 0, 0, &[])]).await;
        raw
    }

    pub(crate) async fn send(&mut self, frames: &[Vec<u8>]) {
        // The service may well throw us out before it has read everything.
        let _ = self.0.write_all(&frames.concat()).await;
    }

    /// GET /livez, whole, with these encoded headers besides.
    #[allow(clippy::unused_self, reason = "it reads as what is said on the connection")]
    fn headers(&self, stream: u32, more: &[u8]) -> Vec<u8> {
        let block = [&[0x82, 0x87, 0x04, 6][..], b"/livez", &[0x01, 3], b"lab", more].concat();
        // END_STREAM and END_HEADERS.
        frame(HEADERS, 5, stream, &block)
    }

    /// The next frame of this kind.
    pub(crate) async fn until(&mut self, fits: impl Fn(&Frame) -> bool) -> Frame {
        loop {
            let mut head = [0; 9];
            let read = timeout(PATIENCE, self.0.read_exact(&mut head)).await.expect("nothing comes");
            read.expect("the connection ends before");
            let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
            self.0.read_exact(&mut payload).await.unwrap();
            let stream = u32::from_be_bytes(head[5..].try_into().unwrap());
            let frame = Frame { kind: head[3], flags: head[4], stream, payload };
            if fits(&frame) {
                return frame;
            }
        }
    }
}
