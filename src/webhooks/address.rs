//! The addresses that a message may go to: [`judge`].

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Returns why a message must not go to this address. `is_loopback_allowed` is for `http://` to a loopback host, which
/// must not lead to another machine.
pub fn judge(address: IpAddr, is_loopback_allowed: bool) -> Result<(), String> {
    if is_loopback_allowed {
        // An IPv6 address that holds 127.0.0.1 is none: a NAT64 would send the message to another machine.
        let is_loopback = address.is_loopback();
        let why =
            || format!("{address} is not a loopback address, and http:// is for this machine alone; use https://");
        return is_loopback.then_some(()).ok_or_else(why);
    }
    let refused = match address {
        IpAddr::V4(address) => kind(address).map(|kind| (format!("{address} is {kind}"), kind)),
        IpAddr::V6(address) => {
            let own = kind_v6(address).map(|kind| (format!("{address} is {kind}"), kind));
            own.or_else(|| {
                let held = |held: &Ipv4Addr| kind(*held).map(|kind| (format!("{address} holds {held}, {kind}"), kind));
                held_in(address).iter().find_map(held)
            })
        }
    };
    match refused {
        None => Ok(()),
        Some((why, LOOPBACK)) => Err(format!("{why}; use http:// for a receiver on this machine")),
        Some((why, _)) => Err(format!("{why}; use the public or private address of the receiver")),
    }
}

const LOOPBACK: &str = "a loopback address";
const LINK_LOCAL: &str = "a link-local address";
const MULTICAST: &str = "a multicast address";
const UNSPECIFIED: &str = "an unspecified address";

/// Returns the kind of an address that is refused.
fn kind(address: Ipv4Addr) -> Option<&'static str> {
    match address {
        _ if address.octets().starts_with(&[0]) => Some(UNSPECIFIED),
        _ if address.is_loopback() => Some(LOOPBACK),
        _ if address.is_link_local() => Some(LINK_LOCAL),
        _ if address.is_multicast() => Some(MULTICAST),
        _ if address.is_broadcast() => Some("the broadcast address"),
        _ => None,
    }
}

fn kind_v6(address: Ipv6Addr) -> Option<&'static str> {
    match address.segments() {
        _ if address.is_unspecified() => Some(UNSPECIFIED),
        _ if address.is_loopback() => Some(LOOPBACK),
        _ if address.is_unicast_link_local() => Some(LINK_LOCAL),
        _ if address.is_multicast() => Some(MULTICAST),
        [0xfec0..=0xfeff, ..] => Some("a site-local address"),
        [0xfd00, 0xec2, ..] => Some("an address of the EC2 metadata service"),
        _ => None,
    }
}

/// Returns the IPv4 addresses that an IPv6 address can stand for.
fn held_in(address: Ipv6Addr) -> Vec<Ipv4Addr> {
    let [_, _, b2, b3, b4, b5, b6, b7, _, b9, b10, b11, b12, b13, b14, b15] = address.octets();
    let last = Ipv4Addr::new(b12, b13, b14, b15);
    match address.segments() {
        // IPv4-compatible, IPv4-mapped, IPv4-translated (RFC 2765), and NAT64 (RFC 6052).
        [0, 0, 0, 0, 0, 0 | 0xffff, ..] | [0, 0, 0, 0, 0xffff, 0, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] => vec![last],
        // 6to4.
        [0x2002, ..] => vec![Ipv4Addr::new(b2, b3, b4, b5)],
        // A network's own NAT64 (RFC 8215). Its prefix has 48, 56, 64 or 96 bits. The place of the IPv4 address depends
        // on that (RFC 6052, section 2.2), so each place counts. Bytes that begin with 0 are prefix or suffix.
        [0x64, 0xff9b, 1, ..] => {
            let places = [[b6, b7, b9, b10], [b7, b9, b10, b11], [b9, b10, b11, b12], [b12, b13, b14, b15]];
            let held: Vec<_> =
                places.map(Ipv4Addr::from).into_iter().filter(|held| kind(*held) != Some(UNSPECIFIED)).collect();
            if held.is_empty() { vec![last] } else { held }
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
#[path = "address_tests.rs"]
mod tests;
