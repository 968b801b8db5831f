//! Limits on the number of calls in progress. A call holds its permit until its handler ends, also if its caller hangs up.
//!
//! Half of the permits is divided among the clusters and reserved for each, so broken clusters stop no other one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::http::limits::body_budget::BodyBudget;
use crate::http::limits::caller_semaphores::{HistoryTurns, WebhookTests};
use crate::http::limits::cluster_limits::{ClusterLimits, Part};
use crate::http::limits::limiter::{Limiter, LimiterStats, Limiters};

pub use crate::http::limits::limiter::Bounds;

type Clusters = HashMap<String, Arc<ClusterLimits>>;

#[derive(Debug)]
pub struct ConcurrencyLimits {
    bounds: Bounds,
    limiters: Arc<Limiters>,
    shared: Arc<Part>,
    /// All have the same reserve.
    clusters: Mutex<Clusters>,
    pub bodies: BodyBudget,
    pub batch_bodies: BodyBudget,
    pub history: HistoryTurns,
    pub webhook_tests: WebhookTests,
}

impl ConcurrencyLimits {
    /// Divides the permits among these clusters. Each name is there once.
    pub fn new(bounds: Bounds, names: &[String]) -> Self {
        let (count, bodies) = (count(names.len()), BodyBudget::default());
        let limits = Self {
            bounds,
            limiters: Arc::new(Limiters::new(bounds)),
            shared: Arc::new(Part::new(bounds.shared(count))),
            clusters: Mutex::default(),
            batch_bodies: bodies.for_batches(),
            bodies,
            history: HistoryTurns::default(),
            webhook_tests: WebhookTests::default(),
        };
        limits.add(&mut limits.lock(), names, bounds.reserved(count));
        limits
    }

    /// Divides the permits anew. Calls in progress finish with the permits that they hold. Until then there may be more
    /// calls than the bounds allow.
    pub fn set_clusters(&self, names: &[String]) {
        let mut clusters = self.lock();
        let (before, after) = (count(clusters.len()), count(names.len()));
        let (from, to) = (self.bounds.reserved(before), self.bounds.reserved(after));
        self.shared.resize(self.bounds.shared(before), self.bounds.shared(after));
        clusters.retain(|name, _| names.contains(name));
        clusters.values().for_each(|cluster| cluster.resize(from, to));
        self.add(&mut clusters, names, to);
    }

    /// Returns the limits of a cluster. A cluster that was just removed has no reserve any more, so the bounds hold.
    pub fn cluster(&self, name: &str) -> Arc<ClusterLimits> {
        let none = Bounds { requests: 0, waits: 0, streams: 0, writes: 0 };
        self.lock().get(name).map_or_else(|| self.with_reserve(none), Arc::clone)
    }

    /// The figures of requests, waits, streams and writes, of all clusters together.
    pub fn stats(&self) -> [LimiterStats; 4] {
        let Limiters { requests, waits, streams, writes } = &*self.limiters;
        [requests, waits, streams, writes].map(Limiter::stats)
    }

    /// Returns when no call is in progress.
    pub async fn idle(&self) {
        self.limiters.requests.idle().await;
        self.limiters.waits.idle().await;
        self.limiters.streams.idle().await;
    }

    /// Adds the clusters that are not there yet.
    fn add(&self, clusters: &mut Clusters, names: &[String], reserved: Bounds) {
        for name in names {
            clusters.entry(name.clone()).or_insert_with(|| self.with_reserve(reserved));
        }
    }

    fn with_reserve(&self, reserved: Bounds) -> Arc<ClusterLimits> {
        Arc::new(ClusterLimits::new(reserved, Arc::clone(&self.shared), Arc::clone(&self.limiters)))
    }

    fn lock(&self) -> MutexGuard<'_, Clusters> {
        self.clusters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn count(clusters: usize) -> u32 {
    u32::try_from(clusters).unwrap_or(u32::MAX)
}

#[cfg(test)]
#[path = "concurrency_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "isolation_tests.rs"]
mod isolation_tests;
