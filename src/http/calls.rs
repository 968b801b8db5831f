//! The calls under way: no more than a number of each kind at a time, and the wait for the last of them to end. A call
//! is counted until its handler is done, whether or not its caller is still there.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::error::Problem;

/// Held while a call is under way.
pub type Permit = OwnedSemaphorePermit;

#[derive(Debug)]
pub struct Calls {
    requests: Kind,
    /// Those that wait for a job. They cost memory alone, so there may be many more of them.
    waits: Kind,
    /// Event and log streams.
    streams: Kind,
}

#[derive(Debug)]
struct Kind {
    permits: Arc<Semaphore>,
    most: u32,
    name: &'static str,
}

/// How many of each kind there may be at a time.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    pub requests: u32,
    pub waits: u32,
    pub streams: u32,
}

impl Kind {
    fn new(most: u32, name: &'static str) -> Self {
        Self { permits: Arc::new(Semaphore::new(most as usize)), most, name }
    }

    fn begin(&self) -> Result<Permit, Problem> {
        let full = |_| {
            let detail = format!("too many {} at a time; try again", self.name);
            Problem::unavailable("overloaded", detail, Duration::from_secs(1))
        };
        Arc::clone(&self.permits).try_acquire_owned().map_err(full)
    }

    async fn ended(&self) {
        // It fails only if the semaphore were closed, which nobody does.
        let _ = self.permits.acquire_many(self.most).await;
    }
}

impl Calls {
    pub fn new(bounds: Bounds) -> Self {
        Self {
            requests: Kind::new(bounds.requests, "requests"),
            waits: Kind::new(bounds.waits, "waiting calls"),
            streams: Kind::new(bounds.streams, "streams"),
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

    /// Returns when no call is under way.
    pub async fn ended(&self) {
        self.requests.ended().await;
        self.waits.ended().await;
        self.streams.ended().await;
    }
}
