//! A semaphore for each caller. An entry lasts as long as somebody holds or awaits a permit of it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::Semaphore;

use crate::auth::CallerId;

#[derive(Debug)]
pub struct CallerSemaphores {
    permits: usize,
    semaphores: Mutex<HashMap<CallerId, Weak<Semaphore>>>,
}

impl CallerSemaphores {
    /// `permits` is the number of permits of each caller.
    pub fn new(permits: usize) -> Self {
        Self { permits, semaphores: Mutex::default() }
    }

    pub fn get(&self, caller: CallerId) -> Arc<Semaphore> {
        let mut semaphores = self.semaphores.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(semaphore) = semaphores.get(&caller).and_then(Weak::upgrade) {
            return semaphore;
        }
        // The live entries are at most as many as the requests in flight.
        semaphores.retain(|_, semaphore| semaphore.strong_count() > 0);
        let semaphore = Arc::new(Semaphore::new(self.permits));
        semaphores.insert(caller, Arc::downgrade(&semaphore));
        semaphore
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
