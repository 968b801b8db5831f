//! [`RequestContext`]: one request from its admission to its answer. Only `client` leads to the API server.
//!
//! `history` records who created a job. `operator` is for the calls of operators. `object` resolves the job or the namespace. `permits` acquires the permits of
//! the call. `writers` sends several changes at a time.

mod history;
mod object;
#[cfg(feature = "history")]
mod operator;
mod permits;
pub mod writers;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Instant;

use hyper::header::{CACHE_CONTROL, HeaderMap};
use serde::de::DeserializeOwned;
use tokio::sync::oneshot;

use crate::api::routes::Route;
use crate::api::state::AppState;
use crate::audit::request_info::RequestInfo;
use crate::auth::{AccessRequest, Caller, CallerId, Denied};
use crate::clusters::cluster::Cluster;
use crate::http::limits::allowance::Allowance;
use crate::http::limits::cluster_limits::{ClusterLimits, Permit};
use crate::http::peer::client_prefix;
use crate::http::request::body::{self, Envelope, HeldBody};
use crate::http::request::body_stream::RequestBody;
use crate::http::request::credentials;
use crate::http::request::parameters::{Parameters, agreed};
use crate::http::response::problem::Problem;
use crate::jobs::store::JobStore;
use crate::kube::client::Client;

#[derive(Debug)]
pub struct RequestContext {
    pub route: Route,
    pub info: RequestInfo,
    pub parameters: Parameters,
    /// Without those that hold a secret.
    pub headers: HeaderMap,
    pub state: Arc<AppState>,
    /// The cluster that the call is for. It is the default one until the body is read, if the body may name another.
    pub cluster: Arc<Cluster>,
    /// The calls that the rate limits leave to the caller. None if the call was not counted.
    pub allowance: Option<Allowance>,
    /// Ends when the caller of a change disconnects. None for a read: its future is dropped instead.
    pub disconnected: Option<oneshot::Receiver<Infallible>>,
    /// The limits of that cluster. A reload may give its name other ones.
    pub limits: Arc<ClusterLimits>,
    client: Client,
    /// Whether the caller may use the cluster.
    is_cluster_chosen: bool,
    is_peer_counted: bool,
    is_counted: bool,
    permit: Option<Permit>,
    /// The body's part of the memory budget.
    body: Option<HeldBody>,
}

impl RequestContext {
    pub fn new(
        state: Arc<AppState>,
        cluster: Arc<Cluster>,
        route: Route,
        info: RequestInfo,
        parameters: Parameters,
        mut headers: HeaderMap,
    ) -> Self {
        credentials::remove(&mut headers);
        let client = client(&state, &cluster, &info);
        let limits = state.calls.cluster(cluster.name());
        let is_cluster_chosen = !route.reads_cluster_from_body(&parameters);
        Self {
            route,
            info,
            parameters,
            headers,
            state,
            cluster,
            allowance: None,
            disconnected: None,
            limits,
            client,
            is_cluster_chosen,
            is_peer_counted: false,
            is_counted: false,
            permit: None,
            body: None,
        }
    }

    /// Counts the call in the rate limit of its address, once. The cluster may be unknown yet.
    fn count_peer(&mut self) -> Result<(), Problem> {
        if !std::mem::replace(&mut self.is_peer_counted, true) {
            self.allowance = self.state.rates.count_peer(self.info.peer.ip(), self.info.started)?;
        }
        Ok(())
    }

    /// Counts the call in the rate limits, once.
    pub fn count(&mut self) -> Result<(), Problem> {
        self.count_peer()?;
        if !std::mem::replace(&mut self.is_counted, true) {
            let info = &self.info;
            let of_caller =
                self.state.rates.count_caller(self.cluster.name(), &info.caller, info.peer.ip(), info.started)?;
            self.allowance = of_caller.or(self.allowance);
        }
        Ok(())
    }

    /// Counts this many further calls for one that is counted already. It refuses none.
    pub fn charge(&mut self, calls: u32) {
        let (info, cluster) = (&self.info, self.cluster.name());
        let left = self.state.rates.charge(cluster, &info.caller, info.peer.ip(), calls, Instant::now());
        self.allowance = left.or(self.allowance);
    }

    /// Takes the cluster that the body names. Without one, and without one in the query, it is the default one.
    fn choose_cluster(&mut self, in_body: Option<&str>) -> Result<(), Problem> {
        agreed("cluster", self.parameters.optional("cluster"), in_body)?;
        if !self.is_cluster_chosen {
            self.cluster = self.state.find_cluster(&mut self.info, in_body)?;
            self.limits = self.state.calls.cluster(self.cluster.name());
            self.client = client(&self.state, &self.cluster, &self.info);
            self.is_cluster_chosen = true;
        }
        Ok(())
    }

    /// Counts the call and takes a request permit, unless it holds a permit already.
    pub fn enter(&mut self) -> Result<(), Problem> {
        self.choose_cluster(None)?;
        self.count()?;
        if self.permit.is_none() {
            self.permit = Some(self.limits.begin(self.may_share())?);
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
            if let Some(verdict) = self.authorize_cached(request) {
                verdict?;
            } else {
                self.enter()?;
                let cluster = &self.cluster.api_server;
                self.state.auth.authorize(cluster, self.caller(), std::slice::from_ref(request)).await?;
            }
        }
        Ok(())
    }

    /// Returns whether the caller may do this, or `None` if the cluster has to decide it.
    pub fn authorize_cached(&self, request: &AccessRequest<'_>) -> Option<Result<(), Denied>> {
        self.state.auth.authorize_cached(&self.cluster.api_server, self.caller(), request)
    }

    /// Reads the body without a request permit: slow uploads would keep other callers out. A memory budget bounds them.
    /// With an envelope it may be YAML. `cluster` returns the cluster that the body names.
    pub async fn read_body<T: DeserializeOwned + Send + 'static>(
        &mut self,
        body: RequestBody,
        envelope: Option<Envelope>,
        cluster: fn(&T) -> Option<&str>,
    ) -> Result<T, Problem> {
        self.count_peer()?;
        let is_batch = self.route == Route::CreateBatch;
        let budget = if is_batch { &self.state.calls.batch_bodies } else { &self.state.calls.bodies };
        let (value, held) = body::read(&self.headers, body, budget, envelope).await?;
        self.choose_cluster(cluster(&value))?;
        self.body = Some(if self.state.has_clusters_file { held.move_to(&self.limits, is_batch)? } else { held });
        self.enter()?;
        Ok(value)
    }

    /// Reads the body if there is one. Without a body all parameters are in the query.
    pub async fn read_optional_body<T: DeserializeOwned + Default + Send + 'static>(
        &mut self,
        body: RequestBody,
        cluster: fn(&T) -> Option<&str>,
    ) -> Result<T, Problem> {
        if !body.is_end_stream() {
            return self.read_body(body, None, cluster).await;
        }
        self.choose_cluster(None)?;
        Ok(T::default())
    }

    pub const fn caller(&self) -> &Caller {
        &self.info.caller
    }

    /// Returns the identity that per-caller limits count by.
    pub fn caller_id(&self) -> CallerId {
        self.caller().id(client_prefix(self.info.peer.ip()))
    }

    pub fn store(&self) -> &Arc<JobStore> {
        &self.cluster.store
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

fn client(state: &AppState, cluster: &Cluster, info: &RequestInfo) -> Client {
    let mut client = Client::new(Arc::clone(&cluster.api_server), info.started + state.request_timeout);
    client.with_bearer(info.caller.bearer().cloned());
    client
}

#[cfg(test)]
#[path = "debug_tests.rs"]
mod debug_tests;
