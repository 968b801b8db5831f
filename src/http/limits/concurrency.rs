//! Limits on the number of calls in progress. A call holds its permit until its handler ends, also if its caller hangs up.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::auth::CallerId;
use crate::http::limits::body_budget::BodyBudget;
use crate::http::limits::caller_semaphores::CallerSemaphores;
use crate::http::response::problem::Problem;
use crate::kube::client::permit::WritePermit;
use crate::telemetry::metrics::Counter;

pub type Permit = OwnedSemaphorePermit;

/// How long a change waits for a permit. Beyond it the change is refused with 503.
const WRITE_QUEUE_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a list waits for the caller's other lists. Beyond it the list is refused with 503.
const LIST_QUEUE_TIMEOUT: Duration = Duration::from_secs(10);

/// The most calls of each kind at a time.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    pub requests: u32,
    pub waits: u32,
    pub streams: u32,
    pub writes: u32,
}

#[derive(Debug)]
pub struct ConcurrencyLimits {
    requests: Limiter,
    /// Calls that wait for a job. A wait costs memory only, so there may be many more of them.
    waits: Limiter,
    /// Event and log streams.
    streams: Limiter,
    /// Changes to the cluster.
    writes: Limiter,
    /// Half of the writes for each caller. The other half is for the other callers.
    writes_by_caller: CallerSemaphores,
    /// The changes that wait for a permit, each with its request permit: at most half of the requests, so reads go on.
    queue: Arc<Semaphore>,
    /// A quarter of the requests for each caller.
    queue_by_caller: CallerSemaphores,
    /// One list from the cluster for each caller: a list can read thousands of jobs.
    lists_by_caller: CallerSemaphores,
    pub bodies: BodyBudget,
}

#[derive(Debug)]
struct Limiter {
    permits: Arc<Semaphore>,
    max: u32,
    /// Names the kind in a refusal.
    name: &'static str,
    refused: Counter,
}

/// The figures of one kind of calls.
#[derive(Clone, Copy, Debug)]
pub struct LimiterStats {
    pub open: u64,
    pub max: u64,
    pub refused: u64,
}

impl Limiter {
    fn new(max: u32, name: &'static str) -> Self {
        Self { permits: Arc::new(Semaphore::new(max as usize)), max, name, refused: Counter::default() }
    }

    fn try_acquire(&self) -> Result<Permit, Problem> {
        Arc::clone(&self.permits).try_acquire_owned().map_err(|_| self.refuse())
    }

    fn refuse(&self) -> Problem {
        self.refused.count();
        overloaded(format!("too many {} at a time; try again", self.name))
    }

    fn stats(&self) -> LimiterStats {
        let (max, free) = (u64::from(self.max), self.permits.available_permits() as u64);
        LimiterStats { open: max.saturating_sub(free), max, refused: self.refused.value() }
    }

    async fn idle(&self) {
        // Fails only if the semaphore is closed, which never happens.
        let _ = self.permits.acquire_many(self.max).await;
    }
}

impl ConcurrencyLimits {
    pub fn new(bounds: Bounds) -> Self {
        Self {
            requests: Limiter::new(bounds.requests, "requests"),
            waits: Limiter::new(bounds.waits, "waiting calls"),
            streams: Limiter::new(bounds.streams, "streams"),
            writes: Limiter::new(bounds.writes, "changes"),
            writes_by_caller: CallerSemaphores::new((bounds.writes / 2).max(1) as usize),
            queue: Arc::new(Semaphore::new((bounds.requests / 2).max(1) as usize)),
            queue_by_caller: CallerSemaphores::new((bounds.requests / 4).max(1) as usize),
            lists_by_caller: CallerSemaphores::new(1),
            bodies: BodyBudget::default(),
        }
    }

    /// A permit for a call. 503 if there are too many.
    pub fn begin(&self) -> Result<Permit, Problem> {
        self.requests.try_acquire()
    }

    /// A permit for a call that continues as a wait.
    pub fn begin_wait(&self) -> Result<Permit, Problem> {
        self.waits.try_acquire()
    }

    /// A permit for a call that continues as a stream.
    pub fn begin_stream(&self) -> Result<Permit, Problem> {
        self.streams.try_acquire()
    }

    /// A permit for a change. 503 if none is free within the time limit, or if too many changes wait already.
    pub async fn acquire_write(&self, caller: CallerId) -> Result<WritePermit, Problem> {
        let places =
            [self.queue_by_caller.get(caller.clone()), Arc::clone(&self.queue)].map(Semaphore::try_acquire_owned);
        if places.iter().any(Result::is_err) {
            return Err(self.writes.refuse());
        }
        let semaphores = [self.writes_by_caller.get(caller), Arc::clone(&self.writes.permits)];
        timeout(WRITE_QUEUE_TIMEOUT, WritePermit::acquire(semaphores)).await.map_err(|_| self.writes.refuse())
    }

    /// A permit for a list from the cluster. 503 if the caller's other lists take too long.
    pub async fn acquire_list(&self, caller: CallerId) -> Result<Permit, Problem> {
        let acquired = timeout(LIST_QUEUE_TIMEOUT, self.lists_by_caller.get(caller).acquire_owned()).await;
        let detail = "this caller's other lists are still being read from the cluster; try again";
        acquired.ok().and_then(Result::ok).ok_or_else(|| overloaded(detail))
    }

    /// The figures of requests, waits, streams and writes.
    pub fn stats(&self) -> [LimiterStats; 4] {
        [&self.requests, &self.waits, &self.streams, &self.writes].map(Limiter::stats)
    }

    /// Returns when no call is in progress.
    pub async fn idle(&self) {
        self.requests.idle().await;
        self.waits.idle().await;
        self.streams.idle().await;
    }
}

fn overloaded(detail: impl Into<String>) -> Problem {
    Problem::unavailable("overloaded", detail, Duration::from_secs(1))
}

#[cfg(test)]
#[path = "concurrency_tests.rs"]
mod tests;
