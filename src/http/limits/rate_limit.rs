//! Rate limits: a token bucket for each address and for each caller. A status answered from memory and the open routes
//! do not count. Every other call counts, and so does every refusal.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use hyper::StatusCode;

use crate::auth::{Caller, CallerId};
use crate::http::limits::allowance::{Allowance, BURST_SECONDS};
use crate::http::peer::client_prefix;
use crate::http::response::problem::Problem;
use crate::telemetry::metrics::Counter;

/// The most buckets of one kind. Full buckets are dropped first; beyond that, all new callers share one bucket.
const MAX_ENTRIES: usize = 16_384;

/// The limits by address, and by caller for callers with a credential.
#[derive(Debug)]
pub struct RateLimits {
    pub peers: RateLimit<IpAddr>,
    pub callers: RateLimit<CallerId>,
}

impl RateLimits {
    /// Takes calls a second. 0 means no limit.
    pub fn new(by_peer: u32, by_caller: u32) -> Self {
        Self { peers: RateLimit::new("peer", by_peer), callers: RateLimit::new("caller", by_caller) }
    }

    /// Counts a call: by its address first, and then by its caller. 429 beyond a limit.
    pub fn count(&self, address: IpAddr, caller: &Caller, now: Instant) -> Result<Option<Allowance>, Problem> {
        let address = client_prefix(address);
        let allowance = self.peers.take(address, now)?;
        match caller.id(address) {
            CallerId::Address(_) => Ok(allowance),
            id => self.callers.take(id, now),
        }
    }
}

/// The buckets of one kind.
#[derive(Debug)]
pub struct RateLimit<K> {
    name: &'static str,
    /// 0 means no limit.
    per_second: u32,
    pub refused: Counter,
    /// `None` is the bucket that new callers share beyond the bound.
    buckets: Mutex<HashMap<Option<K>, Bucket>>,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    tokens: f64,
    since: Instant,
}

impl<K: Eq + Hash> RateLimit<K> {
    pub fn new(name: &'static str, per_second: u32) -> Self {
        Self { name, per_second, refused: Counter::default(), buckets: Mutex::default() }
    }

    /// The calls a second. 0 means no limit.
    pub const fn per_second(&self) -> u32 {
        self.per_second
    }

    /// Takes a token. 429 if the bucket has none.
    pub fn take(&self, key: K, now: Instant) -> Result<Option<Allowance>, Problem> {
        if self.per_second == 0 {
            return Ok(None);
        }
        let (rate, capacity) = (f64::from(self.per_second), f64::from(self.per_second * BURST_SECONDS));
        let full = Bucket { tokens: capacity, since: now };
        let refilled = |bucket: Bucket| {
            let gained = now.saturating_duration_since(bucket.since).as_secs_f64() * rate;
            Bucket { tokens: (bucket.tokens + gained).min(capacity), since: now }
        };
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let mut key = Some(key);
        if buckets.len() >= MAX_ENTRIES && !buckets.contains_key(&key) {
            buckets.retain(|_, bucket| refilled(*bucket).tokens < capacity);
            if buckets.len() >= MAX_ENTRIES {
                key = None;
            }
        }
        let bucket = buckets.entry(key).or_insert(full);
        *bucket = refilled(*bucket);
        if bucket.tokens < 1.0 {
            let time = Duration::from_secs_f64((1.0 - bucket.tokens) / rate);
            return Err(self.exceeded(time));
        }
        bucket.tokens -= 1.0;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "from 0 to the capacity, which fits"
        )]
        let remaining = bucket.tokens as u32;
        Ok(Some(Allowance { name: self.name, per_second: self.per_second, remaining }))
    }

    fn exceeded(&self, time: Duration) -> Problem {
        self.refused.count();
        let Self { name, per_second, .. } = self;
        let detail = format!("too many calls by this {name}: {per_second} a second are allowed");
        let allowance = Allowance { name, per_second: *per_second, remaining: 0 };
        Problem {
            retry_after: Some(time.max(Duration::from_secs(1))),
            allowance: Some(Box::new(allowance)),
            ..Problem::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", detail)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_the_rate_holds() {
        let (limit, start) = (RateLimit::new("peer", 10), Instant::now());
        for left in (0..20).rev() {
            assert_eq!(limit.take("a", start).unwrap().unwrap().remaining, left);
        }
        let refused = limit.take("a", start).unwrap_err();
        assert_eq!((refused.status.as_u16(), refused.retry_after), (429, Some(Duration::from_secs(1))));
        assert!(limit.take("b", start).is_ok(), "each key has its own bucket");
        assert_eq!(limit.refused.value(), 1);
        assert!(limit.take("a", start + Duration::from_millis(100)).is_ok());
        assert!(limit.take("a", start + Duration::from_millis(100)).is_err());
        let later = start + Duration::from_mins(1);
        assert_eq!(limit.take("a", later).unwrap().unwrap().remaining, 19, "a bucket holds no more than a burst");
    }

    #[test]
    fn zero_means_no_limit() {
        let limit = RateLimit::new("peer", 0);
        assert!((0..1000).all(|_| limit.take("a", Instant::now()).unwrap().is_none()));
    }

    #[test]
    fn beyond_the_bound_new_keys_share_a_bucket_and_known_keys_keep_theirs() {
        let (limit, start) = (RateLimit::new("peer", 1), Instant::now());
        for who in 0..MAX_ENTRIES {
            limit.take(who, start).unwrap();
        }
        let newcomers = (MAX_ENTRIES..MAX_ENTRIES + 10).filter(|who| limit.take(*who, start).is_ok()).count();
        assert_eq!(newcomers, 2);
        assert!(limit.take(0, start).is_ok());
        assert!(limit.buckets.lock().unwrap().len() <= MAX_ENTRIES + 1);
        limit.take(0, start + Duration::from_mins(1)).unwrap();
        limit.take(MAX_ENTRIES + 50, start + Duration::from_mins(1)).unwrap();
        assert!(limit.buckets.lock().unwrap().len() < 4, "full buckets are dropped");
    }
}
