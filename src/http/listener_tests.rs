//! The bounds on time and what a panic does, on a real socket under paused time: it runs on as soon as all wait.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::watch::{self, Sender};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::*;
use crate::api::gate::Gate;
use crate::api::repeats::Repeats;
use crate::api::state::AppState;
use crate::audit::Audit;
use crate::auth::Auth;
use crate::aws::Clock;
use crate::aws::token::Tokens;
use crate::config::pattern::Patterns;
use crate::http::browser::cors::Cors;
use crate::http::browser::origin::HostAllowlist;
use crate::http::limits::bounds::{BODY_TIMEOUT, HEADER_TIMEOUT};
use crate::http::limits::concurrency::{Bounds, ConcurrencyLimits};
use crate::http::limits::rate_limit::RateLimits;
use crate::http::metrics::HttpMetrics;
use crate::jobs::policy::Policy;
use crate::kube::api_server::ApiServer;

pub(super) struct Running {
    pub(super) address: SocketAddr,
    pub(super) drain: Sender<bool>,
    pub(super) ended: JoinHandle<bool>,
}

/// A server of a cluster that was never reached.
async fn start(clock: Clock) -> Running {
    start_with(clock, None).await
}

pub(super) async fn start_with(clock: Clock, tls: Option<Arc<Tls>>) -> Running {
    let keys = SharedCredentialsProvider::new(Credentials::new("AKIA", "secret", None, None, "test"));
    let (drain, draining) = watch::channel(false);
    let shared = AppState {
        cluster: Arc::new(ApiServer::new("lab", "us-east-1", Tokens::new("lab", "us-east-1", keys, clock))),
        cache: Arc::default(),
        policy: Policy { protected: Patterns::parse("").unwrap(), allowed: None, auto_create_namespace: true },
        auth: Arc::new(Auth::None),
        calls: ConcurrencyLimits::new(Bounds { requests: 10, waits: 10, streams: 10, writes: 10 }),
        rates: RateLimits::new(0, 0),
        repeats: Repeats::default(),
        audit: Audit::new(None, "lab"),
        traffic: HttpMetrics::new(true),
        request_timeout: Duration::from_mins(5),
        docs: true,
        draining,
    };
    let pipeline = Service {
        shared: Arc::new(shared),
        gate: Gate { hosts: HostAllowlist::default(), cors: Cors::new(Vec::new()) },
    };
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let door = ListenerConfig { tls, max_connections: 10, max_per_peer: 10 };
    let ended = tokio::spawn(run(listener, Arc::new(pipeline), door));
    Running { address, drain, ended }
}

impl Running {
    /// Sends this and returns what comes until the server closes the connection, and after how many seconds.
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
async fn a_header_that_does_not_come_ends_the_connection() {
    let server = start(SystemTime::now).await;
    for begun in ["", "GET /livez HTTP/1.1\r\nHost:"] {
        assert_eq!(server.exchange(begun).await, (String::new(), HEADER_TIMEOUT.as_secs()), "{begun:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_closed() {
    let server = start(SystemTime::now).await;
    let (answer, seconds) = server.exchange("GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("{\"status\":\"ok\"}"), "{answer}");
    assert_eq!(seconds, HEADER_TIMEOUT.as_secs());
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_is_answered_408() {
    let server = start(SystemTime::now).await;
    let (answer, seconds) = server.exchange(&format!("{CREATE}half")).await;
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("request_timeout"), "{answer}");
    assert_eq!(seconds, BODY_TIMEOUT.as_secs());
}

#[tokio::test(start_paused = true)]
async fn the_drain_waits_for_requests_under_way() {
    let server = start(SystemTime::now).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(format!("{CREATE}half").as_bytes()).await.unwrap();
    // Less than the body may take, so the request is under way when the drain begins.
    tokio::time::sleep(BODY_TIMEOUT / 2).await;
    server.drain.send_replace(true);
    assert!(server.ended.await.unwrap());
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("connection: close"), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn the_drain_cuts_off_what_takes_too_long() {
    let server = start(SystemTime::now).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(b"GET /livez HTTP/1.1\r\nHost:").await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let begun = Instant::now();
    server.drain.send_replace(true);
    assert!(!server.ended.await.unwrap());
    assert_eq!(begun.elapsed().as_secs(), DRAIN.as_secs());
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_answered_500_and_hurts_nobody_else() {
    fn broken() -> SystemTime {
        panic!("the clock is broken, and this shall not be told to a caller")
    }
    let server = start(broken).await;
    let panicking = "GET /api/eks-get-job-status?job_name=hello HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let next = "GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let (answers, _) = server.exchange(&format!("{panicking}{next}")).await;
    assert!(answers.starts_with("HTTP/1.1 500 ") && answers.contains("\"InternalError\""), "{answers}");
    assert!(!answers.contains("clock"), "{answers}");
    assert!(answers.ends_with("{\"status\":\"ok\"}"), "the same connection goes on: {answers}");
}
