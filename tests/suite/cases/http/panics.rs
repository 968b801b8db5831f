//! A panic ends its own request alone. The service runs within the test, with a clock that panics.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use eks_api::api::gate::Gate;
use eks_api::api::repeats::Repeats;
use eks_api::api::service::Service;
use eks_api::api::state::AppState;
use eks_api::audit::Audit;
use eks_api::auth::Auth;
use eks_api::aws::token::Tokens;
use eks_api::clusters::cluster::Cluster;
use eks_api::clusters::registry::Registry;
use eks_api::config::clusters::ClusterConfig;
use eks_api::config::pattern::Patterns;
use eks_api::http::browser::cors::Cors;
use eks_api::http::browser::origin::HostAllowlist;
use eks_api::http::limits::concurrency::{Bounds, ConcurrencyLimits};
use eks_api::http::limits::rate_limit::RateLimits;
use eks_api::http::listener::{self, ListenerConfig};
use eks_api::http::metrics::HttpMetrics;
use eks_api::jobs::policy::Policy;
use eks_api::jobs::template::presets::Presets;
use eks_api::kube::api_server::ApiServer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

fn broken_clock() -> SystemTime {
    panic!("the clock is broken, and this shall not be told to a caller")
}

#[tokio::test]
async fn a_panic_is_answered_500_and_hurts_nobody_else() {
    let keys = SharedCredentialsProvider::new(Credentials::new("AKIA", "secret", None, None, "test"));
    let (_drain, draining) = watch::channel(false);
    let metrics = Arc::new(HttpMetrics::new(true));
    let api_server = ApiServer::new("lab", "us-east-1", Tokens::new("lab", "us-east-1", keys, broken_clock));
    let policy = Policy { protected: Patterns::NONE, allowed: Vec::new(), auto_create_namespace: true };
    let cluster = Cluster::new(ClusterConfig::single("lab", "us-east-1"), Arc::new(api_server), &policy);
    let shared = Arc::new(AppState {
        presets: Presets::default(),
        clusters: Registry::new([cluster]).unwrap(),
        has_clusters_file: false,
        auth: Arc::new(Auth::None),
        calls: ConcurrencyLimits::new(Bounds { requests: 10, waits: 10, streams: 10, writes: 10 }, &["lab".to_owned()]),
        rates: RateLimits::new(0, 0, &[]),
        repeats: Repeats::default(),
        audit: Audit::new(None),
        #[cfg(feature = "history")]
        history: None,
        #[cfg(feature = "history")]
        webhooks: None,
        traffic: Arc::clone(&metrics),
        request_timeout: Duration::from_mins(5),
        metrics_namespaces: false,
        docs: true,
        draining: draining.clone(),
    });
    let service = Service { shared, gate: Gate { hosts: HostAllowlist::default(), cors: Cors::new(Vec::new()) } };
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let mut stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let config = ListenerConfig { tls: None, max_connections: 10, max_per_peer: 10, metrics, draining };
    tokio::spawn(listener::run(listener, Arc::new(service), config));

    let panicking = "GET /api/eks-get-job-status?job_name=hello HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let next = "GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(format!("{panicking}{next}").as_bytes()).await.unwrap();
    let mut answers = String::new();
    stream.read_to_string(&mut answers).await.unwrap();
    assert!(answers.starts_with("HTTP/1.1 500 ") && answers.contains("\"InternalError\""), "{answers}");
    assert!(!answers.contains("clock"), "{answers}");
    assert!(answers.ends_with("{\"status\":\"ok\"}"), "the same connection goes on: {answers}");
}
