//! A permit to change something in the cluster: [`WritePermit`]. It is released while its call pauses between attempts.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

#[derive(Debug)]
pub struct WritePermit {
    /// The caller's semaphore, and that of all callers.
    semaphores: [Arc<Semaphore>; 2],
    weight: u32,
    held: Mutex<Option<[OwnedSemaphorePermit; 2]>>,
}

impl WritePermit {
    /// Waits for both semaphores, for the caller's own first.
    pub async fn acquire(semaphores: [Arc<Semaphore>; 2], weight: u32) -> Self {
        let permit = Self { semaphores, weight, held: Mutex::default() };
        permit.reacquire().await;
        permit
    }

    pub fn release(&self) {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    pub async fn reacquire(&self) {
        let [own, all] = &self.semaphores;
        // It fails only if a semaphore is closed, and nothing closes them.
        let Ok(own) = Arc::clone(own).acquire_many_owned(self.weight).await else { return };
        let Ok(all) = Arc::clone(all).acquire_many_owned(self.weight).await else { return };
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = Some([own, all]);
    }
}
