//! [`Source`]: where logs come from. It is the cluster; tests have another one.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::body::Bytes;
use tokio::time::Instant;

use crate::api::jobs::job_ref::JobRef;
use crate::api::jobs::logs::error::LogError;
use crate::auth::Caller;
use crate::jobs::logs::{self, JobPods, LogUnavailable};
use crate::kube::api_server::ApiServer;
use crate::kube::bearer::Bearer;
use crate::kube::client::Client;
use crate::kube::client::stream::Stream;
use crate::kube::error::Error as KubeError;
use crate::kube::names::{JobName, Namespace};
use crate::kube::url::LogOptions;

/// A container of a pod.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Target {
    pub(super) pod: String,
    pub(super) container: String,
}

impl Target {
    pub(super) fn unavailable(&self, why: LogUnavailable) -> LogError {
        LogError::LogUnavailable { pod: self.pod.clone(), container: self.container.clone(), why }
    }

    pub(super) fn heading(&self) -> String {
        format!("==> {}/{} <==\n", self.pod, self.container)
    }
}

pub(super) trait Source {
    type Stream;

    /// Returns the job and its pods.
    async fn fetch(&self) -> Result<JobPods, KubeError>;

    async fn open(&self, target: &Target, options: &LogOptions) -> Result<Self::Stream, KubeError>;

    /// Returns the next bytes, or None at the regular end.
    async fn next(stream: &mut Self::Stream) -> Result<Option<Bytes>, KubeError>;
}

/// The cluster, read with the caller's token if there is one.
pub(super) struct ClusterLogs {
    api_server: Arc<ApiServer>,
    bearer: Option<Bearer>,
    request_timeout: Duration,
    pub(super) namespace: Namespace,
    /// The job whose logs are read.
    job: Mutex<JobName>,
}

impl ClusterLogs {
    pub(super) fn new(cluster: &Arc<ApiServer>, caller: &Caller, request_timeout: Duration, job: JobRef) -> Self {
        let (api_server, bearer) = (Arc::clone(cluster), caller.bearer().cloned());
        Self { api_server, bearer, request_timeout, namespace: job.namespace, job: Mutex::new(job.name) }
    }

    /// Goes on with another job of the namespace.
    pub(super) fn select(&self, job: &JobName) {
        self.job.lock().unwrap_or_else(PoisonError::into_inner).clone_from(job);
    }

    /// Returns a client for one request. A stream has no deadline; each of its requests has that of a call.
    fn client(&self) -> Client {
        let mut client = Client::new(Arc::clone(&self.api_server), Instant::now() + self.request_timeout);
        client.with_bearer(self.bearer.clone());
        client
    }
}

impl Source for ClusterLogs {
    type Stream = Stream;

    async fn fetch(&self) -> Result<JobPods, KubeError> {
        let job = self.job.lock().unwrap_or_else(PoisonError::into_inner).clone();
        JobPods::fetch(&self.client(), &self.namespace, &job).await
    }

    async fn open(&self, target: &Target, options: &LogOptions) -> Result<Stream, KubeError> {
        logs::open(&self.client(), &self.namespace, (&target.pod, &target.container), options).await
    }

    async fn next(stream: &mut Stream) -> Result<Option<Bytes>, KubeError> {
        stream.next().await
    }
}
