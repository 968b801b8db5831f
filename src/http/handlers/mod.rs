//! One function an operation: parameters in, [`Reply`] or [`Problem`] out. Owns the order of the steps; what each
//! step means is `jobs`' and `kube`'s.

mod create_job;
mod jobs;
mod list_jobs;
mod logs;
mod namespaces;
mod probes;
mod status;
mod wait;
mod watch_jobs;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use hyper::body::Incoming;
use hyper::header::{CACHE_CONTROL, HeaderMap};
use tokio::sync::{oneshot, watch};

use super::calls::{Calls, Permit};
use super::error::Problem;
use super::parameters::Parameters;
use super::reply::Reply;
use super::request_id::RequestId;
use super::route::Route;
use crate::jobs::cache::Cache;
use crate::jobs::policy::Policy;
use crate::kube::cluster::Cluster;
use crate::kube::name::{JobName, Namespace};
use crate::kube::session::Session;

/// What all calls share.
#[derive(Debug)]
pub struct Shared {
    pub cluster: Arc<Cluster>,
    /// The jobs of that cluster.
    pub cache: Arc<Cache>,
    pub policy: Policy,
    pub calls: Calls,
    pub request_timeout: Duration,
    pub draining: watch::Receiver<bool>,
}

/// One request on its way to an answer.
#[derive(Debug)]
pub struct Call {
    pub route: Route,
    pub request_id: RequestId,
    pub parameters: Parameters,
    pub headers: HeaderMap,
    pub session: Session,
    pub shared: Arc<Shared>,
    pub now: SystemTime,
    /// Held until the handler is done; a handler that goes on as a wait exchanges it.
    pub permit: Option<Permit>,
    /// Ends when the caller of a change hangs up. Whoever reads needs no word of it: the read is dropped.
    pub caller: Option<oneshot::Receiver<Infallible>>,
    pub target: Target,
}

/// What the call is about, as far as it is known, for the log.
#[derive(Clone, Debug, Default)]
pub struct Target {
    pub namespace: Option<Namespace>,
    pub job: Option<JobName>,
}

impl Call {
    /// The job that the query names, checked against the policy and noted for the log.
    fn one_job(&mut self) -> Result<(Namespace, JobName), Problem> {
        self.about(self.parameters.namespace()?, self.parameters.job_name()?)
    }

    fn about(&mut self, namespace: Namespace, name: JobName) -> Result<(Namespace, JobName), Problem> {
        self.shared.policy.may_use(&namespace)?;
        self.target = Target { namespace: Some(namespace.clone()), job: Some(name.clone()) };
        Ok((namespace, name))
    }

    /// Lets go of the request's head, which keeps the buffer that it was read into. Whoever waits needs neither.
    fn forget_request(&mut self) {
        self.headers = HeaderMap::new();
        self.parameters = Parameters::none();
    }

    /// Whether the caller asks for an answer from the cluster itself (RFC 9111, section 5.2.1.4).
    fn wants_no_cache(&self) -> bool {
        let lines = self.headers.get_all(CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
        lines.flat_map(|line| line.split(',')).any(|directive| directive.trim().eq_ignore_ascii_case("no-cache"))
    }
}

/// The answer to a call that need not wait for anything, or `None`: then [`answer`] has it.
pub fn at_once(call: &mut Call) -> Option<Result<Reply, Problem>> {
    match call.route {
        Route::GetJobStatus => status::from_cache(call).transpose(),
        Route::ListJobs => list_jobs::from_cache(call).transpose(),
        Route::Health => Some(probes::health(call)),
        Route::Livez => Some(probes::livez()),
        Route::Readyz => Some(probes::readyz(call)),
        _ => None,
    }
}

/// Each handler is boxed: a call then takes as much memory as its own handler needs, not the largest of all.
pub async fn answer(call: &mut Call, body: Incoming) -> Result<Reply, Problem> {
    match call.route {
        Route::CreateJob => Box::pin(create_job::create_job(call, body)).await,
        Route::GetJobStatus => Box::pin(status::get_job_status(call)).await,
        Route::DeleteJob => Box::pin(jobs::delete_job(call)).await,
        Route::ListJobs => Box::pin(list_jobs::list_jobs(call)).await,
        Route::WatchJobs => watch_jobs::watch_jobs(call),
        Route::GetJobLogs => Box::pin(logs::get_job_logs(call)).await,
        Route::SuspendJob => Box::pin(jobs::suspend(call, body, true)).await,
        Route::ResumeJob => Box::pin(jobs::suspend(call, body, false)).await,
        Route::CreateNamespace => Box::pin(namespaces::create_namespace(call, body)).await,
        Route::DeleteNamespace => Box::pin(namespaces::delete_namespace(call)).await,
        Route::ListNamespaces => Box::pin(namespaces::list_namespaces(call)).await,
        Route::GetNamespaceStatus => Box::pin(namespaces::get_namespace_status(call)).await,
        Route::Health => probes::health(call),
        Route::Livez => probes::livez(),
        Route::Readyz => probes::readyz(call),
    }
}
