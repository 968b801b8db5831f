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
        self.take_of_caller(cluster, caller, address, CALL, now)
    }

    /// Counts further calls for one that is counted already. It refuses none: the buckets may go below zero.
    pub fn charge(
        &self,
        cluster: &str,
        caller: &Caller,
        address: IpAddr,
        calls: u32,
        now: Instant,
    ) -> Option<Allowance> {
        let cost = Cost { calls: calls.into(), needed: f64::NEG_INFINITY };
        let of_peer = self.peers.take_within(MAX_ENTRIES, client_prefix(address), cost, now);
        let of_caller = self.take_of_caller(cluster, caller, address, cost, now);
        of_caller.ok().flatten().or(of_peer.ok().flatten())
    }

    fn take_of_caller(&self, cluster: &str, caller: &Caller, address: IpAddr, cost: Cost, now: Instant) -> Counted {
        let id = match caller.id(client_prefix(address)) {
            CallerId::Address(_) => return Ok(None),
            id => id,
        };
        let (limit, clusters) = {
            let by_cluster = self.by_cluster.lock().unwrap_or_else(PoisonError::into_inner);
            (by_cluster.get(cluster).map(Arc::clone), by_cluster.len())
        };
        match limit {
            Some(limit) => limit.take_within(MAX_ENTRIES / clusters, id, cost, now),
            None => self.callers.take_within(MAX_ENTRIES, id, cost, now),
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

/// The tokens that a call takes, and those that its bucket must have.
#[derive(Clone, Copy, Debug)]
struct Cost {
    calls: f64,
    needed: f64,
}

const CALL: Cost = Cost { calls: 1.0, needed: 1.0 };

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
        self.take_within(MAX_ENTRIES, key, CALL, now)
    }

    fn take_within(&self, max_entries: usize, key: K, cost: Cost, now: Instant) -> Counted {
        if self.per_second == 0 {
            return Ok(None);
        }
        let (rate, capacity) = (f64::from(self.per_second), f64::from(self.per_second * BURST_SECONDS));
        let full = Bucket { tokens: capacity, since: now };
        let refilled = |bucket: Bucket| {
            let gained = now.saturating_duration_since(bucket.since).as_secs_f64() * rate;
            // A call whose body came slowly counts at its start, which may be before the last call.
            Bucket { tokens: (bucket.tokens + gained).min(capacity), since: now.max(bucket.since) }
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
        if bucket.tokens < cost.needed {
            let time = Duration::from_secs_f64((1.0 - bucket.tokens) / rate);
            return Err(self.exceeded(time));
        }
        bucket.tokens -= cost.calls;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "at most the capacity, which fits; a number below zero becomes zero"
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
#[path = "rate_limit/rate_limit_tests.rs"]
mod tests;
