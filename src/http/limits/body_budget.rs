//! Bounds the memory of all request bodies together. Small bodies are free: the limit on connections bounds them.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::http::limits::bounds::{BODIES_BYTES, BODY_QUEUE_TIMEOUT, PROCESSING_BYTES, SMALL_BODY_BYTES};
use crate::http::response::problem::Problem;
use crate::telemetry::metrics::Counter;

const MAX_WAITING: usize = 256;

#[derive(Debug)]
pub struct BodyBudget {
    /// One permit a byte.
    bytes: Arc<Semaphore>,
    /// The callers that may wait for permits. Others are refused immediately, so that they hold no memory.
    queue: Semaphore,
    pub refused: Counter,
    /// One permit a byte, for the changes whose bodies have arrived: other requests run in between.
    processing: Arc<Semaphore>,
}

impl BodyBudget {
    pub fn new(bytes: usize) -> Self {
        Self {
            bytes: Arc::new(Semaphore::new(bytes)),
            queue: Semaphore::new(MAX_WAITING),
            refused: Counter::default(),
            processing: Arc::new(Semaphore::new(PROCESSING_BYTES)),
        }
    }

    /// Takes the bytes of a body, or `None` for a small body. 503 if they are not free within the time limit.
    pub async fn acquire(&self, bytes: usize) -> Result<Option<OwnedSemaphorePermit>, Problem> {
        if bytes <= SMALL_BODY_BYTES {
            return Ok(None);
        }
        let permits = u32::try_from(bytes).unwrap_or(u32::MAX);
        self.acquire_from(&self.bytes, permits).await.map(Some)
    }

    /// Takes the permits to process a body that has arrived. 503 if they are not free within the time limit. YAML takes
    /// all: its tree takes many times the memory of its text.
    pub async fn acquire_processing(
        &self,
        bytes: usize,
        is_yaml: bool,
    ) -> Result<Option<OwnedSemaphorePermit>, Problem> {
        if bytes <= SMALL_BODY_BYTES && !is_yaml {
            return Ok(None);
        }
        let permits = if is_yaml { PROCESSING_BYTES } else { bytes.min(PROCESSING_BYTES) };
        self.acquire_from(&self.processing, u32::try_from(permits).unwrap_or(u32::MAX)).await.map(Some)
    }

    async fn acquire_from(&self, semaphore: &Arc<Semaphore>, permits: u32) -> Result<OwnedSemaphorePermit, Problem> {
        let acquired = match self.queue.try_acquire() {
            Ok(_place) => timeout(BODY_QUEUE_TIMEOUT, Arc::clone(semaphore).acquire_many_owned(permits)).await.ok(),
            Err(_) => None,
        };
        acquired.and_then(Result::ok).ok_or_else(|| {
            self.refused.count();
            let detail = "too many large request bodies at a time; try again";
            Problem::unavailable("overloaded", detail, Duration::from_secs(1))
        })
    }
}

impl Default for BodyBudget {
    fn default() -> Self {
        Self::new(BODIES_BYTES)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    const LARGE: usize = SMALL_BODY_BYTES + 1;

    #[tokio::test(start_paused = true)]
    async fn a_large_body_waits_for_its_bytes_up_to_the_time_limit() {
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
        let held = budget.acquire(LARGE).await.unwrap().unwrap();
        assert_eq!((held.num_permits(), budget.bytes.available_permits()), (LARGE, 0));
        let begun = Instant::now();
        assert!(budget.acquire(SMALL_BODY_BYTES).await.unwrap().is_none());
        assert!(begun.elapsed().is_zero());
    }
}
