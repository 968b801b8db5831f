//! Bounds the memory of all request bodies together. Small bodies are free: the limit on connections bounds them.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::http::limits::bounds::{
    BATCH_BODIES_BYTES, BATCH_PROCESSING_BYTES, BODIES_BYTES, BODY_QUEUE_TIMEOUT, MAX_BATCH_BODY_BYTES, MAX_BODY_BYTES,
    MAX_WAITING_BODIES, PROCESSING_BYTES, SMALL_BODY_BYTES,
};
use crate::http::response::problem::Problem;
use crate::telemetry::metrics::Counter;

#[derive(Debug)]
pub struct BodyBudget {
    /// The bytes of the largest body.
    pub max_body: usize,
    /// The bytes of the bodies that are read or processed.
    memory: Pool,
    /// The bytes of the bodies that have arrived: other requests run between two of them.
    processing: Pool,
    /// YAML is converted, and a batch is checked, one body at a time: both take many times the memory of the text.
    turn: Pool,
    pub refused: Arc<Counter>,
}

/// Permits, and a bounded number of calls that wait for them.
#[derive(Debug)]
struct Pool {
    permits: Arc<Semaphore>,
    queue: Semaphore,
}

impl Pool {
    fn new(permits: usize) -> Self {
        Self { permits: Arc::new(Semaphore::new(permits)), queue: Semaphore::new(MAX_WAITING_BODIES) }
    }

    async fn acquire(&self, permits: usize) -> Option<OwnedSemaphorePermit> {
        let _place = self.queue.try_acquire().ok()?;
        let permits = u32::try_from(permits).unwrap_or(u32::MAX);
        timeout(BODY_QUEUE_TIMEOUT, Arc::clone(&self.permits).acquire_many_owned(permits)).await.ok()?.ok()
    }
}

impl BodyBudget {
    /// Takes the bytes of the largest body, of all bodies together, and of the bodies in processing.
    fn new(max_body: usize, memory: usize, processing: usize) -> Self {
        Self {
            max_body,
            memory: Pool::new(memory),
            processing: Pool::new(processing),
            turn: Pool::new(1),
            refused: Arc::default(),
        }
    }

    /// Returns the budget for the bodies of create-batch. Both count refusals in one counter.
    #[must_use]
    pub fn for_batches(&self) -> Self {
        let budget = Self::new(MAX_BATCH_BODY_BYTES, BATCH_BODIES_BYTES, BATCH_PROCESSING_BYTES);
        Self { refused: Arc::clone(&self.refused), ..budget }
    }

    /// Takes the bytes of a body, or `None` for a small body. 503 if they are not free within the time limit.
    pub async fn acquire(&self, bytes: usize) -> Result<Option<OwnedSemaphorePermit>, Problem> {
        self.acquire_bytes(&self.memory, bytes).await
    }

    /// The same for a body that has arrived. The permit is held until its call ends.
    pub async fn acquire_processing(&self, bytes: usize) -> Result<Option<OwnedSemaphorePermit>, Problem> {
        self.acquire_bytes(&self.processing, bytes).await
    }

    /// Takes the turn to convert a YAML body, or to check a batch. 503 if it is not free within the time limit.
    pub async fn acquire_turn(&self) -> Result<OwnedSemaphorePermit, Problem> {
        self.turn.acquire(1).await.ok_or_else(|| self.refuse())
    }

    async fn acquire_bytes(&self, pool: &Pool, bytes: usize) -> Result<Option<OwnedSemaphorePermit>, Problem> {
        if bytes <= SMALL_BODY_BYTES {
            return Ok(None);
        }
        pool.acquire(bytes).await.map(Some).ok_or_else(|| self.refuse())
    }

    fn refuse(&self) -> Problem {
        self.refused.count();
        let detail = "too many large request bodies at a time; try again";
        Problem::unavailable("overloaded", detail, Duration::from_secs(1))
    }
}

impl Default for BodyBudget {
    fn default() -> Self {
        Self::new(MAX_BODY_BYTES, BODIES_BYTES, PROCESSING_BYTES)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    const LARGE: usize = SMALL_BODY_BYTES + 1;

    fn budget() -> BodyBudget {
        BodyBudget::new(LARGE, LARGE, PROCESSING_BYTES)
    }

    #[tokio::test(start_paused = true)]
    async fn a_large_body_waits_for_its_bytes_up_to_the_time_limit() {
        let budget = budget();
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
    async fn bodies_of_batches_take_no_bytes_of_the_others() {
        let others = BodyBudget::default();
        let batches = others.for_batches();
        let _held = [batches.acquire(MAX_BATCH_BODY_BYTES).await, batches.acquire(MAX_BATCH_BODY_BYTES).await];
        assert!(batches.acquire(LARGE).await.is_err() && others.acquire(LARGE).await.is_ok());
        assert_eq!(others.refused.value(), 1, "one counter counts both");
    }

    #[tokio::test(start_paused = true)]
    async fn a_small_body_never_waits() {
        let budget = budget();
        let held = budget.acquire(LARGE).await.unwrap().unwrap();
        assert_eq!((held.num_permits(), budget.memory.permits.available_permits()), (LARGE, 0));
        let begun = Instant::now();
        assert!(budget.acquire(SMALL_BODY_BYTES).await.unwrap().is_none());
        assert!(begun.elapsed().is_zero());
    }

    #[tokio::test(start_paused = true)]
    async fn beyond_the_queue_a_body_is_refused_immediately_and_each_pool_has_its_own() {
        let budget = budget();
        let _held = budget.acquire(LARGE).await.unwrap();
        let begun = Instant::now();
        let budget = Arc::new(budget);
        for _ in 0..MAX_WAITING_BODIES {
            let budget = Arc::clone(&budget);
            tokio::spawn(async move { budget.acquire(LARGE).await.map(drop) });
        }
        while budget.memory.queue.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert!(budget.acquire(LARGE).await.is_err());
        assert!(budget.acquire_processing(LARGE).await.is_ok() && budget.acquire_turn().await.is_ok());
        assert!(begun.elapsed().is_zero());
    }
}
