//! The URL of an endpoint: [`parse`].

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hyper::Uri;
use hyper::http::uri::PathAndQuery;
use rustls::pki_types::DnsName;

use crate::config::line;
use crate::util::net;
use crate::webhooks::address::judge;
use crate::webhooks::endpoint::EndpointUrl;
use crate::webhooks::secret::PREFIX;

const SCHEMES: &str =
    "must be https://HOST/PATH; http:// is only for localhost, an address of 127.0.0.0/8 and [::1] of this machine";

/// Returns a value of the file as a message shows it. One at the wrong key may be a URL or a secret.
pub(super) fn shown(value: &str) -> String {
    let is_hidden = value.contains("://") || value.contains(PREFIX);
    if is_hidden { "a URL or a secret".to_owned() } else { line::shown(value) }
}

/// Parses an absolute URL. The error continues "url". It shows at most the host.
pub(super) fn parse(text: &str) -> Result<EndpointUrl, String> {
    let (is_tls, rest) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
        (Some(rest), _) => (true, rest),
        (None, Some(rest)) => (false, rest),
        (None, None) => return Err(SCHEMES.to_owned()),
    };
    // The parser drops a fragment silently.
    if text.contains('#') {
        return Err("has a fragment: remove # and what follows".to_owned());
    }
    if rest.split(['/', '?', '\\']).next().is_some_and(|authority| authority.contains('@')) {
        return Err("has a user or a password: remove what is before @".to_owned());
    }
    let uri = Some(text).filter(|text| text.is_ascii()).and_then(|text| text.parse::<Uri>().ok());
    let uri =
        uri.ok_or("is not a URL: write https://HOST/PATH, a name in other letters as xn--…, other letters as %XX")?;
    let authority = uri.authority().ok_or("has no host: write https://HOST/PATH")?;
    let port = net::port(authority, if is_tls { 443 } else { 80 });
    let port = port.ok_or("has a wrong port: it must be 1 to 65535")?;
    let host = authority.host();
    let address = address(host)?;
    let is_loopback = host == "localhost" || address.is_some_and(|address| address.is_loopback());
    if !is_tls && !is_loopback {
        return Err(format!("has http:// and the host {}: write https://", shown(host)));
    }
    if let Some(address) = address {
        judge(address, !is_tls).map_err(|why| format!("has an address that is refused: {why}"))?;
    }
    let host = host.trim_matches(['[', ']']).to_owned();
    let path = uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
    Ok(EndpointUrl { path, host, port, is_tls })
}

/// Returns the address that a host is. `None` for a DNS name.
fn address(host: &str) -> Result<Option<IpAddr>, String> {
    if let Some(inner) = host.strip_prefix('[') {
        let address = inner.strip_suffix(']').and_then(|inner| inner.parse::<Ipv6Addr>().ok());
        return address
            .map(|address| Some(address.into()))
            .ok_or_else(|| "has brackets without an IPv6 address".to_owned());
    }
    if let Ok(address) = host.parse::<Ipv4Addr>() {
        return Ok(Some(address.into()));
    }
    // Resolvers take 2130706433, 0177.0.0.1, 0x7f.1 and 127.1 as addresses. A DNS name does not end with a number.
    let wrong = "which is neither a DNS name nor an address of four decimal numbers";
    DnsName::try_from(host).map(|_| None).map_err(|_| format!("has the host {}, {wrong}", shown(host)))
}

#[cfg(test)]
#[path = "url_tests.rs"]
mod tests;
