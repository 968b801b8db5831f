//! A state with one cluster, `lab`, that is not connected.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;

use super::*;
use crate::aws::token::Tokens;
use crate::config::clusters::ClusterConfig;
use crate::config::pattern::Patterns;
use crate::http::limits::concurrency::Bounds;
use crate::jobs::policy::Policy;
use crate::kube::api_server::ApiServer;

pub(in crate::api) fn state(auth: Arc<Auth>, request_timeout: Duration) -> AppState {
    let keys = SharedCredentialsProvider::new(Credentials::new("AKIA", "secret", None, None, "test"));
    let tokens = Tokens::new("lab", "us-east-1", keys, SystemTime::now);
    let api_server = Arc::new(ApiServer::new("lab", "us-east-1", tokens));
    let policy = Policy { protected: Patterns::NONE, allowed: Vec::new(), auto_create_namespace: true };
    let cluster = Cluster::new(ClusterConfig::single("lab", "us-east-1"), api_server, &policy);
    AppState {
        presets: Presets::default(),
        clusters: Registry::new([cluster]).unwrap(),
        has_clusters_file: false,
        auth,
        calls: ConcurrencyLimits::new(Bounds { requests: 10, waits: 10, streams: 10, writes: 10 }, &["lab".to_owned()]),
        rates: RateLimits::new(0, 0, &[]),
        repeats: Repeats::default(),
        audit: Audit::new(None),
        #[cfg(feature = "history")]
        history: None,
        #[cfg(feature = "history")]
        webhooks: None,
        traffic: Arc::new(HttpMetrics::new(true)),
        request_timeout,
        metrics_namespaces: false,
        docs: true,
        draining: watch::channel(false).1,
    }
}
