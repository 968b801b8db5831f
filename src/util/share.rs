//! [`Share`]: permits that are reserved, or else shared with others. [`resize`] changes a semaphore in use.

use std::sync::Arc;

use tokio::select;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// One permit of each semaphore of a part.
pub type Permits = Vec<OwnedSemaphorePermit>;

/// Two parts of several semaphores. A call needs one permit of each semaphore of either part.
#[derive(Debug)]
pub struct Share {
    pub reserved: Vec<Arc<Semaphore>>,
    pub shared: Vec<Arc<Semaphore>>,
}

impl Share {
    /// Takes the permits if they are free: the reserved ones, or else the shared ones if the call may share.
    pub fn try_acquire(&self, may_share: bool) -> Option<Permits> {
        let parts = [Some(&self.reserved), may_share.then_some(&self.shared)];
        let try_all =
            |part: &Vec<Arc<Semaphore>>| part.iter().map(|one| Arc::clone(one).try_acquire_owned().ok()).collect();
        parts.into_iter().flatten().find_map(try_all)
    }

    /// Waits for the permits of the part that has them first.
    pub async fn acquire(&self, may_share: bool) -> Permits {
        select! {
            biased;
            permits = acquire_all(&self.reserved) => permits,
            permits = acquire_all(&self.shared), if may_share => permits,
        }
    }
}

/// Waits for the semaphores in their order. A call that waits for one holds nothing of those after it.
async fn acquire_all(part: &[Arc<Semaphore>]) -> Permits {
    let mut permits = Vec::with_capacity(part.len());
    for semaphore in part {
        // It fails only if the semaphore is closed, and nothing closes it.
        permits.extend(Arc::clone(semaphore).acquire_owned().await);
    }
    permits
}

/// Changes the number of permits. Permits that are in use are withdrawn when their calls end.
pub fn resize(semaphore: &Arc<Semaphore>, from: u32, to: u32) {
    semaphore.add_permits(to.saturating_sub(from) as usize);
    if to < from {
        let withdrawn = Arc::clone(semaphore).acquire_many_owned(from - to);
        tokio::spawn(async move { withdrawn.await.map(OwnedSemaphorePermit::forget) });
    }
}

#[cfg(test)]
mod tests {
    use tokio::task::yield_now;

    use super::*;

    fn semaphore(permits: usize) -> Arc<Semaphore> {
        Arc::new(Semaphore::new(permits))
    }

    #[test]
    fn the_reserved_part_is_taken_first_and_the_shared_one_only_if_the_call_may_share() {
        let share = Share { reserved: vec![semaphore(1)], shared: vec![semaphore(1)] };
        let reserved = share.try_acquire(true).unwrap();
        assert_eq!(share.shared[0].available_permits(), 1);
        assert!(share.try_acquire(false).is_none());
        let _shared = share.try_acquire(true).unwrap();
        assert!(share.try_acquire(true).is_none());
        drop(reserved);
        assert!(share.try_acquire(false).is_some());
    }

    #[test]
    fn a_part_that_lacks_one_permit_keeps_none() {
        let share = Share { reserved: vec![semaphore(1), semaphore(0)], shared: vec![semaphore(0)] };
        assert!(share.try_acquire(true).is_none());
        assert_eq!(share.reserved[0].available_permits(), 1);
    }

    #[tokio::test]
    async fn permits_in_use_are_withdrawn_when_they_are_given_back() {
        let semaphore = semaphore(3);
        let held = Arc::clone(&semaphore).acquire_many_owned(2).await.unwrap();
        resize(&semaphore, 3, 1);
        yield_now().await;
        assert!(semaphore.try_acquire().is_err(), "two are in use, and one may be");
        drop(held);
        yield_now().await;
        assert_eq!(semaphore.available_permits(), 1);
    }

    #[tokio::test]
    async fn a_semaphore_that_shrinks_and_grows_has_its_last_size() {
        let semaphore = semaphore(4);
        let held = Arc::clone(&semaphore).acquire_many_owned(4).await.unwrap();
        for (from, to) in [(4, 1), (1, 3), (3, 2), (2, 6)] {
            resize(&semaphore, from, to);
            yield_now().await;
        }
        assert_eq!(semaphore.available_permits(), 2, "six less four");
        drop(held);
        yield_now().await;
        assert_eq!(semaphore.available_permits(), 6);
    }
}
