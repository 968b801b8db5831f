//! Where a feed reads from: the cluster, in the name of its caller. Tests have another source.

use std::sync::Arc;

use hyper::body::Bytes;
use tokio::time::Instant;

use crate::api::context::AppState;
use crate::api::jobs::logs::End;
use crate::jobs::logs::{self, JobPods, LogUnavailable};
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
    pub(super) fn no_log(&self, why: LogUnavailable) -> End {
        End::LogUnavailable { pod: self.pod.clone(), container: self.container.clone(), why }
    }

    pub(super) fn heading(&self) -> String {
        format!("==> {}/{} <==\n", self.pod, self.container)
    }
}

pub(super) trait Source {
    type Stream;

    /// The job and its pods as they are now.
    async fn look(&self) -> Result<JobPods, KubeError>;

    async fn open(&self, target: &Target, options: &LogOptions) -> Result<Self::Stream, KubeError>;

    /// What comes next; `None` at the end that the cluster meant.
    async fn next(stream: &mut Self::Stream) -> Result<Option<Bytes>, KubeError>;
}

pub(super) struct Cluster {
    shared: Arc<AppState>,
    bearer: Option<Bearer>,
    pub(super) namespace: Namespace,
    name: JobName,
}

impl Cluster {
    pub(super) fn new(shared: Arc<AppState>, bearer: Option<Bearer>, namespace: Namespace, name: JobName) -> Self {
        Self { shared, bearer, namespace, name }
    }

    /// Each question has the time of a call: a stream has any.
    fn session(&self) -> Client {
        let mut session =
            Client::new(Arc::clone(self.shared.api_server()), Instant::now() + self.shared.request_timeout);
        session.with_bearer(self.bearer.clone());
        session
    }
}

impl Source for Cluster {
    type Stream = Stream;

    async fn look(&self) -> Result<JobPods, KubeError> {
        JobPods::fetch(&self.session(), &self.namespace, &self.name).await
    }

    async fn open(&self, target: &Target, options: &LogOptions) -> Result<Stream, KubeError> {
        logs::open(&self.session(), &self.namespace, (&target.pod, &target.container), options).await
    }

    async fn next(stream: &mut Stream) -> Result<Option<Bytes>, KubeError> {
        stream.next().await
    }
}
