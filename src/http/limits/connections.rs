//! Limits the open connections of each client.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::http::peer::client_prefix;

/// The number of open connections by client.
#[derive(Debug)]
pub struct ConnectionLimiter {
    max: usize,
    open: Mutex<HashMap<IpAddr, usize>>,
}

/// Held while a connection is open.
#[derive(Debug)]
pub struct ConnectionPermit {
    limiter: Arc<ConnectionLimiter>,
    client: IpAddr,
}

impl ConnectionLimiter {
    pub fn new(max: usize) -> Self {
        Self { max, open: Mutex::default() }
    }

    /// Returns `None` if the client has too many open connections.
    pub fn try_acquire(self: &Arc<Self>, address: IpAddr) -> Option<ConnectionPermit> {
        let client = client_prefix(address);
        let mut clients = self.lock();
        let open = clients.entry(client).or_default();
        if *open >= self.max {
            return None;
        }
        *open += 1;
        Some(ConnectionPermit { limiter: Arc::clone(self), client })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        let mut clients = self.limiter.lock();
        if let Some(open) = clients.get_mut(&self.client) {
            *open -= 1;
            if *open == 0 {
                clients.remove(&self.client);
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
    fn a_client_at_its_limit_is_refused_and_others_are_not() {
        let limiter = Arc::new(ConnectionLimiter::new(2));
        let first = limiter.try_acquire(ip("10.0.0.1")).unwrap();
        let _second = limiter.try_acquire(ip("10.0.0.1")).unwrap();
        assert!(limiter.try_acquire(ip("10.0.0.1")).is_none());
        assert!(limiter.try_acquire(ip("10.0.0.2")).is_some());
        drop(first);
        assert!(limiter.try_acquire(ip("10.0.0.1")).is_some());
    }

    #[test]
    fn an_ipv6_network_is_one_client_and_so_is_an_ipv4_address_in_both_forms() {
        for (one, same, other) in [
            ("2001:db8:1:2::1", "2001:db8:1:2:ffff::2", "2001:db8:1:3::1"),
            ("10.0.0.1", "::ffff:10.0.0.1", "::ffff:10.0.0.2"),
        ] {
            let limiter = Arc::new(ConnectionLimiter::new(1));
            let _place = limiter.try_acquire(ip(one)).unwrap();
            assert!(limiter.try_acquire(ip(same)).is_none(), "{same}");
            assert!(limiter.try_acquire(ip(other)).is_some(), "{other}");
        }
    }

    #[test]
    fn a_client_without_connections_has_no_entry() {
        let limiter = Arc::new(ConnectionLimiter::new(1));
        drop(limiter.try_acquire(ip("10.0.0.1")).unwrap());
        assert!(limiter.lock().is_empty());
    }
}
