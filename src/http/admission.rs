//! What a request has to pass to become a call: the name it calls us by, who calls, how often, from which page, and the
//! form of the rest. Owns the order; each check is its own module's.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use hyper::Uri;
use hyper::header::HeaderMap;

use super::access::Access;
use super::cors::Cors;
use super::credentials::shown;
use super::error::Problem;
use super::handlers::{Call, Shared, Target};
use super::media;
use super::origin::{Hosts, check_page};
use super::parameters::Parameters;
use super::peer::{Peer, site};
use super::rate::{Allowance, RateLimit};
use super::request_log::LogLine;
use super::route::Route;
use super::traffic::Limit;
use crate::auth::{Caller, Method};
use crate::kube::session::Session;

#[derive(Debug)]
pub struct Admission {
    pub hosts: Hosts,
    pub peers: RateLimit<IpAddr>,
    pub callers: RateLimit<Arc<str>>,
}

impl Admission {
    /// Makes a call of a request. Who calls is noted as soon as it is known, for what is told of those that are refused.
    /// What is refused here is counted by its peer, so that nobody can try for long.
    pub fn admit(
        &self,
        shared: &Arc<Shared>,
        cors: &Cors,
        request: (Route, &LogLine, &Peer),
        head: (Uri, HeaderMap),
        caller: &mut Caller,
    ) -> Result<Call, Problem> {
        self.checked(shared, cors, request, head, caller).or_else(|problem| {
            let (_, line, peer) = request;
            self.count_peer(shared, peer, line.started)?;
            Err(problem)
        })
    }

    fn checked(
        &self,
        shared: &Arc<Shared>,
        cors: &Cors,
        (route, line, peer): (Route, &LogLine, &Peer),
        (uri, headers): (Uri, HeaderMap),
        caller: &mut Caller,
    ) -> Result<Call, Problem> {
        self.hosts.check(peer, &uri, &headers)?;
        match route.access() {
            Access::Cluster(needs, _) => {
                *caller = shared.auth.identify(shown(&headers, peer))?;
                caller.may(needs)?;
            }
            Access::Open if route.tells_more_to_callers() => {
                self.recognize(shared, (line, peer), &headers, caller)?;
            }
            Access::Open => {}
        }
        if !route.is_read() {
            check_page(cors, &uri, &headers)?;
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
            permit: None,
            body: None,
            caller: caller.clone(),
            hung_up: None,
            target: Target::default(),
        })
    }

    /// Who calls, where nobody has to say so. A wrong credential is as good as none, and is counted.
    fn recognize(
        &self,
        shared: &Shared,
        (line, peer): (&LogLine, &Peer),
        headers: &HeaderMap,
        caller: &mut Caller,
    ) -> Result<(), Problem> {
        let shown = shown(headers, peer);
        match shared.auth.identify(shown) {
            Ok(known) => *caller = known,
            Err(_) if shown.is_empty() => {}
            Err(_) => drop(self.count_peer(shared, peer, line.started)?),
        }
        Ok(())
    }

    /// Counts a call that may cost the cluster something: first by its peer, whoever that says to be.
    pub fn count(
        &self,
        shared: &Shared,
        peer: &Peer,
        caller: &Caller,
        now: Instant,
    ) -> Result<Option<Allowance>, Problem> {
        let left = self.count_peer(shared, peer, now)?;
        match caller.method {
            Method::None => Ok(left),
            _ => self.callers.take(caller.name(), now).inspect_err(|_| shared.traffic.refused(Limit::Caller)),
        }
    }

    /// Counts what came from a peer, whoever that says to be.
    pub fn count_peer(&self, shared: &Shared, peer: &Peer, now: Instant) -> Result<Option<Allowance>, Problem> {
        let taken = self.peers.take(site(peer.address.ip()), now);
        taken.inspect_err(|_| shared.traffic.refused(Limit::Peer))
    }
}
