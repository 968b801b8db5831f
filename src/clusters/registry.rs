//! The clusters that are served, by name: [`Registry`].

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use crate::clusters::cluster::Cluster;
use crate::config::clusters::ClusterConfig;

/// Holds the clusters. A reload replaces them all at once.
#[derive(Debug)]
pub struct Registry(RwLock<Arc<Clusters>>);

/// The clusters at one time.
#[derive(Debug)]
pub struct Clusters {
    /// The cluster of requests that name none.
    pub default: Arc<Cluster>,
    by_name: BTreeMap<Arc<str>, Arc<Cluster>>,
}

impl Clusters {
    pub fn get(&self, name: &str) -> Option<&Arc<Cluster>> {
        self.by_name.get(name)
    }

    /// Returns the clusters in the order of their names.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Cluster>> {
        self.by_name.values()
    }

    pub fn names(&self) -> Vec<String> {
        self.by_name.keys().map(ToString::to_string).collect()
    }

    /// Whether one of the clusters can be used.
    pub fn is_any_ready(&self) -> bool {
        self.all().any(|cluster| cluster.api_server.is_ready())
    }

    fn new(clusters: impl IntoIterator<Item = Arc<Cluster>>) -> Option<Self> {
        let by_name: BTreeMap<_, _> =
            clusters.into_iter().map(|cluster| (Arc::clone(cluster.name()), cluster)).collect();
        let default = by_name.values().find(|cluster| cluster.config.is_default)?;
        Some(Self { default: Arc::clone(default), by_name })
    }
}

impl Registry {
    /// Returns `None` if no cluster is the default.
    pub fn new(clusters: impl IntoIterator<Item = Cluster>) -> Option<Self> {
        let clusters = Clusters::new(clusters.into_iter().map(Arc::new))?;
        Some(Self(RwLock::new(Arc::new(clusters))))
    }

    pub fn current(&self) -> Arc<Clusters> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub fn default_cluster(&self) -> Arc<Cluster> {
        Arc::clone(&self.current().default)
    }

    /// Returns the clusters of these descriptions. `start` makes those that are new or changed.
    ///
    /// Refuses another default: calls that name no cluster would move to it.
    pub fn prepare(
        &self,
        configs: Vec<ClusterConfig>,
        start: impl Fn(ClusterConfig) -> Cluster,
    ) -> Result<Clusters, String> {
        let old = self.current();
        let default = configs.iter().find(|config| config.is_default).map_or("", |config| &config.name);
        if *default != **old.default.name() {
            return Err(format!(
                "the default cluster is {}, and in the file it is {default}: restart to change the default",
                old.default.name()
            ));
        }
        let known = |config: &ClusterConfig| old.get(&config.name).filter(|known| known.config == *config);
        let clusters = configs.into_iter().map(|config| match known(&config) {
            Some(known) => Arc::clone(known),
            None => Arc::new(start(config)),
        });
        Clusters::new(clusters).ok_or_else(|| "no cluster is the default".to_owned())
    }

    /// Serves these clusters. Returns those that are no longer served; they still run.
    pub fn replace(&self, new: Clusters) -> Vec<Arc<Cluster>> {
        let new = Arc::new(new);
        let mut current = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let old = std::mem::replace(&mut *current, Arc::clone(&new));
        let is_kept = |cluster: &Arc<Cluster>| new.get(cluster.name()).is_some_and(|kept| Arc::ptr_eq(kept, cluster));
        old.all().filter(|cluster| !is_kept(cluster)).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use aws_credential_types::Credentials;
    use aws_credential_types::provider::SharedCredentialsProvider;

    use super::*;
    use crate::aws::token::Tokens;
    use crate::config::pattern::Patterns;
    use crate::jobs::policy::Policy;
    use crate::kube::api_server::ApiServer;

    fn config(name: &str, region: &str) -> ClusterConfig {
        ClusterConfig { is_default: name == "prod", ..ClusterConfig::single(name, region) }
    }

    fn cluster(config: ClusterConfig) -> Cluster {
        let keys = SharedCredentialsProvider::new(Credentials::new("AKIA", "secret", None, None, "test"));
        let tokens = Tokens::new(&config.eks_name, &config.region, keys, SystemTime::now);
        let api_server = Arc::new(ApiServer::new(&config.name, &config.region, tokens));
        let policy = Policy { protected: Patterns::NONE, allowed: Vec::new(), auto_create_namespace: true };
        Cluster::new(config, api_server, &policy)
    }

    fn reload(registry: &Registry, configs: [ClusterConfig; 2]) -> Vec<Arc<Cluster>> {
        registry.replace(registry.prepare(configs.into(), cluster).unwrap())
    }

    fn registry() -> Registry {
        Registry::new([config("prod", "us-east-1"), config("eu", "eu-west-1")].map(cluster)).unwrap()
    }

    #[test]
    fn a_cluster_is_found_by_its_name() {
        let clusters = registry().current();
        assert_eq!(&**clusters.default.name(), "prod");
        assert!(clusters.get("prod").is_some_and(|found| Arc::ptr_eq(found, &clusters.default)));
        assert_eq!(clusters.get("eu").unwrap().config.region, "eu-west-1");
        assert!(clusters.get("other").is_none());
    }

    #[test]
    fn a_reload_starts_what_is_new_and_keeps_what_is_the_same() {
        let registry = registry();
        let before = registry.current();
        let removed = reload(&registry, [config("prod", "us-east-1"), config("lab", "us-east-1")]);
        let after = registry.current();
        assert!(Arc::ptr_eq(&before.default, &after.default));
        assert!(after.get("lab").is_some() && after.get("eu").is_none());
        assert_eq!(removed.iter().map(|cluster| &**cluster.name()).collect::<Vec<_>>(), ["eu"]);
    }

    #[test]
    fn a_changed_line_makes_another_cluster_of_the_same_name() {
        let registry = registry();
        let before = registry.current();
        let removed = reload(&registry, [config("prod", "us-east-1"), config("eu", "eu-west-3")]);
        assert!(Arc::ptr_eq(&removed[0], before.get("eu").unwrap()) && removed.len() == 1);
        assert_eq!(registry.current().get("eu").unwrap().config.region, "eu-west-3");
        assert_ne!(before.get("eu").unwrap().api_server.id, registry.current().get("eu").unwrap().api_server.id);
    }

    #[test]
    fn a_reload_does_not_change_the_default() {
        let registry = registry();
        let before = registry.current();
        let other = ClusterConfig { is_default: true, ..config("eu", "eu-west-1") };
        let error = registry.prepare(vec![other], cluster).unwrap_err();
        assert!(error.contains("restart to change the default"), "{error}");
        assert!(Arc::ptr_eq(&before, &registry.current()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_read_without_an_answer_ends_five_seconds_after_the_drain() {
        let cluster = cluster(config("prod", "us-east-1"));
        let begun = tokio::time::Instant::now();
        let drain = async { cluster.drain() };
        let (hung, ()) = tokio::join!(cluster.unless_drained(std::future::pending::<()>()), drain);
        assert_eq!((hung, begun.elapsed().as_secs()), (None, 5));
        assert_eq!(cluster.unless_drained(async { 1 }).await, Some(1), "an answer that is there is given");
    }
}
