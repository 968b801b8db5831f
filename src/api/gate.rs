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
    /// Returns the parameters of an admitted request and its cluster. Sets caller and cluster as soon as they are known, so
    /// the log of a refusal names them.
    pub fn admit(
        &self,
        state: &AppState,
        route: Route,
        info: &mut RequestInfo,
        peer: &Peer,
        (uri, headers): (&Uri, &HeaderMap),
    ) -> Result<(Parameters, Arc<Cluster>), Problem> {
        self.hosts.check(peer, uri, headers)?;
        match route.access() {
            Access::Cluster(role, _) => {
                info.caller = state.auth.identify(credentials::parse(headers, peer)?)?;
                info.caller.may(role)?;
            }
            Access::Open if route.has_details_for_callers() => info.caller = identify(state, info, peer, headers)?,
            Access::Open => {}
        }
        if info.is_change {
            check_csrf(&self.cors, headers)?;
        }
        media::accepts(route.media(), headers)?;
        let parameters = query::parse(route, uri)?;
        let cluster = match route.access() {
            // The body may name another cluster.
            _ if route.reads_cluster_from_body(&parameters) => state.clusters.default_cluster(),
            Access::Cluster(..) => state.find_cluster(&info.caller, parameters.optional("cluster"))?,
            Access::Open => state.clusters.default_cluster(),
        };
        info.cluster = Arc::clone(cluster.name());
        Ok((parameters, cluster))
    }
}

/// Identifies the caller of a route that needs no credential. Counts a wrong credential and treats it as none.
fn identify(state: &AppState, info: &RequestInfo, peer: &Peer, headers: &HeaderMap) -> Result<Caller, Problem> {
    let given = credentials::parse(headers, peer)?;
    let caller = state.auth.identify(given);
    if caller.is_err() && !given.is_empty() {
        state.rates.count(peer.address.ip(), &info.caller, info.started)?;
    }
    Ok(caller.unwrap_or(Caller::Unauthenticated))
}
