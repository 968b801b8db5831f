//! The calls under way: no more than a number at a time, and the wait for the last of them to end. A call is counted
//! until its handler is done, whether or not its caller is still there.

use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};

use super::error::Problem;

#[derive(Debug)]
pub struct Calls {
    permits: Semaphore,
    most: u32,
}

impl Calls {
    pub fn new(most: u32) -> Self {
        Self { permits: Semaphore::new(most as usize), most }
    }

    /// Counts a call until what is returned is dropped; 503 if there are too many.
    pub fn begin(&self) -> Result<SemaphorePermit<'_>, Problem> {
        let full =
            |_| Problem::unavailable("overloaded", "too many requests at a time; try again", Duration::from_secs(1));
        self.permits.try_acquire().map_err(full)
    }

    /// Returns when no call is under way.
    pub async fn ended(&self) {
        // It fails only if the semaphore were closed, which nobody does.
        let _ = self.permits.acquire_many(self.most).await;
    }
}
