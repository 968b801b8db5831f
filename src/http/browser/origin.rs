//! Checks the Host header (against DNS rebinding) and the origin of changes (against cross-site request forgery).

use hyper::Uri;
use hyper::header::{HOST, HeaderMap, ORIGIN};
use hyper::{StatusCode, header::HeaderValue};

use crate::http::browser::cors::Cors;
use crate::http::peer::Peer;
use crate::http::response::problem::Problem;

/// The host names that requests may use.
#[derive(Clone, Debug, Default)]
pub struct HostAllowlist {
    /// On loopback, `localhost` and loopback addresses are allowed too. Elsewhere an empty list allows every name.
    named: Vec<String>,
}

impl HostAllowlist {
    pub const fn new(named: Vec<String>) -> Self {
        Self { named }
    }

    /// 421 if a name is not allowed. Loopback is always checked: a page whose own name resolves to 127.0.0.1 could
    /// otherwise use the service as part of its site (DNS rebinding).
    pub fn check(&self, peer: &Peer, uri: &Uri, headers: &HeaderMap) -> Result<(), Problem> {
        // Over TLS the browser has checked the name against the certificate.
        let is_loopback = peer.address.ip().to_canonical().is_loopback() && !peer.over_tls;
        if !is_loopback && self.named.is_empty() {
            return Ok(());
        }
        let given = headers.get_all(HOST).iter().map(HeaderValue::as_bytes);
        let given = given.chain(uri.authority().map(|authority| authority.as_str().as_bytes()));
        for name in given {
            let host = std::str::from_utf8(name).ok().and_then(host).filter(|host| self.allows(host, is_loopback));
            if host.is_none() {
                let detail = "Host header not allowed: use the address or localhost, or add the name to \
                              EKS_API_ALLOWED_HOSTS";
                return Err(Problem::new(StatusCode::MISDIRECTED_REQUEST, "host_not_allowed", detail));
            }
        }
        Ok(())
    }

    fn allows(&self, host: &str, is_loopback: bool) -> bool {
        let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
        let is_local =
            host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|ip| ip.to_canonical().is_loopback());
        (is_loopback && is_local) || self.named.iter().any(|named| named.eq_ignore_ascii_case(host))
    }
}

/// The host without the port (RFC 9110, section 7.2). `None` if more than a port follows the host.
fn host(name: &str) -> Option<&str> {
    let end = if name.starts_with('[') { name.find(']')? + 1 } else { name.find(':').unwrap_or(name.len()) };
    let (host, port) = name.split_at(end);
    let is_port = |port: &str| port.bytes().all(|c| c.is_ascii_digit());
    (port.is_empty() || port.strip_prefix(':').is_some_and(is_port)).then_some(host)
}

/// 403 for a change from a page of another site, unless CORS allows its origin. Browsers send `Origin`, and over TLS or to
/// loopback `Sec-Fetch-Site`. Other callers send neither.
pub fn check_csrf(cors: &Cors, headers: &HeaderMap) -> Result<(), Problem> {
    let origin = headers.get(ORIGIN);
    if origin.is_some_and(|origin| cors.allows(origin)) {
        return Ok(());
    }
    let is_own = |origin: &HeaderValue| {
        let named = origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, host)| host.as_bytes());
        named.is_some() && named == headers.get(HOST).map(HeaderValue::as_bytes)
    };
    let site = headers.get("sec-fetch-site").map_or(&b"none"[..], HeaderValue::as_bytes);
    if origin.is_none_or(is_own) && matches!(site, b"none" | b"same-origin") {
        return Ok(());
    }
    let detail = "a page of another site cannot make changes: to allow it, add its origin to EKS_API_CORS_ORIGINS";
    Err(Problem::new(StatusCode::FORBIDDEN, "cross_site_request", detail))
}

#[cfg(test)]
#[path = "origin_tests.rs"]
mod tests;
