//! One function an operation: parameters in, [`Reply`] or [`Problem`] out. Owns the order of the steps; what each
//! step means is `jobs`' and `kube`'s.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::header::{CACHE_CONTROL, HeaderMap};
use serde::de::DeserializeOwned;
use tokio::sync::{oneshot, watch};

use crate::api::audit::{Account, Audit};
use crate::api::repeats::Repeats;
use crate::api::request_log::RequestInfo;
use crate::api::routes::Route;
use crate::auth::{Auth, Caller, CallerId};
use crate::clusters::registry::Registry;
use crate::config::pattern::Patterns;
use crate::http::limits::allowance::Allowance;
use crate::http::limits::concurrency::{ConcurrencyLimits, Permit};
use crate::http::limits::rate_limit::RateLimits;
use crate::http::metrics::HttpMetrics;
use crate::http::peer::client_prefix;
use crate::http::request::body;
use crate::http::request::body_stream::RequestBody;
use crate::http::request::parameters::Parameters;
use crate::http::request::request_id::RequestId;
use crate::http::response::problem::Problem;
use crate::jobs::policy::Policy;
use crate::jobs::store::JobStore;
use crate::kube::api_server::ApiServer;
use crate::kube::client::Client;
use crate::kube::names::{JobName, Namespace};

/// What all calls share.
#[derive(Debug)]
pub struct AppState {
    pub clusters: Registry,
    pub auth: Arc<Auth>,
    pub policy: Policy,
    pub calls: ConcurrencyLimits,
    pub rates: RateLimits,
    pub repeats: Repeats,
    pub audit: Audit,
    pub traffic: Arc<HttpMetrics>,
    pub request_timeout: Duration,
    /// Whether the documentation is served.
    pub docs: bool,
    pub draining: watch::Receiver<bool>,
}

impl AppState {
    /// Returns the API server of the cluster that calls are about.
    pub fn api_server(&self) -> &Arc<ApiServer> {
        &self.clusters.default_cluster().api_server
    }

    /// Returns the jobs of that cluster.
    pub fn store(&self) -> &Arc<JobStore> {
        &self.clusters.default_cluster().store
    }
}

/// One request on its way to an answer.
#[derive(Debug)]
pub struct RequestContext {
    pub route: Route,
    pub request_id: RequestId,
    pub parameters: Parameters,
    pub headers: HeaderMap,
    pub session: Client,
    pub shared: Arc<AppState>,
    pub peer: SocketAddr,
    /// When it came in.
    pub started: Instant,
    /// Whether the rate limits have counted it, and what they then left to its caller.
    pub is_counted: bool,
    pub allowance: Option<Allowance>,
    /// Held until the handler is done; a handler that goes on as a wait exchanges it.
    pub permit: Option<Permit>,
    /// The body's bytes in the memory of all bodies. A small body takes none.
    pub body: Option<Permit>,
    pub caller: Caller,
    /// Ends when the caller of a change hangs up. Whoever reads needs no word of it: the read is dropped.
    pub hung_up: Option<oneshot::Receiver<Infallible>>,
    pub target: ObjectRef,
}

/// What the call is about, as far as it is known, for the log and the audit.
#[derive(Clone, Debug, Default)]
pub struct ObjectRef {
    pub namespace: Option<Namespace>,
    pub job: Option<JobName>,
    /// Of the object that was created, changed or deleted, when the cluster has said which that was.
    pub uid: Option<Box<str>>,
}

impl RequestContext {
    /// Counts the call in the rate limits, once.
    pub fn count(&mut self) -> Result<(), Problem> {
        if !std::mem::replace(&mut self.is_counted, true) {
            let AppState { rates, traffic, .. } = &*self.shared;
            self.allowance = rates.count(traffic, self.peer.ip(), &self.caller, self.started)?;
        }
        Ok(())
    }

    /// The door to the cluster: counts the call in the rate limits and among the calls under way. A reply from memory does
    /// not pass it.
    pub(crate) fn enter(&mut self) -> Result<(), Problem> {
        self.count()?;
        if self.permit.is_none() {
            self.permit = Some(self.shared.calls.begin()?);
        }
        Ok(())
    }

    /// The job that the query names, checked against the policy and noted for the log.
    pub(crate) fn one_job(&mut self) -> Result<(Namespace, JobName), Problem> {
        self.about(self.parameters.namespace()?, self.parameters.job_name()?)
    }

    pub(crate) fn about(&mut self, namespace: Namespace, name: JobName) -> Result<(Namespace, JobName), Problem> {
        // Also of a call that is refused it is told what it was about.
        self.target = ObjectRef { namespace: Some(namespace.clone()), job: Some(name.clone()), uid: None };
        self.may_use(&namespace)?;
        Ok((namespace, name))
    }

    /// The request's body. While it is on its way the call has no place among those under way, of which there are few: slow
    /// callers would keep the others out. What such bodies may take is bounded in bytes.
    pub(crate) async fn read<T: DeserializeOwned>(&mut self, body: RequestBody) -> Result<T, Problem> {
        self.permit = None;
        let (read, held) = body::json(&self.headers, body, &self.shared.calls.bodies).await?;
        self.body = held;
        self.permit = Some(self.shared.calls.begin()?);
        Ok(read)
    }

    /// The body, if there is one. Else the parameters stand in the query alone.
    pub(crate) async fn read_if_any<T: DeserializeOwned + Default>(&mut self, body: RequestBody) -> Result<T, Problem> {
        if body.is_end_stream() { Ok(T::default()) } else { self.read(body).await }
    }

    /// Acquires a write permit. Called after the body is read, so a slow upload does not hold one.
    pub(crate) async fn acquire_write_permit(&mut self) -> Result<(), Problem> {
        let permit = self.shared.calls.acquire_write(self.caller_id()).await?;
        self.session.hold(permit);
        Ok(())
    }

    /// Which caller it is, for what is limited by caller.
    pub(crate) fn caller_id(&self) -> CallerId {
        self.caller.id(client_prefix(self.peer.ip()))
    }

    /// Notes which object the cluster says that it was.
    pub(crate) fn set_object_uid(&mut self, uid: &str) {
        self.target.uid = Some(uid.into());
    }

    /// What the audit is to know of a part of this call that could be a call of this route.
    pub(crate) fn account(&self, route: Route) -> Account {
        let Self { request_id, peer, started, .. } = *self;
        let line = RequestInfo { request_id, route: Some(route), peer, started };
        Account { line, caller: self.caller.clone(), target: self.target.clone() }
    }

    /// Tells the audit if the wait after a change was refused: what that wait would have shown is what this route shows,
    /// and the change itself is none the worse for it.
    pub(crate) fn wait_ended(&self, shows: Route, problem: &Problem) {
        let account = self.account(shows);
        self.shared.audit.record_outcome(&account.subject(), problem.status, &problem.reason);
    }

    /// Whether the service, and this caller, may use a namespace.
    pub(crate) fn may_use(&self, namespace: &Namespace) -> Result<(), Problem> {
        self.shared.policy.may_use(namespace)?;
        Ok(self.caller.may_use(namespace)?)
    }

    /// The namespaces outside of which the caller sees nothing: those of the service, and its own.
    pub(crate) fn allowed(&self) -> Vec<Patterns> {
        self.shared.policy.allowed.iter().chain(self.caller.namespaces()).cloned().collect()
    }

    /// Drops the request's head and its body's part of the budget. A call that waits needs neither.
    pub(crate) fn forget_request(&mut self) {
        self.headers = HeaderMap::new();
        self.parameters = Parameters::default();
        self.body = None;
    }

    /// Whether the caller asks for an answer from the cluster itself (RFC 9111, section 5.2.1.4).
    pub(crate) fn wants_no_cache(&self) -> bool {
        let lines = self.headers.get_all(CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
        lines.flat_map(|line| line.split(',')).any(|directive| directive.trim().eq_ignore_ascii_case("no-cache"))
    }
}

#[cfg(test)]
#[path = "debug_tests.rs"]
mod debug_tests;
