//! How many connections each peer has open, and no more than it may. Owns the count; accepting is `server`'s.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::peer::site;

/// How often a peer that goes on asking for too many is told of.
const TOLD_EVERY: Duration = Duration::from_mins(1);

/// The peers that have connections open; the others cost nothing.
#[derive(Debug)]
pub struct Peers {
    most: usize,
    held: Mutex<HashMap<IpAddr, Held>>,
}

#[derive(Debug, Default)]
struct Held {
    open: usize,
    /// Connections refused since it was last told, and when that was.
    refused: u64,
    told: Option<Instant>,
}

/// Held while a connection is open.
#[derive(Debug)]
pub struct Place {
    peers: Arc<Peers>,
    of: IpAddr,
}

/// The peer has as many as it may.
#[derive(Debug, PartialEq, Eq)]
pub struct TooMany {
    /// How many of its connections were refused since that was last worth a line in the log, if it is again.
    pub tell: Option<u64>,
}

impl Peers {
    pub fn new(most: usize) -> Self {
        Self { most, held: Mutex::default() }
    }

    pub fn enter(self: &Arc<Self>, address: IpAddr, now: Instant) -> Result<Place, TooMany> {
        let of = site(address);
        let mut all = self.lock();
        let held = all.entry(of).or_default();
        if held.open < self.most {
            held.open += 1;
            return Ok(Place { peers: Arc::clone(self), of });
        }
        held.refused += 1;
        let is_news = held.told.is_none_or(|told| now.saturating_duration_since(told) >= TOLD_EVERY);
        if !is_news {
            return Err(TooMany { tell: None });
        }
        held.told = Some(now);
        Err(TooMany { tell: Some(std::mem::take(&mut held.refused)) })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut all = self.peers.lock();
        if let Some(held) = all.get_mut(&self.of) {
            held.open -= 1;
            if held.open == 0 {
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
        let (peers, now) = (Arc::new(Peers::new(2)), Instant::now());
        let first = peers.enter(ip("10.0.0.1"), now).unwrap();
        let _second = peers.enter(ip("10.0.0.1"), now).unwrap();
        assert!(peers.enter(ip("10.0.0.1"), now).is_err());
        assert!(peers.enter(ip("10.0.0.2"), now).is_ok());
        drop(first);
        assert!(peers.enter(ip("10.0.0.1"), now).is_ok());
    }

    #[test]
    fn all_addresses_of_a_network_of_ipv6_are_one_peer_and_an_ipv4_address_is_one_in_both_forms() {
        for (one, same, other) in [
            ("2001:db8:1:2::1", "2001:db8:1:2:ffff::2", "2001:db8:1:3::1"),
            ("10.0.0.1", "::ffff:10.0.0.1", "::ffff:10.0.0.2"),
        ] {
            let (peers, now) = (Arc::new(Peers::new(1)), Instant::now());
            let _place = peers.enter(ip(one), now).unwrap();
            assert!(peers.enter(ip(same), now).is_err(), "{same}");
            assert!(peers.enter(ip(other), now).is_ok(), "{other}");
        }
    }

    #[test]
    fn a_peer_that_goes_on_is_told_of_once_a_minute_with_how_often() {
        let (peers, start) = (Arc::new(Peers::new(1)), Instant::now());
        let _place = peers.enter(ip("10.0.0.1"), start).unwrap();
        let mut told = Vec::new();
        for second in 0..130 {
            told.extend(peers.enter(ip("10.0.0.1"), start + Duration::from_secs(second)).unwrap_err().tell);
        }
        assert_eq!(told, [1, 60, 60]);
    }

    #[test]
    fn a_peer_that_left_is_forgotten() {
        let (peers, now) = (Arc::new(Peers::new(1)), Instant::now());
        drop(peers.enter(ip("10.0.0.1"), now).unwrap());
        assert!(peers.lock().is_empty());
    }
}
