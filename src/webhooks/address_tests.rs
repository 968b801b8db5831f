//! Each kind of address, alone and inside an IPv6 address.

use super::*;

const ALLOWED: &[&str] = &[
    "8.8.8.8",
    "1.0.0.0",
    "10.0.0.1",
    "172.16.5.4",
    "192.168.1.1",
    "100.64.0.1",
    "100.127.255.255",
    "126.255.255.255",
    "128.0.0.0",
    "169.253.255.255",
    "169.255.0.0",
    "192.0.2.1",
    "198.18.0.1",
    "223.255.255.255",
    "240.0.0.0",
    "255.255.255.254",
    "2001:db8::1",
    "2600:1f18::1",
    "fc00::1",
    "fd00::1",
    "fd00:ec1:ffff::1",
    "fd00:ec3::",
    "fd12:3456::1",
    "fe7f:ffff::1",
    // IPv4-mapped, IPv4-compatible and 6to4.
    "::ffff:10.0.0.1",
    "::ffff:8.8.8.8",
    "::8.8.8.8",
    "2002:808:808::1",
    "2001:0:a9fe:a9fe::",
    // NAT64.
    "64:ff9b::8.8.8.8",
    "64:ff9b::10.1.2.3",
    "64:ff9b:2::7f00:1",
    "64:ff9c::7f00:1",
    // A network's own NAT64: the prefix has 48, 56, 64 and 96 bits.
    "64:ff9b:1:808:8:800::",
    "64:ff9b:1:8:8:808::",
    "64:ff9b:1:0:8:808:800:0",
    "64:ff9b:1::8.8.8.8",
    "64:ff9b:1:fffe::10.1.2.3",
];

const REFUSED: &[(&str, &str)] = &[
    ("0.0.0.0", "an unspecified address"),
    ("0.0.0.1", "an unspecified address"),
    ("0.255.255.255", "an unspecified address"),
    ("127.0.0.0", "a loopback address"),
    ("127.0.0.1", "a loopback address"),
    ("127.1.2.3", "a loopback address"),
    ("127.255.255.255", "a loopback address"),
    ("169.254.0.0", "a link-local address"),
    ("169.254.169.254", "a link-local address"),
    ("169.254.170.2", "a link-local address"),
    ("169.254.170.23", "a link-local address"),
    ("169.254.255.255", "a link-local address"),
    ("224.0.0.0", "a multicast address"),
    ("239.255.255.250", "a multicast address"),
    ("239.255.255.255", "a multicast address"),
    ("255.255.255.255", "the broadcast address"),
    ("::", "an unspecified address"),
    ("::1", "a loopback address"),
    ("0:0:0:0:0:0:0:1", "a loopback address"),
    ("fe80::", "a link-local address"),
    ("fe80::1", "a link-local address"),
    ("febf:ffff::1", "a link-local address"),
    ("fec0::1", "a site-local address"),
    ("feff:ffff::1", "a site-local address"),
    ("ff00::", "a multicast address"),
    ("ff02::1", "a multicast address"),
    ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "a multicast address"),
    ("fd00:ec2::254", "an address of the EC2 metadata service"),
    ("fd00:ec2::23", "an address of the EC2 metadata service"),
    ("fd00:0ec2:ffff:ffff:ffff:ffff:ffff:ffff", "an address of the EC2 metadata service"),
    // IPv4-mapped.
    ("::ffff:127.0.0.1", "holds 127.0.0.1, a loopback address"),
    ("::ffff:0:127.0.0.1", "holds 127.0.0.1, a loopback address"),
    ("::ffff:0:169.254.169.254", "holds 169.254.169.254, a link-local address"),
    ("::ffff:7f00:1", "holds 127.0.0.1, a loopback address"),
    ("0:0:0:0:0:FFFF:A9FE:A9FE", "holds 169.254.169.254, a link-local address"),
    ("::ffff:0.0.0.0", "holds 0.0.0.0, an unspecified address"),
    ("::ffff:224.0.0.1", "holds 224.0.0.1, a multicast address"),
    ("::ffff:255.255.255.255", "holds 255.255.255.255, the broadcast address"),
    // IPv4-compatible.
    ("::2", "holds 0.0.0.2, an unspecified address"),
    ("::127.0.0.1", "holds 127.0.0.1, a loopback address"),
    ("::169.254.169.254", "holds 169.254.169.254, a link-local address"),
    // NAT64.
    ("64:ff9b::127.0.0.1", "holds 127.0.0.1, a loopback address"),
    ("64:ff9b::a9fe:a9fe", "holds 169.254.169.254, a link-local address"),
    ("64:ff9b::", "holds 0.0.0.0, an unspecified address"),
    // 6to4.
    ("2002:7f00:1::", "holds 127.0.0.1, a loopback address"),
    ("2002:a9fe:a9fe::1", "holds 169.254.169.254, a link-local address"),
    ("2002:a9fe:a9fe:808:808:808:808:808", "holds 169.254.169.254, a link-local address"),
    ("2002::", "holds 0.0.0.0, an unspecified address"),
    ("2002:e000:1::", "holds 224.0.0.1, a multicast address"),
    // A network's own NAT64: the prefix has 48, 56, 64 and 96 bits.
    ("64:ff9b:1:a9fe:a9:fe00::", "holds 169.254.169.254, a link-local address"),
    ("64:ff9b:1:7f00:0:100::", "holds 127.0.0.1, a loopback address"),
    ("64:ff9b:1:a9:fe:a9fe::", "holds 169.254.169.254, a link-local address"),
    ("64:ff9b:1:7f:0:1::", "holds 127.0.0.1, a loopback address"),
    ("64:ff9b:1:0:a9:fea9:fe00:0", "holds 169.254.169.254, a link-local address"),
    ("64:ff9b:1:0:7f:0:100:0", "holds 127.0.0.1, a loopback address"),
    ("64:ff9b:1::169.254.169.254", "holds 169.254.169.254, a link-local address"),
    ("64:ff9b:1::127.0.0.1", "holds 127.0.0.1, a loopback address"),
    ("64:ff9b:1:fffe::127.0.0.1", "holds 127.0.0.1, a loopback address"),
    ("64:ff9b:1::", "holds 0.0.0.0, an unspecified address"),
    // An address in the suffix does not hide the one that a NAT64 takes.
    ("64:ff9b:1:a9fe:a9:fe00:808:808", "holds 169.254.169.254, a link-local address"),
    ("64:ff9b:1:a9:fe:a9fe:808:808", "holds 169.254.169.254, a link-local address"),
    // The octet between is not zero.
    ("64:ff9b:1:a9fe:ffa9:fe00::", "holds 169.254.169.254, a link-local address"),
];

fn judged(address: &str, is_loopback_allowed: bool) -> Result<(), String> {
    judge(address.parse().unwrap(), is_loopback_allowed)
}

#[test]
fn what_the_rules_refuse_is_refused_in_every_form() {
    assert!(ALLOWED.len() + REFUSED.len() >= 60);
    for (address, kind) in REFUSED {
        let why = judged(address, false).expect_err(address);
        assert!(why.contains(kind), "{address}: {why}");
    }
}

#[test]
fn public_private_and_shared_addresses_are_allowed() {
    for address in ALLOWED {
        assert_eq!(judged(address, false), Ok(()), "{address}");
    }
}

#[test]
fn plain_http_reaches_loopback_and_nothing_else() {
    let loopback = ["127.0.0.0", "127.0.0.1", "127.1.2.3", "127.255.255.255", "::1"];
    for address in loopback {
        assert_eq!(judged(address, true), Ok(()), "{address}");
    }
    let refused = REFUSED.iter().map(|(address, _)| *address).filter(|address| !loopback.contains(address));
    for address in ALLOWED.iter().copied().chain(refused).filter(|address| *address != "0:0:0:0:0:0:0:1") {
        let why = judged(address, true).expect_err(address);
        assert!(why.contains("is not a loopback address") && why.contains("use https://"), "{address}: {why}");
    }
}

#[test]
fn the_text_says_what_to_do() {
    assert_eq!(
        judged("169.254.169.254", false).unwrap_err(),
        "169.254.169.254 is a link-local address; use the public or private address of the receiver"
    );
    assert_eq!(
        judged("127.0.0.1", false).unwrap_err(),
        "127.0.0.1 is a loopback address; use http:// for a receiver on this machine"
    );
}
