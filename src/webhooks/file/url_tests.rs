//! Tests of the URLs of endpoints.

use super::*;

/// Returns host, port and whether TLS is used.
fn parsed(text: &str) -> Result<(String, u16, bool), String> {
    parse(text).map(|url| (url.host, url.port, url.is_tls))
}

#[test]
fn a_url_has_a_scheme_a_host_and_perhaps_a_port_a_path_and_a_query() {
    for (text, host, port) in [
        ("https://relay.example.com", "relay.example.com", 443),
        ("https://relay.example.com/eks", "relay.example.com", 443),
        ("https://relay.example.com:8443/eks?token=%C3%A4", "relay.example.com", 8443),
        ("https://Relay.Example.com:65535/", "Relay.Example.com", 65535),
        ("https://relay/services/T0/B0/x@y", "relay", 443),
        ("https://relay.example.com./", "relay.example.com.", 443),
        ("https://xn--bcher-kva.example:1", "xn--bcher-kva.example", 1),
        ("https://my_relay.default.svc.cluster.local", "my_relay.default.svc.cluster.local", 443),
        ("https://7.example.com", "7.example.com", 443),
        ("https://0xdead.example/1.2.3.4", "0xdead.example", 443),
        ("https://a.b1", "a.b1", 443),
        ("https://1.2.3.4a", "1.2.3.4a", 443),
        ("https://a.0xg", "a.0xg", 443),
    ] {
        assert_eq!(parsed(text), Ok((host.to_owned(), port, true)), "{text}");
    }
}

#[test]
fn http_is_for_loopback_alone() {
    for (text, host, port) in [
        ("http://localhost", "localhost", 80),
        ("http://localhost:8080/x", "localhost", 8080),
        ("http://127.0.0.1:9/", "127.0.0.1", 9),
        ("http://127.255.255.254", "127.255.255.254", 80),
        ("http://[::1]:8080/x", "::1", 8080),
        ("http://[0:0:0:0:0:0:0:1]", "0:0:0:0:0:0:0:1", 80),
    ] {
        assert_eq!(parsed(text), Ok((host.to_owned(), port, false)), "{text}");
    }
    for host in [
        "relay.example.com",
        "LOCALHOST",
        "localhost.",
        "localhost.example.com",
        "a.localhost",
        "localhost6",
        "10.0.0.1",
        "128.0.0.1",
        "0.0.0.0",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[fe80::1]",
        "[2001:db8::1]",
    ] {
        let error = parsed(&format!("http://{host}/path")).unwrap_err();
        assert_eq!(error, format!("has http:// and the host {host:?}: write https://"));
    }
}

#[test]
fn an_address_is_judged_and_private_ranges_are_allowed() {
    for (host, shown) in [
        ("10.0.0.1", "10.0.0.1"),
        ("192.168.1.1", "192.168.1.1"),
        ("100.64.0.1", "100.64.0.1"),
        ("203.0.113.7", "203.0.113.7"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("[fd12:3456::1]", "fd12:3456::1"),
        ("[::ffff:10.0.0.1]", "::ffff:10.0.0.1"),
        ("[64:ff9b::a00:1]", "64:ff9b::a00:1"),
    ] {
        assert_eq!(parsed(&format!("https://{host}:1/")), Ok((shown.to_owned(), 1, true)), "{host}");
    }
    for (host, shown) in [
        ("0.0.0.0", "0.0.0.0"),
        ("0.1.2.3", "0.1.2.3"),
        ("127.0.0.1", "127.0.0.1"),
        ("169.254.169.254", "169.254.169.254"),
        ("224.0.0.1", "224.0.0.1"),
        ("255.255.255.255", "255.255.255.255"),
        ("[::]", "::"),
        ("[::1]", "::1"),
        ("[0:0:0:0:0:0:0:1]", "::1"),
        ("[::ffff:127.0.0.1]", "::ffff:127.0.0.1"),
        ("[::FFFF:7f00:1]", "::ffff:127.0.0.1"),
        ("[::ffff:169.254.169.254]", "::ffff:169.254.169.254"),
        ("[::7f00:1]", "::7f00:1"),
        ("[64:ff9b::a9fe:a9fe]", "64:ff9b::a9fe:a9fe"),
        ("[64:ff9b:1::7f00:1]", "64:ff9b:1::7f00:1"),
        ("[2002:7f00:1::]", "2002:7f00:1::"),
        ("[fe80::1]", "fe80::1"),
        ("[fec0::1]", "fec0::1"),
        ("[fd00:ec2::254]", "fd00:ec2::254"),
        ("[ff02::1]", "ff02::1"),
    ] {
        let error = parsed(&format!("https://{host}/path")).unwrap_err();
        assert!(error.starts_with(&format!("has an address that is refused: {shown} ")), "{host}: {error}");
    }
}

#[test]
fn a_number_that_a_resolver_takes_as_an_address_is_refused() {
    for host in [
        "2130706433",
        "017700000001",
        "0x7f000001",
        "0X7F000001",
        "0177.0.0.1",
        "0x7f.0.0.1",
        "0x7f.1",
        "127.1",
        "127.0.1",
        "127.0.0.01",
        "127.0.0.0x1",
        "127.0.0.1.",
        "010.0.0.1",
        "1.2.3.4.5",
        "256.0.0.1",
        "127.0.0.999",
        "0",
        "0x",
        "1.0x",
        "example.1",
        "relay.example.com.0x10",
        "4294967296",
    ] {
        for scheme in ["https", "http"] {
            let error = parsed(&format!("{scheme}://{host}:443/path")).unwrap_err();
            assert_eq!(
                error,
                format!("has the host {host:?}, which is neither a DNS name nor an address of four decimal numbers")
            );
        }
    }
}

#[test]
fn what_is_not_such_a_url_is_refused_and_its_path_not_shown() {
    let scheme = "must be https://HOST/PATH";
    let form = "is not a URL: ";
    let port = "has a wrong port: it must be 1 to 65535";
    let host = "has the host \"";
    let brackets = "has brackets without an IPv6 address";
    for (text, expected) in [
        ("", scheme),
        ("s3cret", scheme),
        ("/s3cret", scheme),
        ("relay.example.com/s3cret", scheme),
        ("//relay.example.com/s3cret", scheme),
        ("HTTPS://relay.example.com/s3cret", scheme),
        ("ftp://relay.example.com/s3cret", scheme),
        ("file:///s3cret", scheme),
        ("unix:///s3cret", scheme),
        ("https:relay.example.com/s3cret", scheme),
        ("https:/relay.example.com/s3cret", scheme),
        ("\"https://relay.example.com/s3cret\"", scheme),
        ("https://", form),
        ("https:///s3cret", form),
        ("https://:443/s3cret", host),
        ("https://?s3cret", form),
        ("https://relay.example.com/s3cret#a", "has a fragment: "),
        ("https://relay.example.com#@s3cret", "has a fragment: "),
        ("https://s3cret@relay.example.com", "has a user or a password: "),
        ("https://ops:s3cret@relay.example.com/", "has a user or a password: "),
        ("https://ops:s3cret@127.0.0.1/", "has a user or a password: "),
        ("https://@relay.example.com/s3cret", "has a user or a password: "),
        ("https://relay.example.com\\@s3cret/", form),
        ("https://relay.example.com:/s3cret", port),
        ("https://relay.example.com:0/s3cret", port),
        ("https://relay.example.com:65536/s3cret", port),
        ("https://relay.example.com:x/s3cret", port),
        ("https://relay.example.com:+1/s3cret", port),
        ("https://relay.example.com:1:2/s3cret", form),
        ("https://::1/s3cret", form),
        ("https://[::1/s3cret", form),
        ("https://[127.0.0.1]/s3cret", brackets),
        ("https://[v1.a]/s3cret", brackets),
        ("https://[]/s3cret", brackets),
        ("https://[fe80::1%25eth0]/s3cret", brackets),
        ("https://b\u{fc}cher.example/s3cret", form),
        ("https://\u{ff11}27.0.0.1/s3cret", form),
        ("https://127\u{3002}0.0.1/s3cret", form),
        ("https://%31%32%37.0.0.1/s3cret", form),
        ("https://relay.example.com/s3cret\u{e4}", form),
        ("https://-relay.example.com/s3cret", host),
        ("https://relay..example.com/s3cret", host),
        ("https://.relay/s3cret", host),
        ("https://relay!/s3cret", host),
        ("https://*/s3cret", host),
    ] {
        let error = parsed(text).expect_err(text);
        assert!(error.starts_with(expected) && !error.contains("s3cret"), "{text}: {error}");
    }
}
