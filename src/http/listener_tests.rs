//! Time limits and the drain, on a real socket with paused time: it advances when every task waits.

use hyper::{Method, Request, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::watch::{self, Sender};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::*;
use crate::http::limits::body_budget::BodyBudget;
use crate::http::limits::bounds::{BODY_TIMEOUT, HEADER_TIMEOUT};
use crate::http::peer::Peer;
use crate::http::request::body;
use crate::http::request::body_stream::RequestBody;
use crate::http::request::media::Media;
use crate::http::request::request_id::RequestId;
use crate::http::response::reply::Reply;
use crate::http::response::{HttpResponse, response};

pub(super) struct Running {
    pub(super) address: SocketAddr,
    pub(super) drain: Sender<bool>,
    pub(super) ended: JoinHandle<bool>,
}

/// Answers a GET at once, and any other request after its body.
struct ReadsBodies;

impl Handler for ReadsBodies {
    async fn handle(self: Arc<Self>, _peer: Arc<Peer>, request: Request<RequestBody>) -> HttpResponse {
        let (parts, body) = request.into_parts();
        let read = if parts.method == Method::GET {
            Ok(())
        } else {
            body::read::<Value>(&parts.headers, body, &BodyBudget::default(), None).await.map(drop)
        };
        let result = read.and_then(|()| Reply::json(StatusCode::OK, &json!({ "status": "ok" })));
        response(&RequestId::parse(&parts.headers), result, Media::Json, None, None)
    }

    async fn finished(&self) {}
}

async fn start() -> Running {
    start_with(None).await
}

pub(super) async fn start_with(tls: Option<Arc<Tls>>) -> Running {
    let (drain, draining) = watch::channel(false);
    let metrics = Arc::new(HttpMetrics::new(true));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let config = ListenerConfig { tls, max_connections: 10, max_per_peer: 10, metrics, draining };
    let ended = tokio::spawn(run(listener, Arc::new(ReadsBodies), config));
    Running { address, drain, ended }
}

impl Running {
    /// Sends a text. Returns the reply and the seconds until the server closes the connection.
    pub(super) async fn exchange(&self, text: &str) -> (String, u64) {
        let started = Instant::now();
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        (answer, started.elapsed().as_secs())
    }
}

const CREATE: &str = "POST /api/eks-create-job HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
     Content-Length: 10\r\n\r\n";

#[tokio::test(start_paused = true)]
async fn a_missing_header_ends_the_connection() {
    let server = start().await;
    for begun in ["", "GET /livez HTTP/1.1\r\nHost:"] {
        assert_eq!(server.exchange(begun).await, (String::new(), HEADER_TIMEOUT.as_secs()), "{begun:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_closed() {
    let server = start().await;
    let (answer, seconds) = server.exchange("GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("{\"status\":\"ok\"}"), "{answer}");
    assert_eq!(seconds, HEADER_TIMEOUT.as_secs());
}

#[tokio::test(start_paused = true)]
async fn a_missing_body_gets_408() {
    let server = start().await;
    let (answer, seconds) = server.exchange(&format!("{CREATE}half")).await;
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("request_timeout"), "{answer}");
    assert_eq!(seconds, BODY_TIMEOUT.as_secs());
}

#[tokio::test(start_paused = true)]
async fn the_drain_waits_for_requests_in_progress() {
    let server = start().await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(format!("{CREATE}half").as_bytes()).await.unwrap();
    // Less than the time limit of the body, so the request is in progress when the drain begins.
    tokio::time::sleep(BODY_TIMEOUT / 2).await;
    server.drain.send_replace(true);
    assert!(server.ended.await.unwrap());
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("connection: close"), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn the_drain_cuts_off_what_takes_too_long() {
    let server = start().await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(b"GET /livez HTTP/1.1\r\nHost:").await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let begun = Instant::now();
    server.drain.send_replace(true);
    assert!(!server.ended.await.unwrap());
    assert_eq!(begun.elapsed().as_secs(), DRAIN.as_secs());
}
