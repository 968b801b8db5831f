//! What a request has to pass before its handler runs: the host name, the caller, the page it comes from, and the form of
//! the rest. Each check is its own module's.

use std::sync::Arc;

use hyper::Uri;
use hyper::header::HeaderMap;

use crate::api::context::{Call, Shared, Target};
use crate::api::request_log::LogLine;
use crate::api::routes::Route;
use crate::api::routes::access::Access;
use crate::auth::Caller;
use crate::http::browser::cors::Cors;
use crate::http::browser::origin::{Hosts, check_page};
use crate::http::peer::Peer;
use crate::http::request::credentials::shown;
use crate::http::request::media;
use crate::http::request::parameters::Parameters;
use crate::http::response::problem::Problem;
use crate::kube::client::Session;

#[derive(Debug)]
pub struct Admission {
    pub hosts: Hosts,
    pub cors: Cors,
}

impl Admission {
    /// Makes a call of a request. `caller` is filled in as soon as it is known: the log names it also if the request is
    /// refused.
    pub fn admit(
        &self,
        shared: &Arc<Shared>,
        (route, line, peer): (Route, &LogLine, &Peer),
        (uri, headers): (Uri, HeaderMap),
        caller: &mut Caller,
    ) -> Result<Call, Problem> {
        self.hosts.check(peer, &uri, &headers)?;
        match route.access() {
            Access::Cluster(needs, _) => {
                *caller = shared.auth.identify(shown(&headers, peer)?)?;
                caller.may(needs)?;
            }
            Access::Open if route.tells_more_to_callers() => *caller = recognized(shared, (line, peer), &headers)?,
            Access::Open => {}
        }
        if !route.is_read() {
            check_page(&self.cors, &uri, &headers)?;
        }
        media::accepts(route.media(), &headers)?;
        let mut session = Session::new(Arc::clone(&shared.cluster), line.started + shared.request_timeout);
        session.act_as(caller.bearer().cloned());
        Ok(Call {
            route,
            request_id: line.request_id,
            parameters: Parameters::parse(route, uri)?,
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
            target: Target::default(),
        })
    }
}

/// Who calls, on a route that needs no credential. A wrong credential is treated as none, and is counted.
fn recognized(shared: &Shared, (line, peer): (&LogLine, &Peer), headers: &HeaderMap) -> Result<Caller, Problem> {
    let shown = shown(headers, peer)?;
    let caller = shared.auth.identify(shown);
    if caller.is_err() && !shown.is_empty() {
        shared.rates.count(&shared.traffic, peer.address.ip(), &Caller::nobody(), line.started)?;
    }
    Ok(caller.unwrap_or_else(|_| Caller::nobody()))
}
