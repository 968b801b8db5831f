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

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use aws_credential_types::Credentials;
    use aws_credential_types::provider::SharedCredentialsProvider;

    use super::*;
    use crate::aws::token::Tokens;
    use crate::kube::api_server::ApiServer;

    #[test]
    fn a_cluster_is_found_by_its_name() {
        let keys = SharedCredentialsProvider::new(Credentials::new("AKIA", "secret", None, None, "test"));
        let tokens = Tokens::new("lab", "us-east-1", keys, SystemTime::now);
        let registry = Registry::new(Cluster::new(Arc::new(ApiServer::new("lab", "us-east-1", tokens))));
        assert!(registry.get("lab").is_some_and(|found| Arc::ptr_eq(found, registry.default_cluster())));
        assert!(registry.get("other").is_none());
    }
}
