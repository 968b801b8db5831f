//! What says who calls: the keys file, credentials, the Host header, certificates.

use std::sync::Arc;

use eks_api::auth::Caller;
use eks_api::auth::keys::{Holder, Keys};
use eks_api::auth::role::Role;
use eks_api::http::browser::origin::HostAllowlist;
use eks_api::http::client_cert::Certificate;
use eks_api::http::peer::Peer;
use eks_api::http::request::credentials;
use eks_api::kube::bearer::Bearer;
use hyper::Uri;
use hyper::header::{AUTHORIZATION, HOST, HeaderMap, HeaderValue};

use super::text;

fn peer(address: &str) -> Peer {
    let address = address.parse().unwrap_or_else(|error| panic!("{error}"));
    Peer { address, over_tls: false, certificate: Some(Arc::from("ci")) }
}

pub(super) fn keys_file(data: &[u8]) {
    let text = text(data);
    match Keys::parse(text) {
        Ok(keys) => {
            let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
            assert_eq!(keys.len(), lines.clone().count());
            // No word of the file is a key, as it holds hashes alone.
            assert!(text.split_whitespace().all(|word| keys.find(word).is_none()), "{text:?}");
            let lines = lines.filter_map(|line| line.strip_prefix("cert:")?.split_once(char::is_whitespace));
            for (name, _) in lines.clone() {
                let found = keys.find_certificate(&name.replace('*', "x"));
                let grant = found.unwrap_or_else(|| panic!("{name:?}"));
                // The first line that matches counts. Without clusters= it is for the default cluster only.
                let granting = lines.clone().find(|(pattern, _)| *pattern == &*grant.name);
                let has_clusters = granting.is_some_and(|(_, words)| words.contains("clusters="));
                assert_eq!(grant.clusters.is_some(), has_clusters, "{name:?}");
                assert_eq!(grant.templates.is_empty(), grant.role != Role::Run, "{name:?}");
                let caller = Caller::Granted(Arc::clone(grant), Holder::Certificate(name.into()));
                assert!(has_clusters || caller.may_use_cluster("x", false).is_err(), "{name:?}");
            }
        }
        Err(mistake) => {
            let told = mistake.to_string();
            assert!(told.starts_with("line ") && told.len() < 200, "{told:?}");
        }
    }
}

pub(super) fn credentials(data: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(data) else { return };
    let (headers, peer) = (HeaderMap::from_iter([(AUTHORIZATION, value)]), peer("127.0.0.1:1"));
    let shown =
        credentials::parse(&headers, &peer).unwrap_or_else(|problem| panic!("one line is refused: {problem:?}"));
    let Some(token) = shown.bearer else { return };
    let token = *token.expose();
    assert!(text(data).contains(token), "{token:?}");
    if let Some(bearer) = Bearer::parse(token) {
        assert_eq!(*bearer.token().expose(), token.as_bytes());
        assert!(!format!("{bearer:?}").contains(token) || token.len() < 10, "{token:?} is shown");
    }
}

pub(super) fn host(data: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(data) else { return };
    let headers = HeaderMap::from_iter([(HOST, value)]);
    let (hosts, uri) = (HostAllowlist::new(vec!["jobs.example.com".to_owned()]), Uri::from_static("/"));
    let host = text(data);
    if hosts.check(&peer("10.0.0.7:1"), &uri, &headers).is_ok() {
        assert!(host.to_ascii_lowercase().starts_with("jobs.example.com"), "{host:?}");
        assert!(host[16..].is_empty() || host[16..].starts_with(':'), "{host:?}");
    } else if hosts.check(&peer("127.0.0.1:1"), &uri, &headers).is_ok() {
        let name = host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|c| c.is_ascii_digit()));
        let name = name.map_or(host, |(name, _)| name).trim_matches(['[', ']']);
        let address = name.parse::<std::net::IpAddr>();
        let is_local =
            name.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.to_canonical().is_loopback());
        assert!(is_local, "{host:?}");
    }
}

pub(super) fn certificate(data: &[u8]) {
    let Some(certificate) = Certificate::parse(data) else { return };
    if let Some(name) = certificate.name() {
        let kinds = ["email:", "uri:", "cn:"];
        let name = kinds.into_iter().find_map(|kind| name.strip_prefix(kind)).unwrap_or(&name);
        assert!((1..=256).contains(&name.len()) && !name.chars().any(char::is_control), "{name:?}");
        assert!(data.windows(name.len()).any(|part| part == name.as_bytes()), "{name:?}");
    }
}
