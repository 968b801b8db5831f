//! One cluster, with its API server, its jobs and its background tasks: [`Cluster`].

use std::sync::Arc;

use crate::aws::eks::Describer;
use crate::clusters::background::BackgroundTasks;
use crate::jobs::store::JobStore;
use crate::kube::api_server::ApiServer;
use crate::telemetry::systemd::Notifier;

#[derive(Debug)]
pub struct Cluster {
    pub api_server: Arc<ApiServer>,
    pub store: Arc<JobStore>,
}

impl Cluster {
    /// Makes a cluster with an empty store. Nothing runs before [`Cluster::start`].
    pub fn new(api_server: Arc<ApiServer>) -> Self {
        Self { api_server, store: Arc::default() }
    }

    /// Starts the background tasks. They end with the runtime; one that panics starts again.
    pub fn start(&self, describer: Describer, notifier: &Arc<Notifier>) {
        let (api_server, store) = (Arc::clone(&self.api_server), Arc::clone(&self.store));
        BackgroundTasks::new(api_server, store, Arc::clone(notifier)).start(describer);
    }
}
