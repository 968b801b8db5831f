//! A permit to change something in the cluster. It is given back while its call pauses between two tries.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

#[derive(Debug)]
pub struct WritePermit {
    /// The one of the caller, and the one of all callers.
    semaphores: [Arc<Semaphore>; 2],
    held: Mutex<Option<[OwnedSemaphorePermit; 2]>>,
}

impl WritePermit {
    /// Waits until both semaphores have room. A caller that waits for its own holds nothing of the other.
    pub async fn acquire(semaphores: [Arc<Semaphore>; 2]) -> Self {
        let permit = Self { semaphores, held: Mutex::default() };
        permit.reacquire().await;
        permit
    }

    pub fn release(&self) {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    pub async fn reacquire(&self) {
        let [own, all] = &self.semaphores;
        // It fails only if a semaphore is closed, and nothing closes them.
        let Ok(own) = Arc::clone(own).acquire_owned().await else { return };
        let Ok(all) = Arc::clone(all).acquire_owned().await else { return };
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = Some([own, all]);
    }
}
