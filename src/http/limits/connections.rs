//! How many connections each peer has open, and no more than it may.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::http::peer::client_prefix;

/// The open connections of each peer that has any.
#[derive(Debug)]
pub struct ConnectionLimiter {
    most: usize,
    open: Mutex<HashMap<IpAddr, usize>>,
}

/// Held while a connection is open.
#[derive(Debug)]
pub struct Place {
    peers: Arc<ConnectionLimiter>,
    of: IpAddr,
}

impl ConnectionLimiter {
    pub fn new(most: usize) -> Self {
        Self { most, open: Mutex::default() }
    }

    /// None if the peer has as many connections as it may.
    pub fn enter(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let of = client_prefix(address);
        let mut all = self.lock();
        let open = all.entry(of).or_default();
        if *open >= self.most {
            return None;
        }
        *open += 1;
        Some(Place { peers: Arc::clone(self), of })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut all = self.peers.lock();
        if let Some(open) = all.get_mut(&self.of) {
            *open -= 1;
            if *open == 0 {
                all.remove(&self.of);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_peer_at_its_limit_is_refused_and_the_others_are_not() {
        let peers = Arc::new(ConnectionLimiter::new(2));
        let first = peers.enter(ip("10.0.0.1")).unwrap();
        let _second = peers.enter(ip("10.0.0.1")).unwrap();
        assert!(peers.enter(ip("10.0.0.1")).is_none());
        assert!(peers.enter(ip("10.0.0.2")).is_some());
        drop(first);
        assert!(peers.enter(ip("10.0.0.1")).is_some());
    }

    #[test]
    fn all_addresses_of_a_network_of_ipv6_are_one_peer_and_an_ipv4_address_is_one_in_both_forms() {
        for (one, same, other) in [
            ("2001:db8:1:2::1", "2001:db8:1:2:ffff::2", "2001:db8:1:3::1"),
            ("10.0.0.1", "::ffff:10.0.0.1", "::ffff:10.0.0.2"),
        ] {
            let peers = Arc::new(ConnectionLimiter::new(1));
            let _place = peers.enter(ip(one)).unwrap();
            assert!(peers.enter(ip(same)).is_none(), "{same}");
            assert!(peers.enter(ip(other)).is_some(), "{other}");
        }
    }

    #[test]
    fn a_peer_that_left_is_forgotten() {
        let peers = Arc::new(ConnectionLimiter::new(1));
        drop(peers.enter(ip("10.0.0.1")).unwrap());
        assert!(peers.lock().is_empty());
    }
}
