//! The calls under way: no more than a number of each kind at a time, and the wait for the last of them to end. A call
//! is counted until its handler is done, whether or not its caller is still there.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::error::Problem;
use super::limit::LARGE_BODY;
use super::lists::Lists;
use crate::ops::metrics::Counter;

/// Held while a call is under way.
pub type Permit = OwnedSemaphorePermit;

#[derive(Debug)]
pub struct Calls {
    requests: Kind,
    /// Those that wait for a job. They cost memory alone, so there may be many more of them.
    waits: Kind,
    /// Event and log streams.
    streams: Kind,
    /// Those that change something in the cluster, and those that wait for their turn to.
    writes: Kind,
    queue: Arc<Semaphore>,
    /// Lists that the cluster answers.
    pub lists: Lists,
}

#[derive(Debug)]
struct Kind {
    permits: Arc<Semaphore>,
    most: u32,
    name: &'static str,
    refused: Counter,
}

/// How it stands with one kind of calls.
#[derive(Clone, Copy, Debug)]
pub struct Standing {
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
const TURN: Duration = Duration::from_secs(2);

impl Kind {
    fn new(most: u32, name: &'static str) -> Self {
        Self { permits: Arc::new(Semaphore::new(most as usize)), most, name, refused: Counter::default() }
    }

    /// What of the permits one call takes that is as large as this.
    fn weight(&self, bytes: usize) -> u32 {
        u32::try_from(1 + bytes / LARGE_BODY).map_or(self.most, |weight| weight.min(self.most))
    }

    fn begin(&self) -> Result<Permit, Problem> {
        Arc::clone(&self.permits).try_acquire_owned().map_err(|_| self.full())
    }

    fn full(&self) -> Problem {
        self.refused.count();
        let detail = format!("too many {} at a time; try again", self.name);
        Problem::unavailable("overloaded", detail, Duration::from_secs(1))
    }

    fn standing(&self) -> Standing {
        let (most, free) = (u64::from(self.most), self.permits.available_permits() as u64);
        Standing { open: most.saturating_sub(free), most, refused: self.refused.value() }
    }

    async fn ended(&self) {
        // It fails only if the semaphore were closed, which nobody does.
        let _ = self.permits.acquire_many(self.most).await;
    }
}

impl Calls {
    /// Half of the requests may be changes that wait for their turn: the other half is for those who read.
    pub fn new(bounds: Bounds) -> Self {
        let queue = (bounds.requests / 2).max(1) as usize;
        Self {
            requests: Kind::new(bounds.requests, "requests"),
            waits: Kind::new(bounds.waits, "waiting calls"),
            streams: Kind::new(bounds.streams, "streams"),
            writes: Kind::new(bounds.writes, "changes"),
            queue: Arc::new(Semaphore::new(queue)),
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
    pub async fn begin_write(&self, bytes: usize) -> Result<Permit, Problem> {
        let weight = self.writes.weight(bytes);
        if let Ok(permit) = Arc::clone(&self.writes.permits).try_acquire_many_owned(weight) {
            return Ok(permit);
        }
        let place = Arc::clone(&self.queue).try_acquire_owned().map_err(|_| self.writes.full())?;
        let turn = tokio::time::timeout(TURN, Arc::clone(&self.writes.permits).acquire_many_owned(weight)).await;
        drop(place);
        turn.ok().and_then(Result::ok).ok_or_else(|| self.writes.full())
    }

    /// Of requests, waits, streams and changes.
    pub fn standing(&self) -> [Standing; 4] {
        [&self.requests, &self.waits, &self.streams, &self.writes].map(Kind::standing)
    }

    /// Returns when no call is under way.
    pub async fn ended(&self) {
        self.requests.ended().await;
        self.waits.ended().await;
        self.streams.ended().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_change_waits_for_its_turn_and_no_longer_than_is_worth_it() {
        let calls = Calls::new(Bounds { requests: 8, waits: 8, streams: 8, writes: 1 });
        let first = calls.begin_write(0).await.unwrap();
        let second = async {
            tokio::time::sleep(TURN.mul_f64(0.99)).await;
            drop(first);
        };
        let (turn, ()) = tokio::join!(calls.begin_write(0), second);
        let held = turn.unwrap();
        assert_eq!(calls.standing()[3].refused, 0);
        let before = tokio::time::Instant::now();
        let late = calls.begin_write(0).await.unwrap_err();
        assert_eq!((late.status.as_u16(), late.reason.as_str(), before.elapsed()), (503, "overloaded", TURN));
        assert_eq!(calls.standing()[3].refused, 1);
        drop(held);
        assert!(calls.begin_write(0).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_with_a_large_body_counts_as_several_and_never_as_more_than_there_are() {
        let calls = Calls::new(Bounds { requests: 8, waits: 8, streams: 8, writes: 4 });
        let open = || calls.standing()[3].open;
        let small = calls.begin_write(LARGE_BODY - 1).await.unwrap();
        assert_eq!(open(), 1);
        let large = calls.begin_write(2 * LARGE_BODY).await.unwrap();
        assert_eq!(open(), 4);
        assert!(calls.begin_write(0).await.is_err(), "there is no room for a small one either");
        drop((small, large));
        let huge = calls.begin_write(100 * LARGE_BODY).await.unwrap();
        assert_eq!(open(), 4);
        drop(huge);
        assert_eq!(open(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn half_of_the_requests_may_wait_for_their_turn() {
        let calls = Calls::new(Bounds { requests: 4, waits: 8, streams: 8, writes: 1 });
        let first = calls.begin_write(0).await.unwrap();
        let before = tokio::time::Instant::now();
        let waits = || async { calls.begin_write(0).await.map(drop) };
        let third = async { (waits().await.is_err(), before.elapsed()) };
        let free = async {
            tokio::time::sleep(TURN / 2).await;
            drop(first);
        };
        let (one, other, third, ()) = tokio::join!(waits(), waits(), third, free);
        assert!(one.is_ok() && other.is_ok());
        assert_eq!(third, (true, Duration::ZERO), "it is told at once");
    }
}
