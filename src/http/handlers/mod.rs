//! One function an operation: parameters in, [`Reply`] or [`Problem`] out. Owns the order of the steps; what each
//! step means is `jobs`' and `kube`'s.

mod create_job;
mod docs;
mod exits;
mod jobs;
mod list_jobs;
mod list_wait;
mod logs;
mod lookup;
mod metrics;
mod namespaces;
mod probes;
mod status;
mod wait;
mod watch_jobs;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::header::{CACHE_CONTROL, HeaderMap};
use serde::de::DeserializeOwned;
use tokio::sync::{oneshot, watch};

use super::audit::{Account, Audit};
use super::body;
use super::body_budget::HeldBody;
use super::calls::{Calls, Permit};
use super::error::Problem;
use super::header::lines;
use super::parameters::Parameters;
use super::peer::site;
use super::rate::{Allowance, RateLimits};
use super::repeats::Repeats;
use super::reply::Reply;
use super::request_body::RequestBody;
use super::request_id::RequestId;
use super::request_log::LogLine;
use super::route::Route;
use super::traffic::Traffic;
use crate::auth::{Auth, Caller, CallerId};
use crate::config::pattern::Patterns;
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
    pub auth: Arc<Auth>,
    pub policy: Policy,
    pub calls: Calls,
    pub rates: RateLimits,
    pub repeats: Repeats,
    pub audit: Audit,
    pub traffic: Traffic,
    pub request_timeout: Duration,
    /// Whether the documentation is served.
    pub docs: bool,
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
    pub peer: SocketAddr,
    /// When it came in.
    pub started: Instant,
    /// Whether the rate limits have counted it, and what they then left to its caller.
    pub is_counted: bool,
    pub allowance: Option<Allowance>,
    /// Held until the handler is done; a handler that goes on as a wait exchanges it.
    pub permit: Option<Permit>,
    /// Its body's part of the budget.
    pub body: Option<HeldBody>,
    pub caller: Caller,
    /// Ends when the caller of a change hangs up. Whoever reads needs no word of it: the read is dropped.
    pub hung_up: Option<oneshot::Receiver<Infallible>>,
    pub target: Target,
}

/// What the call is about, as far as it is known, for the log and the audit.
#[derive(Clone, Debug, Default)]
pub struct Target {
    pub namespace: Option<Namespace>,
    pub job: Option<JobName>,
    /// Of the object that was created, changed or deleted, when the cluster has said which that was.
    pub uid: Option<Box<str>>,
}

impl Call {
    /// Counts the call in the rate limits, once.
    pub fn count(&mut self) -> Result<(), Problem> {
        if !std::mem::replace(&mut self.is_counted, true) {
            let Shared { rates, traffic, .. } = &*self.shared;
            self.allowance = rates.count(traffic, self.peer.ip(), &self.caller, self.started)?;
        }
        Ok(())
    }

    /// The door to the cluster: counts the call in the rate limits and among the calls under way. A reply from memory does
    /// not pass it.
    fn enter(&mut self) -> Result<(), Problem> {
        self.count()?;
        if self.permit.is_none() {
            self.permit = Some(self.shared.calls.begin()?);
        }
        Ok(())
    }

    /// The job that the query names, checked against the policy and noted for the log.
    fn one_job(&mut self) -> Result<(Namespace, JobName), Problem> {
        self.about(self.parameters.namespace()?, self.parameters.job_name()?)
    }

    fn about(&mut self, namespace: Namespace, name: JobName) -> Result<(Namespace, JobName), Problem> {
        // Also of a call that is refused it is told what it was about.
        self.target = Target { namespace: Some(namespace.clone()), job: Some(name.clone()), uid: None };
        self.may_use(&namespace)?;
        Ok((namespace, name))
    }

    /// The request's body. While it is on its way the call has no place among those under way, of which there are few: slow
    /// callers would keep the others out. What such bodies may take is bounded in bytes.
    async fn read<T: DeserializeOwned>(&mut self, body: RequestBody) -> Result<T, Problem> {
        self.permit = None;
        let (read, held) = body::json(&self.headers, body, &self.shared.traffic.bodies).await?;
        self.body = Some(held);
        self.permit = Some(self.shared.calls.begin()?);
        Ok(read)
    }

    /// The body, if there is one. Else the parameters stand in the query alone.
    async fn read_if_any<T: DeserializeOwned + Default>(&mut self, body: RequestBody) -> Result<T, Problem> {
        if body.is_end_stream() { Ok(T::default()) } else { self.read(body).await }
    }

    /// Acquires a write permit. Called after the body is read, so a slow upload does not hold one.
    async fn take_turn(&mut self) -> Result<(), Problem> {
        let bytes = self.body.as_ref().map_or(0, HeldBody::bytes);
        let permit = self.shared.calls.begin_write(self.caller_id(), bytes).await?;
        self.session.hold(permit);
        Ok(())
    }

    /// Which caller it is, for what is limited by caller.
    fn caller_id(&self) -> CallerId {
        self.caller.id(site(self.peer.ip()))
    }

    /// Notes which object the cluster says that it was.
    fn was_about(&mut self, uid: &str) {
        self.target.uid = Some(uid.into());
    }

    /// What the audit is to know of a part of this call that could be a call of this route.
    fn account(&self, route: Route) -> Account {
        let Self { request_id, peer, started, .. } = *self;
        let line = LogLine { request_id, route: Some(route), peer, started };
        Account { line, caller: self.caller.clone(), target: self.target.clone() }
    }

    /// Tells the audit if the wait after a change was refused: what that wait would have shown is what this route shows,
    /// and the change itself is none the worse for it.
    fn wait_ended(&self, shows: Route, problem: &Problem) {
        let account = self.account(shows);
        self.shared.audit.came_to(&account.subject(), problem.status, &problem.reason);
    }

    /// Whether the service, and this caller, may use a namespace.
    fn may_use(&self, namespace: &Namespace) -> Result<(), Problem> {
        self.shared.policy.may_use(namespace)?;
        Ok(self.caller.may_use(namespace)?)
    }

    /// The namespaces outside of which the caller sees nothing: those of the service, and its own.
    fn allowed(&self) -> Vec<Patterns> {
        self.shared.policy.allowed.iter().chain(self.caller.namespaces()).cloned().collect()
    }

    /// Drops the request's head and its body's part of the budget. A call that waits needs neither.
    fn forget_request(&mut self) {
        self.headers = HeaderMap::new();
        self.parameters = Parameters::none();
        self.body = None;
    }

    /// Whether the caller asks for an answer from the cluster itself (RFC 9111, section 5.2.1.4).
    fn wants_no_cache(&self) -> bool {
        let lines = lines(&self.headers, CACHE_CONTROL).filter_map(|value| value.to_str().ok());
        lines.flat_map(|line| line.split(',')).any(|directive| directive.trim().eq_ignore_ascii_case("no-cache"))
    }
}

/// Runs the handler of the call's route. Each is boxed: a call then takes as much memory as its own handler needs, not the
/// largest of all.
pub async fn answer(call: &mut Call, body: RequestBody) -> Result<Reply, Problem> {
    match call.route {
        // These may be answered from memory, and pass the door only if they are not.
        Route::GetJobStatus => return Box::pin(status::get_job_status(call)).await,
        Route::ListJobs => return Box::pin(list_jobs::list_jobs(call)).await,
        Route::Health => return probes::health(call),
        Route::Livez => return probes::livez(),
        Route::Readyz => return probes::readyz(call),
        Route::Metrics => return metrics::metrics(call),
        Route::OpenApi => return docs::openapi(call),
        Route::Docs | Route::DocsStart | Route::DocsScript | Route::DocsStyle | Route::DocsIcon => {
            return docs::page(call);
        }
        _ => call.enter()?,
    }
    match call.route {
        Route::CreateJob => Box::pin(create_job::create_job(call, body)).await,
        Route::DeleteJob => Box::pin(jobs::delete_job(call, body)).await,
        Route::WatchJobs => Box::pin(watch_jobs::watch_jobs(call)).await,
        Route::GetJobLogs => Box::pin(logs::get_job_logs(call)).await,
        Route::SuspendJob => Box::pin(jobs::suspend(call, body, true)).await,
        Route::ResumeJob => Box::pin(jobs::suspend(call, body, false)).await,
        Route::CreateNamespace => Box::pin(namespaces::create_namespace(call, body)).await,
        Route::DeleteNamespace => Box::pin(namespaces::delete_namespace(call, body)).await,
        Route::ListNamespaces => Box::pin(namespaces::list_namespaces(call)).await,
        _ => Box::pin(namespaces::get_namespace_status(call)).await,
    }
}

#[cfg(test)]
#[path = "debug_tests.rs"]
mod debug_tests;
