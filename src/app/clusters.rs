//! Starts the clusters, and reads their file again on SIGHUP: [`ClusterStarter`].

use std::sync::Arc;
use std::time::Duration;

use crate::api::state::AppState;
use crate::aws::Sdk;
use crate::clusters::cluster::{Cluster, connect};
use crate::clusters::status_line::StatusLine;
use crate::config::clusters::{ClusterConfig, ClusterSource};
#[cfg(feature = "history")]
use crate::history::History;
use crate::jobs::policy::Policy;

/// Everything that the clusters share.
pub(super) struct ClusterStarter {
    pub(super) source: ClusterSource,
    pub(super) sdk: Sdk,
    pub(super) policy: Policy,
    pub(super) status_line: Arc<StatusLine>,
    pub(super) request_timeout: Duration,
    #[cfg(feature = "history")]
    pub(super) history: Option<Arc<History>>,
}

/// Logs the names of the clusters, if they are from a file.
pub(super) fn log_clusters(source: &ClusterSource, default: &str, names: &[String]) {
    if let ClusterSource::File(path) = source {
        log::info!(file = path.display().to_string(), default, clusters = names.join(","); "clusters");
    }
}

impl ClusterStarter {
    pub(super) fn start(&self, config: ClusterConfig) -> Cluster {
        let (api_server, describer) = connect(&config, &self.sdk.for_cluster(&config));
        let cluster = Cluster::new(config, api_server, &self.policy);
        #[cfg(feature = "history")]
        if let Some(history) = &self.history {
            cluster.record(history, self.request_timeout);
        }
        cluster.start(describer, &self.status_line, self.request_timeout);
        cluster
    }

    /// Reads the file again. Starts new clusters, drains removed ones, and does both with changed ones. After an error the
    /// old clusters stay.
    pub(super) fn reload(&self, state: &AppState) -> Result<(), String> {
        let before = state.clusters.current().names();
        let new = state.clusters.prepare(self.source.load()?, |config| self.start(config))?;
        let names = new.names();
        state.calls.set_clusters(&names);
        state.rates.set_clusters(&names);
        let (mut changed, mut removed) = (Vec::new(), Vec::new());
        for cluster in state.clusters.replace(new) {
            cluster.drain();
            cluster.stop();
            let name = cluster.config.name.clone();
            if names.contains(&name) {
                changed.push(name);
            } else {
                self.status_line.remove(&name);
                removed.push(name);
            }
        }
        if *state.draining.borrow() {
            // The drain of the service may not have seen the new ones.
            state.clusters.current().all().for_each(|cluster| cluster.drain());
        }
        let added: Vec<_> = names.into_iter().filter(|name| !before.contains(name)).collect();
        let [added, changed, removed] = [added, changed, removed].map(|names| names.join(","));
        log::info!(added = added, changed = changed, removed = removed; "clusters reloaded");
        Ok(())
    }
}
