//! How many bytes of request bodies may be in memory at a time, of all callers together. A small body counts for nothing:
//! the number of connections bounds those.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::http::limits::bounds::{BODIES_BYTES, BODY_QUEUE_TIMEOUT, SMALL_BODY_BYTES};
use crate::http::response::problem::Problem;
use crate::telemetry::metrics::Counter;

#[derive(Debug)]
pub struct BodyBudget {
    free: Arc<Semaphore>,
    pub refused: Counter,
}

/// A body's part of the budget, until it is dropped.
#[derive(Debug)]
pub struct HeldBody {
    bytes: usize,
    permit: Option<OwnedSemaphorePermit>,
}

impl BodyBudget {
    pub fn new(bytes: usize) -> Self {
        Self { free: Arc::new(Semaphore::new(bytes)), refused: Counter::default() }
    }

    /// Takes this many bytes, of which there must be some soon.
    pub async fn acquire(&self, bytes: usize) -> Result<HeldBody, Problem> {
        let mut held = HeldBody { bytes, permit: None };
        if bytes > SMALL_BODY_BYTES {
            let permits = u32::try_from(bytes).unwrap_or(u32::MAX);
            let acquired = timeout(BODY_QUEUE_TIMEOUT, Arc::clone(&self.free).acquire_many_owned(permits)).await;
            held.permit = Some(acquired.ok().and_then(Result::ok).ok_or_else(|| self.full())?);
        }
        Ok(held)
    }

    fn full(&self) -> Problem {
        self.refused.count();
        let detail = "too many large request bodies at a time; try again";
        Problem::unavailable("overloaded", detail, Duration::from_secs(1))
    }
}

impl Default for BodyBudget {
    fn default() -> Self {
        Self::new(BODIES_BYTES)
    }
}

impl HeldBody {
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Gives back what the body did not need.
    pub fn shrink_to(&mut self, bytes: usize) {
        let excess = self.bytes.saturating_sub(bytes);
        self.bytes -= excess;
        drop(self.permit.as_mut().and_then(|permit| permit.split(excess)));
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    const LARGE: usize = SMALL_BODY_BYTES + 1;

    #[tokio::test(start_paused = true)]
    async fn a_large_body_waits_for_room_and_no_longer_than_is_worth_it() {
        let budget = BodyBudget::new(LARGE);
        let first = budget.acquire(LARGE).await.unwrap();
        let begun = Instant::now();
        let refused = budget.acquire(LARGE).await.unwrap_err();
        assert_eq!((refused.status.as_u16(), refused.reason.as_str()), (503, "overloaded"));
        assert_eq!((begun.elapsed(), budget.refused.value()), (BODY_QUEUE_TIMEOUT, 1));
        let free = async {
            tokio::time::sleep(BODY_QUEUE_TIMEOUT / 2).await;
            drop(first);
        };
        assert!(tokio::join!(budget.acquire(LARGE), free).0.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_small_body_never_waits() {
        let budget = BodyBudget::new(LARGE);
        let _all = budget.acquire(LARGE).await.unwrap();
        let begun = Instant::now();
        assert_eq!(budget.acquire(SMALL_BODY_BYTES).await.unwrap().bytes(), SMALL_BODY_BYTES);
        assert!(begun.elapsed().is_zero());
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_body_does_not_need_is_given_back() {
        let budget = BodyBudget::new(2 * LARGE);
        let mut held = budget.acquire(2 * LARGE).await.unwrap();
        held.shrink_to(LARGE);
        assert_eq!((held.bytes(), budget.free.available_permits()), (LARGE, LARGE));
        held.shrink_to(2 * LARGE);
        assert_eq!(held.bytes(), LARGE, "it does not grow");
        drop(held);
        assert_eq!(budget.free.available_permits(), 2 * LARGE);
    }
}
