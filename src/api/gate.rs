//! The checks before a handler runs, in this order: host name, caller and role, page of origin, media type, parameters.

use std::sync::Arc;

use hyper::Uri;
use hyper::header::HeaderMap;

use crate::api::routes::access::Access;
use crate::api::routes::{Route, query};
use crate::api::state::AppState;
use crate::audit::request_info::RequestInfo;
use crate::auth::Caller;
use crate::clusters::cluster::Cluster;
use crate::http::browser::cors::Cors;
use crate::http::browser::origin::{HostAllowlist, check_csrf};
use crate::http::peer::Peer;
use crate::http::request::credentials;
use crate::http::request::media;
use crate::http::request::parameters::Parameters;
use crate::http::response::problem::Problem;

#[derive(Debug)]
pub struct Gate {
    pub hosts: HostAllowlist,
    pub cors: Cors,
}

impl Gate {
    /// Returns the parameters and the cluster of an admitted request. Sets the caller as soon as it is known, so that the
    /// log of a refusal names it.
    pub fn admit(
        &self,
        state: &AppState,
        route: Route,
        info: &mut RequestInfo,
        peer: &Peer,
        (uri, headers): (&Uri, &HeaderMap),
    ) -> Result<(Parameters, Arc<Cluster>), Problem> {
        if let Some(cluster) = known_cluster(state, uri) {
            info.cluster = cluster;
        }
        self.hosts.check(peer, uri, headers)?;
        if let Some(role) = route.access().role() {
            info.caller = state.auth.identify(credentials::parse(headers, peer)?)?;
            info.caller.may(role)?;
        } else if route.has_details_for_callers() {
            info.caller = identify(state, info, peer, headers)?;
        }
        if info.is_change {
            check_csrf(&self.cors, headers)?;
        }
        media::accepts(route.media(), headers)?;
        let parameters = query::parse(route, uri)?;
        let cluster = cluster(state, route, info, &parameters)?;
        Ok((parameters, cluster))
    }
}

/// Returns the cluster that a query names, for the records of a refusal. An unknown name could be anything.
fn known_cluster(state: &AppState, uri: &Uri) -> Option<Arc<str>> {
    let query = uri.query().filter(|query| query.contains("cluster="))?;
    let mut query = form_urlencoded::parse(query.as_bytes());
    let (_, name) = query.find(|(parameter, _)| parameter == "cluster")?;
    state.clusters.current().get(&name).map(|cluster| Arc::clone(cluster.name()))
}

/// Returns the cluster of a call. It is the default one if the body may name another, and for a call about all clusters.
fn cluster(
    state: &AppState,
    route: Route,
    info: &mut RequestInfo,
    parameters: &Parameters,
) -> Result<Arc<Cluster>, Problem> {
    let named = parameters.optional("cluster");
    let is_about_all = matches!(route.access(), Access::Open | Access::Operator(_) | Access::Cluster(_, []));
    if route.reads_cluster_from_body(parameters) || (is_about_all && named.is_none()) {
        return Ok(state.clusters.default_cluster());
    }
    state.find_cluster(info, named)
}

/// Identifies the caller of a route that needs no credential. Counts a wrong credential and treats it as none.
fn identify(state: &AppState, info: &RequestInfo, peer: &Peer, headers: &HeaderMap) -> Result<Caller, Problem> {
    let given = credentials::parse(headers, peer)?;
    let caller = state.auth.identify(given);
    if caller.is_err() && !given.is_empty() {
        state.rates.count(state.clusters.default_cluster().name(), peer.address.ip(), &info.caller, info.started)?;
    }
    Ok(caller.unwrap_or(Caller::Unauthenticated))
}
