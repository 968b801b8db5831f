//! A semaphore for each caller. An entry lasts as long as somebody holds or awaits a permit of it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::Semaphore;

use crate::auth::CallerId;
use crate::util::share;

type Semaphores = HashMap<CallerId, Weak<Semaphore>>;

#[derive(Debug)]
pub struct CallerSemaphores {
    /// Changes under the lock only.
    permits: AtomicU32,
    semaphores: Mutex<Semaphores>,
}

impl CallerSemaphores {
    /// `permits` is the number of permits of each caller.
    pub fn new(permits: u32) -> Self {
        Self { permits: permits.into(), semaphores: Mutex::default() }
    }

    pub fn get(&self, caller: CallerId) -> Arc<Semaphore> {
        let mut semaphores = self.lock();
        if let Some(semaphore) = semaphores.get(&caller).and_then(Weak::upgrade) {
            return semaphore;
        }
        // The live entries are at most as many as the requests in flight.
        semaphores.retain(|_, semaphore| semaphore.strong_count() > 0);
        let semaphore = Arc::new(Semaphore::new(self.permits.load(Relaxed) as usize));
        semaphores.insert(caller, Arc::downgrade(&semaphore));
        semaphore
    }

    /// Changes the number of permits, also of callers that hold some.
    pub fn resize(&self, permits: u32) {
        let semaphores = self.lock();
        let before = self.permits.swap(permits, Relaxed);
        for semaphore in semaphores.values().filter_map(Weak::upgrade) {
            share::resize(&semaphore, before, permits);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Semaphores> {
        self.semaphores.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_lasts_as_long_as_its_permits() {
        let semaphores = CallerSemaphores::new(2);
        let key = |name: &str| CallerId::Key(name.into());
        let first = semaphores.get(key("a")).try_acquire_owned().unwrap();
        let second = semaphores.get(key("a")).try_acquire_owned().unwrap();
        assert!(semaphores.get(key("a")).try_acquire_owned().is_err(), "the permits are of one semaphore");
        assert!(semaphores.get(key("b")).try_acquire_owned().is_ok());
        drop((first, second));
        for caller in 0..1000 {
            semaphores.get(key(&caller.to_string()));
        }
        assert_eq!(semaphores.semaphores.lock().unwrap().len(), 1);
    }
}
