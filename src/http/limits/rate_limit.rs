//! Rate limits: a token bucket for each address and for each caller. A status answered from memory and the open routes
//! do not count. Every other call counts, and so does every refusal.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hyper::StatusCode;

use crate::auth::{Caller, CallerId};
use crate::http::limits::allowance::{Allowance, BURST_SECONDS};
use crate::http::peer::client_prefix;
use crate::http::response::problem::Problem;
use crate::telemetry::metrics::Counter;

/// The most buckets of one kind. Full buckets are dropped first; beyond that, all new callers share one bucket. Each
/// cluster has an equal part of the callers' buckets, so a flood in one leaves those of the others.
const MAX_ENTRIES: usize = 16_384;

/// The rest of the limit after a call, if there is a limit. 429 beyond it.
type Counted = Result<Option<Allowance>, Problem>;

/// The limits by address, and by caller for callers with a credential. A caller has a bucket for each cluster.
#[derive(Debug)]
pub struct RateLimits {
    pub peers: RateLimit<IpAddr>,
    /// The callers of a cluster that is not in `by_cluster`. Its counter has the refusals of all clusters.
    pub callers: RateLimit<CallerId>,
    by_cluster: Mutex<HashMap<String, Arc<RateLimit<CallerId>>>>,
}

impl RateLimits {
    /// Takes calls a second, and the names of the clusters. 0 means no limit.
    pub fn new(by_peer: u32, by_caller: u32, clusters: &[String]) -> Self {
        let limits = Self {
            peers: RateLimit::new("peer", by_peer),
            callers: RateLimit::new("caller", by_caller),
            by_cluster: Mutex::default(),
        };
        limits.set_clusters(clusters);
        limits
    }

    /// Sets the clusters. Those that stay keep their buckets.
    pub fn set_clusters(&self, names: &[String]) {
        let mut by_cluster = self.by_cluster.lock().unwrap_or_else(PoisonError::into_inner);
        by_cluster.retain(|name, _| names.contains(name));
        for name in names {
            by_cluster.entry(name.clone()).or_insert_with(|| Arc::new(self.callers.with_own_buckets()));
        }
    }

    /// Counts a call: by its address first, and then by its caller. 429 beyond a limit.
    pub fn count(&self, cluster: &str, address: IpAddr, caller: &Caller, now: Instant) -> Counted {
        let of_peer = self.count_peer(address, now)?;
        Ok(self.count_caller(cluster, caller, address, now)?.or(of_peer))
    }

    /// Counts a call by its address, for all clusters. 429 beyond the limit.
    pub fn count_peer(&self, address: IpAddr, now: Instant) -> Counted {
        self.peers.take(client_prefix(address), now)
    }

    /// Counts a call by its caller, for this cluster. 429 beyond the limit. A caller without a credential has none.
    pub fn count_caller(&self, cluster: &str, caller: &Caller, address: IpAddr, now: Instant) -> Counted {
        let id = match caller.id(client_prefix(address)) {
            CallerId::Address(_) => return Ok(None),
            id => id,
        };
        let (limit, clusters) = {
            let by_cluster = self.by_cluster.lock().unwrap_or_else(PoisonError::into_inner);
            (by_cluster.get(cluster).map(Arc::clone), by_cluster.len())
        };
        match limit {
            Some(limit) => limit.take_within(MAX_ENTRIES / clusters, id, now),
            None => self.callers.take(id, now),
        }
    }
}

/// The buckets of one kind.
#[derive(Debug)]
pub struct RateLimit<K> {
    name: &'static str,
    /// 0 means no limit.
    per_second: u32,
    pub refused: Arc<Counter>,
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
        Self { name, per_second, refused: Arc::default(), buckets: Mutex::default() }
    }

    /// The calls a second. 0 means no limit.
    pub const fn per_second(&self) -> u32 {
        self.per_second
    }

    /// Returns the same limit without buckets. Both count refusals in one counter.
    fn with_own_buckets(&self) -> Self {
        Self { refused: Arc::clone(&self.refused), ..Self::new(self.name, self.per_second) }
    }

    /// Takes a token. 429 if the bucket has none.
    pub fn take(&self, key: K, now: Instant) -> Counted {
        self.take_within(MAX_ENTRIES, key, now)
    }

    fn take_within(&self, max_entries: usize, key: K, now: Instant) -> Counted {
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
        if buckets.len() >= max_entries && !buckets.contains_key(&key) {
            buckets.retain(|_, bucket| refilled(*bucket).tokens < capacity);
            if buckets.len() >= max_entries {
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

    fn caller(number: usize) -> Caller {
        Caller::Certificate(number.to_string().into())
    }

    #[test]
    fn a_caller_has_a_bucket_for_each_cluster_and_an_address_has_one_for_all() {
        let (limits, now) = (RateLimits::new(3, 1, &["a", "b"].map(str::to_owned)), Instant::now());
        let (address, ci) = (IpAddr::from([10, 0, 0, 1]), caller(1));
        let of = |cluster: &str| limits.count_caller(cluster, &ci, address, now).map(|left| left.unwrap().remaining);
        assert_eq!((of("a").unwrap(), of("a").unwrap(), of("b").unwrap()), (1, 0, 1));
        assert!(of("a").is_err() && of("b").is_ok() && of("b").is_err());
        assert_eq!(limits.callers.refused.value(), 2, "all clusters have one counter");
        assert!(limits.count_caller("a", &Caller::Anonymous, address, now).unwrap().is_none());
        let peer = || limits.count("b", address, &Caller::Anonymous, now).map(|left| left.unwrap());
        assert_eq!(peer().unwrap(), Allowance { name: "peer", per_second: 3, remaining: 5 });
        assert!((0..5).all(|_| limits.count_peer(address, now).is_ok()) && peer().is_err());
    }

    #[test]
    fn a_flood_of_callers_in_one_cluster_takes_no_bucket_of_another() {
        let (limits, now) = (RateLimits::new(0, 1, &["a", "b"].map(str::to_owned)), Instant::now());
        let address = IpAddr::from([10, 0, 0, 1]);
        let passes = |cluster: &str, number| limits.count_caller(cluster, &caller(number), address, now).is_ok();
        let count = (0..MAX_ENTRIES).filter(|number| passes("a", *number)).count();
        assert_eq!(count, MAX_ENTRIES / 2 + 2, "the newcomers share one bucket");
        assert!((0..100).all(|number| passes("b", number)));
    }

    #[test]
    fn a_cluster_that_stays_keeps_its_buckets() {
        let (limits, now) = (RateLimits::new(0, 1, &["a", "b"].map(str::to_owned)), Instant::now());
        let passes = |cluster: &str| limits.count_caller(cluster, &caller(1), IpAddr::from([10, 0, 0, 1]), now).is_ok();
        for cluster in ["a", "a", "b", "b"] {
            assert!(passes(cluster));
        }
        limits.set_clusters(&["b", "c"].map(str::to_owned));
        assert!(!passes("b") && passes("c"));
        assert!(passes("a") && passes("x") && !passes("y"), "the clusters that are not there share their buckets");
    }
}
