//! [`AppState`]: what all requests share.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::api::repeats::Repeats;
use crate::audit::Audit;
use crate::audit::request_info::RequestInfo;
use crate::auth::{Auth, Denied};
use crate::clusters::cluster::Cluster;
use crate::clusters::registry::Registry;
#[cfg(feature = "history")]
use crate::history::History;
use crate::http::limits::concurrency::ConcurrencyLimits;
use crate::http::limits::rate_limit::RateLimits;
use crate::http::metrics::HttpMetrics;
use crate::http::response::problem::Problem;
use crate::jobs::template::presets::Presets;
use crate::util::dns::is_label;
#[cfg(feature = "history")]
use crate::webhooks::Webhooks;

#[derive(Debug)]
pub struct AppState {
    pub clusters: Registry,
    /// Whether a file describes the clusters.
    pub has_clusters_file: bool,
    pub presets: Presets,
    pub auth: Arc<Auth>,
    pub calls: ConcurrencyLimits,
    pub rates: RateLimits,
    pub repeats: Repeats,
    pub audit: Audit,
    /// None if the settings name no directory for it.
    #[cfg(feature = "history")]
    pub history: Option<Arc<History>>,
    /// None if the settings name no file of endpoints.
    #[cfg(feature = "history")]
    pub webhooks: Option<Arc<Webhooks>>,
    pub traffic: Arc<HttpMetrics>,
    pub request_timeout: Duration,
    /// Whether finished jobs are counted by namespace.
    pub metrics_namespaces: bool,
    /// Whether the documentation is served.
    pub docs: bool,
    pub draining: watch::Receiver<bool>,
}

impl AppState {
    /// Returns the cluster that a call names, or the default one, if the caller may use it. Sets it for the records.
    pub fn find_cluster(&self, info: &mut RequestInfo, name: Option<&str>) -> Result<Arc<Cluster>, Problem> {
        let clusters = self.clusters.current();
        let found = match name {
            Some(name) => clusters.get(name),
            None => Some(&clusters.default),
        };
        let name = name.unwrap_or_else(|| clusters.default.name());
        match found {
            Some(known) => info.cluster = Arc::clone(known.name()),
            None if is_label(name) => info.cluster = name.into(),
            None => {}
        }
        info.caller.may_use_cluster(name, *name == **clusters.default.name())?;
        found.cloned().ok_or_else(|| {
            if info.caller.sees_all_clusters() {
                Problem::cluster_not_found(name)
            } else {
                // The answer must not tell which names exist.
                Denied::cluster_not_allowed(name).into()
            }
        })
    }

    /// Returns why a call cannot go on: the service drains, or its cluster was removed or replaced.
    pub fn cluster_left(&self, info: &RequestInfo) -> Problem {
        if *self.draining.borrow() {
            return Problem::unavailable("draining", "shutting down", Duration::from_secs(5));
        }
        let found = self.find_cluster(&mut info.clone(), Some(&info.cluster));
        found.err().unwrap_or_else(|| {
            let detail = "the settings of this cluster have changed; call again";
            Problem::unavailable("draining", detail, Duration::from_secs(1))
        })
    }
}

#[cfg(test)]
#[path = "state_tests.rs"]
pub mod tests;
