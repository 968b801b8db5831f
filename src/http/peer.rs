//! Who is at the other end of a connection, as the connection itself shows it, and which addresses are one party's.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

#[derive(Clone, Debug)]
pub struct Peer {
    pub address: SocketAddr,
    pub over_tls: bool,
    /// The name in the certificate that the peer has proved to hold, under mutual TLS.
    pub certificate: Option<Arc<str>>,
}

/// Whom an address stands for: in IPv6 a network of 64 bits is one customer's, who can use any address in it.
pub fn client_prefix(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_one_network_are_one_peer() {
        let of = |address: &str| client_prefix(address.parse().unwrap());
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_ne!(of("10.0.0.1"), of("10.0.0.2"));
        assert_eq!(of("::ffff:10.0.0.1"), of("10.0.0.1"));
    }
}
