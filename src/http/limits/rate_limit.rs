//! How often each address and each caller may call: token buckets. A status answered from memory and the open routes are
//! not counted. Everything else is, and every refusal.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use hyper::StatusCode;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};

use crate::auth::{Caller, CallerId, Method};
use crate::http::metrics::{HttpMetrics, Limit};
use crate::http::peer::client_prefix;
use crate::http::response::problem::Problem;

const RATELIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATELIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// How many seconds' worth of calls may come at once.
const BURST: u32 = 2;
/// Buckets are small, and full ones are let go; beyond this many, all newcomers share one.
const MOST: usize = 16_384;

/// The limits of all addresses, and of all callers that are known by more than their address.
#[derive(Debug)]
pub struct RateLimits {
    pub peers: RateLimit<IpAddr>,
    pub callers: RateLimit<CallerId>,
}

impl RateLimits {
    /// `by_peer` and `by_caller` are calls a second; 0 is no limit.
    pub fn new(by_peer: u32, by_caller: u32) -> Self {
        Self { peers: RateLimit::new("peer", by_peer), callers: RateLimit::new("caller", by_caller) }
    }

    /// Counts a call: first by its address, whatever it says of its caller.
    pub fn count(
        &self,
        traffic: &HttpMetrics,
        address: IpAddr,
        caller: &Caller,
        now: Instant,
    ) -> Result<Option<Allowance>, Problem> {
        let client_prefix = client_prefix(address);
        let left = self.peers.take(client_prefix, now).inspect_err(|_| traffic.refused(Limit::Peer))?;
        match caller.method {
            Method::None => Ok(left),
            _ => self.callers.take(caller.id(client_prefix), now).inspect_err(|_| traffic.refused(Limit::Caller)),
        }
    }
}

/// The buckets of one kind of callers.
#[derive(Debug)]
pub struct RateLimit<K> {
    name: &'static str,
    /// 0 for no limit.
    per_second: u32,
    buckets: Mutex<HashMap<Option<K>, Bucket>>,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    tokens: f64,
    since: Instant,
}

/// How much is left after a call, for its reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    name: &'static str,
    per_second: u32,
    remaining: u32,
}

impl<K: Eq + Hash> RateLimit<K> {
    pub fn new(name: &'static str, per_second: u32) -> Self {
        Self { name, per_second, buckets: Mutex::default() }
    }

    /// How many calls a second there may be; 0 for no limit.
    pub const fn per_second(&self) -> u32 {
        self.per_second
    }

    /// Counts a call: 429 if there were too many.
    pub fn take(&self, who: K, now: Instant) -> Result<Option<Allowance>, Problem> {
        if self.per_second == 0 {
            return Ok(None);
        }
        let (rate, most) = (f64::from(self.per_second), f64::from(self.per_second * BURST));
        let full = Bucket { tokens: most, since: now };
        let now_in = |bucket: Bucket| {
            let gained = now.saturating_duration_since(bucket.since).as_secs_f64() * rate;
            Bucket { tokens: (bucket.tokens + gained).min(most), since: now }
        };
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let mut who = Some(who);
        if buckets.len() >= MOST && !buckets.contains_key(&who) {
            buckets.retain(|_, bucket| now_in(*bucket).tokens < most);
            if buckets.len() >= MOST {
                who = None;
            }
        }
        let bucket = buckets.entry(who).or_insert(full);
        *bucket = now_in(*bucket);
        if bucket.tokens < 1.0 {
            let time = Duration::from_secs_f64((1.0 - bucket.tokens) / rate);
            return Err(self.exceeded(time));
        }
        bucket.tokens -= 1.0;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and what u32 holds")]
        let remaining = bucket.tokens as u32;
        Ok(Some(Allowance { name: self.name, per_second: self.per_second, remaining }))
    }

    fn exceeded(&self, time: Duration) -> Problem {
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

impl Allowance {
    /// As draft-ietf-httpapi-ratelimit-headers says it.
    pub fn tell(self, headers: &mut HeaderMap) {
        let Self { name, per_second, remaining } = self;
        let lines = [
            (RATELIMIT_POLICY, format!("\"{name}\";q={};w={BURST}", per_second * BURST)),
            (RATELIMIT, format!("\"{name}\";r={remaining};t=1")),
        ];
        for (header, value) in lines {
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.insert(header, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_let_through_and_then_so_many_a_second() {
        let (limit, start) = (RateLimit::new("peer", 10), Instant::now());
        for left in (0..20).rev() {
            assert_eq!(limit.take("a", start).unwrap().unwrap().remaining, left);
        }
        let refused = limit.take("a", start).unwrap_err();
        assert_eq!((refused.status.as_u16(), refused.retry_after), (429, Some(Duration::from_secs(1))));
        assert!(limit.take("b", start).is_ok(), "another's bucket is another");
        assert!(limit.take("a", start + Duration::from_millis(100)).is_ok());
        assert!(limit.take("a", start + Duration::from_millis(100)).is_err());
        let later = start + Duration::from_mins(1);
        assert_eq!(limit.take("a", later).unwrap().unwrap().remaining, 19, "no more than a burst is saved up");
    }

    #[test]
    fn no_limit_is_no_limit() {
        let limit = RateLimit::new("peer", 0);
        assert!((0..1000).all(|_| limit.take("a", Instant::now()).unwrap().is_none()));
    }

    #[test]
    fn beyond_the_bound_newcomers_share_a_bucket_and_those_known_keep_theirs() {
        let (limit, start) = (RateLimit::new("peer", 1), Instant::now());
        for who in 0..MOST {
            limit.take(who, start).unwrap();
        }
        let newcomers = (MOST..MOST + 10).filter(|who| limit.take(*who, start).is_ok()).count();
        assert_eq!(newcomers, 2);
        assert!(limit.take(0, start).is_ok());
        assert!(limit.buckets.lock().unwrap().len() <= MOST + 1);
        limit.take(0, start + Duration::from_mins(1)).unwrap();
        limit.take(MOST + 50, start + Duration::from_mins(1)).unwrap();
        assert!(limit.buckets.lock().unwrap().len() < 4, "full ones are let go");
    }
}
