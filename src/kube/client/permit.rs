//! A permit to change something in the cluster. It is given back while its call pauses between two tries.

use std::sync::{Mutex, PoisonError};

use crate::util::share::{Permits, Share};

#[derive(Debug)]
pub struct WritePermit {
    /// In each part the semaphore of the caller comes before that of all callers.
    share: Share,
    held: Mutex<Option<Permits>>,
}

impl WritePermit {
    /// Waits until one part has room. A caller that waits for its own semaphore holds nothing of that of all callers.
    pub async fn acquire(share: Share, may_share: bool) -> Self {
        let permit = Self { share, held: Mutex::default() };
        permit.reacquire(may_share).await;
        permit
    }

    pub fn release(&self) {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// Waits again. The cluster may have lost or regained the right to share since.
    pub async fn reacquire(&self, may_share: bool) {
        let permits = self.share.acquire(may_share).await;
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = Some(permits);
    }
}
