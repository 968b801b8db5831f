//! One cluster, with its API server, its jobs, its namespaces and its background tasks: [`Cluster`].

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use ring::digest::{SHA256, digest};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::aws::Sdk;
use crate::aws::eks::Describer;
use crate::aws::token::Tokens;
use crate::clusters::background::BackgroundTasks;
use crate::clusters::status_line::StatusLine;
use crate::clusters::supervisor::supervise;
use crate::config::clusters::ClusterConfig;
#[cfg(feature = "history")]
use crate::history::{History, batch_ends, follow};
use crate::jobs::batches::expiry;
use crate::jobs::filter::Filter;
use crate::jobs::policy::Policy;
use crate::jobs::store::JobStore;
use crate::kube::api_server::ApiServer;
use crate::util::hex;

/// How long a read may take after the drain began.
const DRAIN_GRACE: Duration = Duration::from_secs(5);

pub struct Cluster {
    pub config: ClusterConfig,
    pub api_server: Arc<ApiServer>,
    pub store: Arc<JobStore>,
    /// Begins entity tags and page tokens, so that they are valid for this cluster only. Empty without a clusters file.
    pub tag_prefix: String,
    /// The namespaces that callers can use in this cluster.
    pub policy: Policy,
    draining: watch::Sender<bool>,
    /// Ended by [`Cluster::stop`].
    tasks: Mutex<JoinSet<()>>,
}

impl Cluster {
    /// Makes a cluster with an empty store. Nothing runs before [`Cluster::start`]. The namespaces of the cluster narrow
    /// those of the policy.
    pub fn new(config: ClusterConfig, api_server: Arc<ApiServer>, policy: &Policy) -> Self {
        let mut policy = policy.clone();
        policy.allowed.extend(config.namespaces.clone());
        let store = Arc::new(JobStore::new(&config.name));
        let (draining, tasks) = (watch::Sender::default(), Mutex::default());
        Self { tag_prefix: tag_prefix(&config), config, api_server, store, policy, draining, tasks }
    }

    /// Starts the background tasks. One that panics starts again. A batch may grow for twice the request timeout.
    pub fn start(&self, describer: Describer, status_line: &Arc<StatusLine>, request_timeout: Duration) {
        let (api_server, store) = (Arc::clone(&self.api_server), Arc::clone(&self.store));
        status_line.add(self.name());
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        let checked = BackgroundTasks::new(Arc::clone(&api_server), Arc::clone(&store), Arc::clone(status_line));
        checked.start(describer, &mut tasks);
        let filter = Filter { allowed: self.policy.allowed.clone(), ..Filter::default() };
        let may_grow = request_timeout * 2;
        let expiry = move || expiry::follow(Arc::clone(&api_server), Arc::clone(&store), filter.clone(), may_grow);
        tasks.spawn(supervise("expiry", expiry, || {}));
    }

    /// Records the changes of the jobs. Call it before [`Cluster::start`]: from now on the statuses have the images,
    /// and no batch is deleted before its end is recorded.
    #[cfg(feature = "history")]
    pub fn record(&self, history: &Arc<History>, request_timeout: Duration) {
        self.store.keep_images();
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        let parts = || (Arc::clone(history), Arc::clone(self.name()), Arc::clone(&self.store));
        let (history_of_jobs, name, store) = parts();
        let follow = move || follow::follow(Arc::clone(&history_of_jobs), Arc::clone(&name), Arc::clone(&store));
        tasks.spawn(supervise("history", follow, || {}));
        if history.sends() {
            let ((history, name, store), may_grow) = (parts(), request_timeout * 2);
            store.forget_recorded_ends();
            let follow =
                move || batch_ends::follow(Arc::clone(&history), Arc::clone(&name), Arc::clone(&store), may_grow);
            tasks.spawn(supervise("batch ends", follow, || {}));
        }
    }

    /// The name that callers use.
    pub fn name(&self) -> &Arc<str> {
        &self.api_server.name
    }

    /// Ends the waits and the streams. Other calls in progress go on.
    pub fn drain(&self) {
        self.draining.send_replace(true);
    }

    /// Ends the background tasks. The jobs in memory change no more.
    pub fn stop(&self) {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).abort_all();
    }

    /// Returns the result of the work, or `None` if the drain leaves it no time. The API server may not answer any more.
    pub async fn unless_drained<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let mut draining = self.draining();
        let drained = async {
            let _ = draining.wait_for(|draining| *draining).await;
            sleep(DRAIN_GRACE).await;
        };
        tokio::select! {
            biased;
            result = work => Some(result),
            () = drained => None,
        }
    }

    /// Tells waits and streams to end.
    pub fn draining(&self) -> watch::Receiver<bool> {
        self.draining.subscribe()
    }
}

/// Hashes what makes it another cluster. A restart does not change it.
fn tag_prefix(config: &ClusterConfig) -> String {
    if !config.is_from_file {
        return String::new();
    }
    let ClusterConfig { name, eks_name, region, .. } = config;
    let url = config.endpoint.as_ref().map_or("", |endpoint| endpoint.url.as_str());
    // None of them has a space.
    let hash = digest(&SHA256, [name, eks_name, region, url].join(" ").as_bytes());
    hex::encode(&hash.as_ref()[..6]) + "-"
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster").field("api_server", &self.api_server).finish_non_exhaustive()
    }
}

/// Makes the client of the cluster, not yet connected, and the client of `DescribeCluster`. `sdk` is of this cluster
/// ([`Sdk::for_cluster`]).
pub fn connect(config: &ClusterConfig, sdk: &Sdk) -> (Arc<ApiServer>, Describer) {
    let ClusterConfig { name, eks_name, region, .. } = config;
    let tokens = Tokens::new(eks_name, region, sdk.credentials.clone(), SystemTime::now);
    (Arc::new(ApiServer::new(name, region, tokens)), Describer::new(sdk, config))
}
