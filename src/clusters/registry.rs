//! The clusters that are served, by name: [`Registry`].

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::clusters::cluster::Cluster;

/// Holds every cluster under its name. Requests that name no cluster use the default one.
#[derive(Debug)]
pub struct Registry {
    default: Arc<Cluster>,
    by_name: BTreeMap<String, Arc<Cluster>>,
}

impl Registry {
    pub fn new(default: Cluster) -> Self {
        let default = Arc::new(default);
        let by_name = BTreeMap::from([(default.api_server.name.clone(), Arc::clone(&default))]);
        Self { default, by_name }
    }

    pub const fn default_cluster(&self) -> &Arc<Cluster> {
        &self.default
    }

    pub fn get(&self, name: &str) -> Option<&Arc<Cluster>> {
        self.by_name.get(name)
    }
}
