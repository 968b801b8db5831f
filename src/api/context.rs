//! [`RequestContext`]: one request from its admission to its answer. Only `client` leads to the API server.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use hyper::header::{CACHE_CONTROL, HeaderMap};
use serde::de::DeserializeOwned;
use tokio::sync::oneshot;

use crate::api::jobs::job_ref::JobRef;
use crate::api::routes::Route;
use crate::api::state::AppState;
use crate::audit::request_info::RequestInfo;
use crate::auth::{AccessRequest, Caller, CallerId};
use crate::config::pattern::Patterns;
use crate::http::limits::allowance::Allowance;
use crate::http::limits::cluster_limits::Permit;
use crate::http::peer::client_prefix;
use crate::http::request::body::{self, HeldBody};
use crate::http::request::body_stream::RequestBody;
use crate::http::request::credentials;
use crate::http::request::parameters::Parameters;
use crate::http::response::problem::Problem;
use crate::jobs::policy::{Forbidden, Policy};
use crate::jobs::store::JobStore;
use crate::kube::client::Client;
use crate::kube::names::{JobName, Namespace};

/// A rule of the settings about namespaces, such as [`Policy::may_use`].
type NamespaceRule = fn(&Policy, &Namespace) -> Result<(), Forbidden>;

#[derive(Debug)]
pub struct RequestContext {
    pub route: Route,
    pub info: RequestInfo,
    pub parameters: Parameters,
    /// Without those that hold a secret.
    pub headers: HeaderMap,
    pub state: Arc<AppState>,
    /// The calls that the rate limits leave to the caller. None if the call was not counted.
    pub allowance: Option<Allowance>,
    /// Ends when the caller of a change disconnects. None for a read: its future is dropped instead.
    pub disconnected: Option<oneshot::Receiver<Infallible>>,
    client: Client,
    is_counted: bool,
    permit: Option<Permit>,
    /// The body's part of the memory budget.
    body: Option<HeldBody>,
}

impl RequestContext {
    pub fn new(
        state: Arc<AppState>,
        route: Route,
        info: RequestInfo,
        parameters: Parameters,
        mut headers: HeaderMap,
    ) -> Self {
        credentials::remove(&mut headers);
        let mut client = Client::new(Arc::clone(state.api_server()), info.started + state.request_timeout);
        client.with_bearer(info.caller.bearer().cloned());
        Self {
            route,
            info,
            parameters,
            headers,
            state,
            allowance: None,
            disconnected: None,
            client,
            is_counted: false,
            permit: None,
            body: None,
        }
    }

    /// Counts the call in the rate limits, once.
    pub fn count(&mut self) -> Result<(), Problem> {
        if !std::mem::replace(&mut self.is_counted, true) {
            let info = &self.info;
            self.allowance =
                self.state.rates.count(&self.state.api_server().name, info.peer.ip(), &info.caller, info.started)?;
        }
        Ok(())
    }

    /// Counts the call and takes a request permit, unless it holds a permit already.
    pub fn enter(&mut self) -> Result<(), Problem> {
        self.count()?;
        if self.permit.is_none() {
            self.permit = Some(self.state.limits().begin(true)?);
        }
        Ok(())
    }

    /// Returns the client for the API server. An answer from memory never needs it.
    pub fn client(&mut self) -> Result<&Client, Problem> {
        self.enter()?;
        Ok(&self.client)
    }

    /// Returns an error unless the caller may do all of this. Asks the cluster only if the answer is not cached.
    pub async fn authorize(&mut self, requests: &[AccessRequest<'_>]) -> Result<(), Problem> {
        for request in requests {
            if let Some(verdict) = self.state.auth.authorize_cached(&self.info.caller, request) {
                verdict?;
            } else {
                self.enter()?;
                self.state.auth.authorize(&self.info.caller, std::slice::from_ref(request)).await?;
            }
        }
        Ok(())
    }

    /// Reads the body without a request permit: slow uploads would keep other callers out. A memory budget bounds them.
    /// With `yaml_member` it may be YAML, as in [`body::read`].
    pub async fn read_body<T: DeserializeOwned>(
        &mut self,
        body: RequestBody,
        yaml_member: Option<&'static str>,
    ) -> Result<T, Problem> {
        self.enter()?;
        self.permit = None;
        let (value, held) = body::read(&self.headers, body, &self.state.calls.bodies, yaml_member).await?;
        self.body = Some(held);
        self.enter()?;
        Ok(value)
    }

    /// Reads the body if there is one. Without a body all parameters are in the query.
    pub async fn read_optional_body<T: DeserializeOwned + Default>(&mut self, body: RequestBody) -> Result<T, Problem> {
        if body.is_end_stream() { Ok(T::default()) } else { self.read_body(body, None).await }
    }

    /// Acquires a write permit. Called after the body is read, so a slow upload does not hold one.
    pub async fn acquire_write_permit(&mut self) -> Result<(), Problem> {
        self.enter()?;
        let permit = self.state.limits().acquire_write(self.caller_id(), true).await?;
        self.client.hold(permit);
        Ok(())
    }

    /// Exchanges the permits for one of a wait.
    pub fn acquire_wait_permit(&mut self) -> Result<(), Problem> {
        self.permit = Some(self.state.limits().begin_wait(true)?);
        self.client.release_permit();
        Ok(())
    }

    /// Exchanges the request permit for one of a stream.
    pub fn acquire_stream_permit(&mut self) -> Result<(), Problem> {
        self.enter()?;
        self.permit = Some(self.state.limits().begin_stream(true)?);
        Ok(())
    }

    /// Moves the permit to a task that outlives the call.
    pub const fn take_permit(&mut self) -> Option<Permit> {
        self.permit.take()
    }

    pub fn extend_deadline(&mut self, time: Duration) {
        self.client.extend_deadline(time);
    }

    /// Returns how long the call has waited for the API server.
    pub fn upstream_time(&self) -> Duration {
        self.client.upstream_time()
    }

    pub const fn caller(&self) -> &Caller {
        &self.info.caller
    }

    /// Returns the identity that per-caller limits count by.
    pub fn caller_id(&self) -> CallerId {
        self.caller().id(client_prefix(self.info.peer.ip()))
    }

    pub fn store(&self) -> &Arc<JobStore> {
        self.state.store()
    }

    /// Returns the job that the query names, after the check of its namespace.
    pub fn resolve_job(&mut self) -> Result<JobRef, Problem> {
        let (namespace, name) = (self.parameters.namespace()?, self.parameters.job_name()?);
        let uid = self.parameters.optional("uid").map(Into::into);
        self.job_in(namespace, name, uid)
    }

    /// Returns this job, after the check of its namespace.
    pub fn job_in(&mut self, namespace: Namespace, name: JobName, uid: Option<String>) -> Result<JobRef, Problem> {
        // The log names the job also if the call is refused.
        self.set_object(&namespace, Some(&name));
        self.check_namespace(Policy::may_use, &namespace)?;
        Ok(JobRef { namespace, name, uid })
    }

    /// Sets the object that log and audit name.
    pub fn set_object(&mut self, namespace: &Namespace, job: Option<&JobName>) {
        self.info.object.namespace = Some(namespace.clone());
        self.info.object.job = job.cloned();
    }

    /// Sets the uid that the API server returned for that object.
    pub fn set_object_uid(&mut self, uid: &str) {
        self.info.object.uid = Some(uid.to_owned());
    }

    /// Describes a part of this call to the audit as a call of this route.
    pub fn info_as(&self, route: Route) -> RequestInfo {
        let (operation, object_kind) = (route.operation(), route.object_kind());
        RequestInfo { operation, object_kind, is_change: !route.is_read(), ..self.info.clone() }
    }

    /// Records the refusal of a wait after a change. The change itself succeeded; `route` shows what the wait would show.
    pub fn record_wait_error(&self, route: Route, problem: &Problem) {
        self.state.audit.record_outcome(&self.info_as(route), problem.status.as_u16(), &problem.reason);
    }

    /// Checks a namespace against this rule of the service, and against the caller's namespaces.
    pub fn check_namespace(&self, rule: NamespaceRule, namespace: &Namespace) -> Result<(), Problem> {
        rule(&self.state.policy, namespace)?;
        Ok(self.caller().may_use(namespace)?)
    }

    /// Returns the patterns that a namespace must match: those of the service and those of the caller.
    pub fn allowed_namespaces(&self) -> Vec<Patterns> {
        self.state.policy.allowed.iter().chain(self.caller().namespaces()).cloned().collect()
    }

    /// Drops headers, parameters and the body's memory. A waiting call needs none of them.
    pub fn forget_request(&mut self) {
        self.headers = HeaderMap::new();
        self.parameters = Parameters::default();
        self.body = None;
    }

    /// Returns whether the caller wants an answer from the API server (RFC 9111, section 5.2.1.4).
    pub fn wants_no_cache(&self) -> bool {
        let lines = self.headers.get_all(CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
        lines.flat_map(|line| line.split(',')).any(|directive| directive.trim().eq_ignore_ascii_case("no-cache"))
    }
}

#[cfg(test)]
#[path = "debug_tests.rs"]
mod debug_tests;
