//! [`AppState`]: what all requests share.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::api::repeats::Repeats;
use crate::audit::Audit;
use crate::auth::Auth;
use crate::clusters::registry::Registry;
use crate::http::limits::cluster_limits::ClusterLimits;
use crate::http::limits::concurrency::ConcurrencyLimits;
use crate::http::limits::rate_limit::RateLimits;
use crate::http::metrics::HttpMetrics;
use crate::jobs::policy::Policy;
use crate::jobs::store::JobStore;
use crate::kube::api_server::ApiServer;

#[derive(Debug)]
pub struct AppState {
    pub clusters: Registry,
    pub auth: Arc<Auth>,
    pub policy: Policy,
    pub calls: ConcurrencyLimits,
    pub rates: RateLimits,
    pub repeats: Repeats,
    pub audit: Audit,
    pub traffic: Arc<HttpMetrics>,
    pub request_timeout: Duration,
    /// Whether finished jobs are counted by namespace.
    pub metrics_namespaces: bool,
    /// Whether the documentation is served.
    pub docs: bool,
    pub draining: watch::Receiver<bool>,
}

impl AppState {
    /// Returns the API server of the cluster that calls are about.
    pub fn api_server(&self) -> &Arc<ApiServer> {
        &self.clusters.default_cluster().api_server
    }

    /// Returns the jobs of that cluster.
    pub fn store(&self) -> &Arc<JobStore> {
        &self.clusters.default_cluster().store
    }

    /// Returns the limits of that cluster.
    pub fn limits(&self) -> Arc<ClusterLimits> {
        self.calls.cluster(&self.api_server().name)
    }
}
