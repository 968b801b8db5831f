//! [`Bounds`]: how many calls of each kind there may be. [`Limiters`] count the calls of all clusters.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::http::response::problem::Problem;
use crate::telemetry::metrics::Counter;

/// More calls than there can be, also while the limits change.
const MAX_OPEN: u32 = 1 << 30;

/// The most calls of each kind at a time.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    pub requests: u32,
    pub waits: u32,
    pub streams: u32,
    pub writes: u32,
}

impl Bounds {
    /// Returns the reserve of each of these clusters. One cluster has everything. Several have half of it, divided evenly,
    /// and at least one call of each kind.
    pub(super) fn reserved(self, clusters: u32) -> Self {
        self.map(|max| reserve(max, clusters))
    }

    /// Returns what these clusters share: all that is not reserved.
    pub(super) fn shared(self, clusters: u32) -> Self {
        self.map(|max| max.saturating_sub(reserve(max, clusters).saturating_mul(clusters)))
    }

    fn map(self, each: impl Fn(u32) -> u32) -> Self {
        let Self { requests, waits, streams, writes } = self;
        Self { requests: each(requests), waits: each(waits), streams: each(streams), writes: each(writes) }
    }
}

fn reserve(max: u32, clusters: u32) -> u32 {
    if clusters <= 1 { max } else { (max / 2 / clusters).max(1) }
}

#[derive(Debug)]
pub struct Limiters {
    pub requests: Limiter,
    /// Calls that wait for a job. A wait costs memory only, so there may be many more of them.
    pub waits: Limiter,
    /// Event and log streams.
    pub streams: Limiter,
    /// Changes to a cluster.
    pub writes: Limiter,
}

/// One kind of calls.
#[derive(Debug)]
pub struct Limiter {
    max: u32,
    /// Names the kind in a refusal.
    name: &'static str,
    /// Counts the calls in progress. Each takes one permit here, beside that of its cluster.
    pub open: Arc<Semaphore>,
    refused: Counter,
}

/// The figures of one kind of calls.
#[derive(Clone, Copy, Debug)]
pub struct LimiterStats {
    pub open: u64,
    pub max: u64,
    pub refused: u64,
}

impl Limiters {
    pub fn new(bounds: Bounds) -> Self {
        Self {
            requests: Limiter::new(bounds.requests, "requests"),
            waits: Limiter::new(bounds.waits, "waiting calls"),
            streams: Limiter::new(bounds.streams, "streams"),
            writes: Limiter::new(bounds.writes, "changes"),
        }
    }
}

impl Limiter {
    fn new(max: u32, name: &'static str) -> Self {
        Self { max, name, open: Arc::new(Semaphore::new(MAX_OPEN as usize)), refused: Counter::default() }
    }

    pub fn refuse(&self) -> Problem {
        self.refused.count();
        overloaded(format!("too many {} at a time; try again", self.name))
    }

    pub fn stats(&self) -> LimiterStats {
        let (free, max) = (self.open.available_permits() as u64, u64::from(self.max));
        // During a drain `idle` takes all that is free.
        let open = if free == 0 { max } else { u64::from(MAX_OPEN) - free };
        LimiterStats { open, max, refused: self.refused.value() }
    }

    /// Returns when no call of this kind is in progress. Calls to removed clusters count too.
    pub async fn idle(&self) {
        // Fails only if the semaphore is closed, which never happens.
        let _ = self.open.acquire_many(MAX_OPEN).await;
    }
}

pub fn overloaded(detail: impl Into<String>) -> Problem {
    Problem::unavailable("overloaded", detail, Duration::from_secs(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_is_divided_evenly_each_cluster_has_at_least_one_and_one_alone_has_everything() {
        let of = |clusters: u32, max: u32| {
            let bounds = Bounds { requests: max, waits: max, streams: max, writes: max };
            let (reserved, shared) = (bounds.reserved(clusters), bounds.shared(clusters));
            assert_eq!((reserved.requests, reserved.waits), (reserved.streams, reserved.writes));
            (reserved.writes, shared.writes)
        };
        assert_eq!((of(1, 64), of(2, 64), of(3, 64), of(16, 64)), ((64, 0), (16, 32), (10, 34), (2, 32)));
        assert_eq!((of(16, 16), of(3, 2), of(32, 1)), ((1, 0), (1, 0), (1, 0)));
    }
}
