//! What a request has to pass before its handler runs: the host name, the caller, the page it comes from, and the form of
//! the rest. Each check is its own module's.

use std::sync::Arc;

use hyper::Uri;
use hyper::header::HeaderMap;

use crate::api::context::{AppState, ObjectRef, RequestContext};
use crate::api::request_log::RequestInfo;
use crate::api::routes::Route;
use crate::api::routes::access::Access;
use crate::api::routes::query;
use crate::auth::Caller;
use crate::http::browser::cors::Cors;
use crate::http::browser::origin::{HostAllowlist, check_csrf};
use crate::http::peer::Peer;
use crate::http::request::credentials;
use crate::http::request::media;
use crate::http::response::problem::Problem;
use crate::kube::client::Client;

#[derive(Debug)]
pub struct Gate {
    pub hosts: HostAllowlist,
    pub cors: Cors,
}

impl Gate {
    /// Makes a call of a request. `caller` is filled in as soon as it is known: the log names it also if the request is
    /// refused.
    pub fn admit(
        &self,
        shared: &Arc<AppState>,
        (route, line, peer): (Route, &RequestInfo, &Peer),
        (uri, headers): (Uri, HeaderMap),
        caller: &mut Caller,
    ) -> Result<RequestContext, Problem> {
        self.hosts.check(peer, &uri, &headers)?;
        match route.access() {
            Access::Cluster(needs, _) => {
                *caller = shared.auth.identify(credentials::parse(&headers, peer)?)?;
                caller.may(needs)?;
            }
            Access::Open if route.tells_more_to_callers() => *caller = recognized(shared, (line, peer), &headers)?,
            Access::Open => {}
        }
        if !route.is_read() {
            check_csrf(&self.cors, &headers)?;
        }
        media::accepts(route.media(), &headers)?;
        let mut session = Client::new(Arc::clone(shared.api_server()), line.started + shared.request_timeout);
        session.with_bearer(caller.bearer().cloned());
        Ok(RequestContext {
            route,
            request_id: line.request_id,
            parameters: query::parse(route, &uri)?,
            headers,
            session,
            shared: Arc::clone(shared),
            peer: peer.address,
            started: line.started,
            is_counted: false,
            allowance: None,
            permit: None,
            body: None,
            caller: caller.clone(),
            hung_up: None,
            target: ObjectRef::default(),
        })
    }
}

/// Who calls, on a route that needs no credential. A wrong credential is treated as none, and is counted.
fn recognized(shared: &AppState, (line, peer): (&RequestInfo, &Peer), headers: &HeaderMap) -> Result<Caller, Problem> {
    let given = credentials::parse(headers, peer)?;
    let caller = shared.auth.identify(given);
    if caller.is_err() && !given.is_empty() {
        shared.rates.count(&shared.traffic, peer.address.ip(), &Caller::anonymous(), line.started)?;
    }
    Ok(caller.unwrap_or_else(|_| Caller::anonymous()))
}
