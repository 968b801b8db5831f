//! [`AppState`]: what all requests share.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::api::repeats::Repeats;
use crate::audit::Audit;
use crate::audit::request_info::RequestInfo;
use crate::auth::{Auth, Caller, Denied};
use crate::clusters::cluster::Cluster;
use crate::clusters::registry::Registry;
use crate::http::limits::concurrency::ConcurrencyLimits;
use crate::http::limits::rate_limit::RateLimits;
use crate::http::metrics::HttpMetrics;
use crate::http::response::problem::Problem;

#[derive(Debug)]
pub struct AppState {
    pub clusters: Registry,
    /// Whether a file describes the clusters.
    pub has_clusters_file: bool,
    pub auth: Arc<Auth>,
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
    /// Returns the cluster that a call names, or the default one, if the caller may use it.
    pub fn find_cluster(&self, caller: &Caller, name: Option<&str>) -> Result<Arc<Cluster>, Problem> {
        let clusters = self.clusters.current();
        let name = name.unwrap_or_else(|| clusters.default.name());
        caller.may_use_cluster(name, *name == **clusters.default.name())?;
        clusters.get(name).cloned().ok_or_else(|| {
            if caller.sees_all_clusters() {
                Problem::cluster_not_found(name)
            } else {
                // The answer must not tell which names exist.
                Denied::cluster_not_allowed(name).into()
            }
        })
    }

    /// Returns the cluster whose limits count a refused call. A cluster that the caller may not use counts as an unknown
    /// one does, so the rest of the limit does not tell which names exist.
    pub fn counting_cluster(&self, info: &RequestInfo) -> Arc<str> {
        let default = Arc::clone(self.clusters.default_cluster().name());
        match info.caller.may_use_cluster(&info.cluster, info.cluster == default) {
            Ok(()) => Arc::clone(&info.cluster),
            Err(_) => default,
        }
    }
}

#[cfg(test)]
#[path = "state_tests.rs"]
pub mod tests;
