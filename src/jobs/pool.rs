//! Keeps what is equal once, for as long as somebody uses it.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

#[derive(Debug)]
pub struct Pool<T> {
    #[expect(clippy::zero_sized_map_values, reason = "a set has no entries that are looked for and filled in one go")]
    kept: HashMap<Arc<T>, ()>,
    /// When so many are kept, those go that nobody uses any more and that were not released.
    sweep_at: usize,
}

const SWEEP_AT_LEAST: usize = 256;

impl<T> Default for Pool<T> {
    fn default() -> Self {
        Self { kept: HashMap::new(), sweep_at: SWEEP_AT_LEAST }
    }
}

impl<T: Eq + Hash> Pool<T> {
    /// Replaces the value by its equal that is kept, or keeps it.
    pub fn share(&mut self, value: &mut Arc<T>) {
        if self.kept.len() >= self.sweep_at {
            self.kept.retain(|kept, ()| Arc::strong_count(kept) > 1);
            self.sweep_at = (self.kept.len() * 2).max(SWEEP_AT_LEAST);
        }
        let place = self.kept.entry(Arc::clone(value));
        *value = Arc::clone(place.key());
        place.or_default();
    }

    /// How many are kept.
    pub fn count(&self) -> usize {
        self.kept.len()
    }

    /// Lets go of a value that was shared. Who does so for each spares us a sweep, which takes milliseconds where there
    /// are thousands.
    pub fn release(&mut self, value: &Arc<T>) {
        // Here, and with who releases it.
        if Arc::strong_count(value) == 2 {
            self.kept.remove(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shared(pool: &mut Pool<i32>, number: i32) -> Arc<i32> {
        let mut value = Arc::new(number);
        pool.share(&mut value);
        value
    }

    #[test]
    fn what_is_equal_is_kept_once() {
        let mut pool = Pool::default();
        let (one, same, other) = (shared(&mut pool, 1), shared(&mut pool, 1), shared(&mut pool, 2));
        assert!(Arc::ptr_eq(&one, &same) && *other == 2);
        assert_eq!(pool.count(), 2);
    }

    #[test]
    fn it_is_kept_until_the_last_releases_it() {
        let mut pool = Pool::default();
        let (one, same) = (shared(&mut pool, 1), shared(&mut pool, 1));
        pool.release(&same);
        drop(same);
        assert!(Arc::ptr_eq(&one, &shared(&mut pool, 1)));
        pool.release(&one);
        assert_eq!(pool.count(), 0);
    }

    #[test]
    fn those_that_were_not_released_go_when_they_are_many() {
        let mut pool = Pool::default();
        let one = shared(&mut pool, 1);
        for number in 2..10_000 {
            shared(&mut pool, number);
        }
        assert!(pool.count() <= SWEEP_AT_LEAST, "{}", pool.count());
        assert!(Arc::ptr_eq(&one, &shared(&mut pool, 1)));
    }
}
