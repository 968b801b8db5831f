//! Tests of the Host header and of origins.

use super::*;

fn host(named: &[&str], peer: &str, name: Option<&'static str>, uri: &'static str) -> bool {
    let hosts = HostAllowlist::new(named.iter().map(|name| (*name).to_owned()).collect());
    let peer = Peer { address: peer.parse().unwrap(), over_tls: false, certificate: None };
    let headers = name.map(|name| (HOST, HeaderValue::from_static(name))).into_iter().collect();
    hosts.check(&peer, &Uri::from_static(uri), &headers).is_ok()
}

const LOCAL: &str = "127.0.0.1:5000";

#[test]
fn on_loopback_only_loopback_names_are_allowed() {
    for good in ["localhost", "LocalHost:8000", "127.0.0.1:8000", "127.1.2.3", "[::1]:8000", "[::ffff:127.0.0.1]"] {
        assert!(host(&[], LOCAL, Some(good), "/"), "{good}");
    }
    for bad in [
        "evil.example",
        "evil.example:8000",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "10.0.0.1",
        "localhost@evil.example",
        "evil.example@localhost:x",
        "evil.example@localhost",
        "[::1]:80p0",
        "[::2]",
        "",
        "a b",
        "127.0.0.1:8000, evil.example",
    ] {
        assert!(!host(&[], LOCAL, Some(bad), "/"), "{bad}");
        assert!(!host(&[], "[::1]:5000", Some(bad), "/"), "{bad}");
    }
    assert!(host(&[], LOCAL, None, "/"), "HTTP/1.0 has no Host header");
    assert!(!host(&[], LOCAL, Some("localhost"), "http://evil.example/"), "the target's name counts too");
}

#[test]
fn a_host_in_the_list_is_allowed_everywhere() {
    assert!(host(&["jobs.example.com"], LOCAL, Some("jobs.example.com"), "/"));
    assert!(host(&["jobs.example.com"], LOCAL, Some("localhost:8000"), "/"));
    assert!(host(&["jobs.example.com"], "10.0.0.7:5000", Some("JOBS.example.com:8000"), "/"));
    assert!(!host(&["jobs.example.com"], "10.0.0.7:5000", Some("localhost"), "/"));
    assert!(host(&[], "10.0.0.7:5000", Some("any.example"), "/"), "beyond loopback an empty list allows every name");
}

#[test]
fn over_tls_any_name_is_allowed_without_a_list() {
    let peer = Peer { address: LOCAL.parse().unwrap(), over_tls: true, certificate: None };
    let headers = HeaderMap::from_iter([(HOST, HeaderValue::from_static("jobs.example.com"))]);
    assert!(HostAllowlist::default().check(&peer, &Uri::from_static("/"), &headers).is_ok());
    let named = HostAllowlist::new(vec!["other.example.com".to_owned()]);
    assert!(named.check(&peer, &Uri::from_static("/"), &headers).is_err());
}

fn page(origins: &[&str], headers: &[(&'static str, &'static str)]) -> bool {
    let cors = Cors::new(origins.iter().map(|origin| (*origin).to_owned()).collect());
    let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)));
    check_csrf(&cors, &headers.collect()).is_ok()
}

#[test]
fn only_own_pages_and_allowed_origins_may_make_changes() {
    const HERE: (&str, &str) = ("host", "localhost:8000");
    assert!(page(&[], &[HERE]), "curl");
    assert!(page(&[], &[HERE, ("sec-fetch-site", "none")]), "typed by a person");
    assert!(page(&[], &[HERE, ("sec-fetch-site", "same-origin"), ("origin", "http://localhost:8000")]));
    assert!(page(&[], &[HERE, ("origin", "http://localhost:8000")]), "plain HTTP has no Sec-Fetch-Site");
    for bad in [
        [HERE, ("sec-fetch-site", "cross-site")],
        [HERE, ("sec-fetch-site", "same-site")],
        [HERE, ("sec-fetch-site", "")],
        [HERE, ("origin", "http://evil.example")],
        [HERE, ("origin", "http://localhost:9000")],
        [HERE, ("origin", "null")],
        [HERE, ("origin", "")],
    ] {
        assert!(!page(&[], &bad), "{bad:?}");
    }
    let tools = [HERE, ("origin", "https://tools.example.com"), ("sec-fetch-site", "cross-site")];
    assert!(page(&["https://tools.example.com"], &tools));
    assert!(!page(&["https://other.example.com"], &tools));
}
