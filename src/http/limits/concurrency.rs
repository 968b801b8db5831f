//! The calls under way: no more than a number of each kind at a time, and the wait for the last of them to end. A call
//! is counted until its handler is done, whether or not its caller is still there.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::auth::CallerId;
use crate::http::limits::bounds::LARGE_BODY;
use crate::http::limits::lists::Lists;
use crate::http::response::problem::Problem;
use crate::kube::client::permit::WritePermit;
use crate::telemetry::metrics::Counter;

/// Held while a call is under way.
pub type Permit = OwnedSemaphorePermit;

#[derive(Debug)]
pub struct ConcurrencyLimits {
    requests: Limiter,
    /// Those that wait for a job. They cost memory alone, so there may be many more of them.
    waits: Limiter,
    /// Event and log streams.
    streams: Limiter,
    /// Those that change something in the cluster, and those that wait for their turn to.
    writes: Limiter,
    queue: Arc<Semaphore>,
    /// Lists that the cluster answers.
    pub lists: Lists,
    writes_waiting: usize,
    /// What each caller may take of the changes and of the queue.
    shares: Mutex<HashMap<CallerId, Share>>,
}

/// Half of the changes and of the queue: whatever one caller does, the other half is for the rest.
#[derive(Clone, Debug)]
struct Share {
    writes: Arc<Semaphore>,
    queue: Arc<Semaphore>,
}

#[derive(Debug)]
struct Limiter {
    permits: Arc<Semaphore>,
    most: u32,
    name: &'static str,
    refused: Counter,
}

/// How it stands with one kind of calls.
#[derive(Clone, Copy, Debug)]
pub struct LimiterStats {
    pub open: u64,
    pub most: u64,
    pub refused: u64,
}

/// How many of each kind there may be at a time.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    pub requests: u32,
    pub waits: u32,
    pub streams: u32,
    pub writes: u32,
}

/// A change that has to wait for longer than this is better tried again.
const WRITE_QUEUE_TIMEOUT: Duration = Duration::from_secs(2);
/// Shares that nobody uses are kept up to this number.
const MAX_IDLE_SHARES: usize = 1024;

impl Limiter {
    fn new(most: u32, name: &'static str) -> Self {
        Self { permits: Arc::new(Semaphore::new(most as usize)), most, name, refused: Counter::default() }
    }

    /// The most that one caller may take.
    fn share(&self) -> u32 {
        (self.most / 2).max(1)
    }

    /// What of the permits one call takes that is as large as this.
    fn weight(&self, bytes: usize) -> u32 {
        u32::try_from(1 + bytes / LARGE_BODY).map_or(self.share(), |weight| weight.min(self.share()))
    }

    fn begin(&self) -> Result<Permit, Problem> {
        Arc::clone(&self.permits).try_acquire_owned().map_err(|_| self.full())
    }

    fn full(&self) -> Problem {
        self.refused.count();
        let detail = format!("too many {} at a time; try again", self.name);
        Problem::unavailable("overloaded", detail, Duration::from_secs(1))
    }

    fn standing(&self) -> LimiterStats {
        let (most, free) = (u64::from(self.most), self.permits.available_permits() as u64);
        LimiterStats { open: most.saturating_sub(free), most, refused: self.refused.value() }
    }

    async fn ended(&self) {
        // It fails only if the semaphore were closed, which nobody does.
        let _ = self.permits.acquire_many(self.most).await;
    }
}

impl ConcurrencyLimits {
    /// Half of the requests may be changes that wait for their turn: the other half is for those who read.
    pub fn new(bounds: Bounds) -> Self {
        let writes_waiting = (bounds.requests / 2).max(1) as usize;
        Self {
            requests: Limiter::new(bounds.requests, "requests"),
            waits: Limiter::new(bounds.waits, "waiting calls"),
            streams: Limiter::new(bounds.streams, "streams"),
            writes: Limiter::new(bounds.writes, "changes"),
            queue: Arc::new(Semaphore::new(writes_waiting)),
            writes_waiting,
            shares: Mutex::default(),
            lists: Lists::default(),
        }
    }

    /// Counts a call until what is returned is dropped; 503 if there are too many.
    pub fn begin(&self) -> Result<Permit, Problem> {
        self.requests.begin()
    }

    /// The same for a call that goes on as a wait.
    pub fn begin_wait(&self) -> Result<Permit, Problem> {
        self.waits.begin()
    }

    /// The same for one that goes on as a stream.
    pub fn begin_stream(&self) -> Result<Permit, Problem> {
        self.streams.begin()
    }

    /// The same for one that changes something in the cluster: it waits a little for its turn. One with a large body
    /// counts as several.
    pub async fn acquire_write(&self, caller: CallerId, bytes: usize) -> Result<WritePermit, Problem> {
        let (weight, share) = (self.writes.weight(bytes), self.share(caller));
        let places = (share.queue.try_acquire_owned(), Arc::clone(&self.queue).try_acquire_owned());
        let time = if let (Ok(_), Ok(_)) = places { WRITE_QUEUE_TIMEOUT } else { Duration::ZERO };
        let permit = WritePermit::acquire([share.writes, Arc::clone(&self.writes.permits)], weight);
        // Without a place in the queue it has a turn at once or not at all.
        let turn = tokio::time::timeout(time, permit).await;
        drop(places);
        turn.map_err(|_| self.writes.full())
    }

    fn share(&self, caller: CallerId) -> Share {
        let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(share) = shares.get(&caller) {
            return share.clone();
        }
        if shares.len() >= MAX_IDLE_SHARES {
            shares.retain(|_, share| Arc::strong_count(&share.writes) > 1);
        }
        let queue = (self.writes_waiting / 2).max(1);
        let share = Share {
            writes: Arc::new(Semaphore::new(self.writes.share() as usize)),
            queue: Arc::new(Semaphore::new(queue)),
        };
        shares.insert(caller, share.clone());
        share
    }

    /// Of requests, waits, streams and changes.
    pub fn standing(&self) -> [LimiterStats; 4] {
        [&self.requests, &self.waits, &self.streams, &self.writes].map(Limiter::standing)
    }

    /// Returns when no call is under way.
    pub async fn ended(&self) {
        self.requests.ended().await;
        self.waits.ended().await;
        self.streams.ended().await;
    }
}

#[cfg(test)]
#[path = "concurrency_tests.rs"]
mod tests;
