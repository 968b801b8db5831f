//! The statuses of many jobs: by name, and from the newest to the oldest.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use crate::jobs::filter::Filter;
use crate::jobs::state::State;
use crate::jobs::status::Status;

/// How many jobs are in each state, in the order of [`State::ALL`].
pub type Counts = [usize; State::ALL.len()];

#[derive(Debug, Default)]
pub struct Store {
    named: HashMap<Arc<str>, Entry>,
    newest_first: BTreeMap<PageCursor, Arc<Status>>,
    counts: Counts,
}

/// A job, and the list that it was last seen in or is newer than; 0 for neither.
#[derive(Clone, Debug)]
pub struct Entry {
    pub status: Arc<Status>,
    pub list: u32,
}

impl Store {
    pub fn get(&self, key: &str) -> Option<&Entry> {
        self.named.get(key)
    }

    /// Puts a job in place of the one with its name, which it gives back.
    pub fn put(&mut self, entry: Entry) -> Option<Arc<Status>> {
        let before = self.remove(entry.status.key());
        self.counts[entry.status.state as usize] += 1;
        self.newest_first.insert(PageCursor::of(&entry.status), Arc::clone(&entry.status));
        self.named.insert(Arc::clone(&entry.status.key), entry);
        before
    }

    pub fn remove(&mut self, key: &str) -> Option<Arc<Status>> {
        let Entry { status, .. } = self.named.remove(key)?;
        self.newest_first.remove(&PageCursor::of(&status));
        self.counts[status.state as usize] -= 1;
        Some(status)
    }

    /// How many jobs are in each state.
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// The keys of all that this holds for.
    pub fn keys_where(&self, holds: impl Fn(&Entry) -> bool) -> Vec<Arc<str>> {
        self.named.iter().filter(|(_, entry)| holds(entry)).map(|(key, _)| Arc::clone(key)).collect()
    }

    /// Newest first, from behind this place on.
    pub fn matching<'a>(
        &'a self,
        filter: &'a Filter,
        after: Option<&PageCursor>,
    ) -> impl Iterator<Item = &'a Arc<Status>> + use<'a> {
        let from = after.map_or(Bound::Unbounded, |place| Bound::Excluded(place.clone()));
        let behind = self.newest_first.range((from, Bound::Unbounded));
        behind.map(|(_, status)| status).filter(|status| filter.matches(status))
    }
}

/// A place in the order of age that stays what it is when jobs come and go. Jobs of one second come by name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PageCursor {
    created: Reverse<i64>,
    key: Arc<str>,
}

impl PageCursor {
    pub fn new(created: i64, key: &str) -> Self {
        Self { created: Reverse(created), key: key.into() }
    }

    pub fn of(status: &Status) -> Self {
        Self { created: Reverse(status.created), key: Arc::clone(&status.key) }
    }

    pub const fn created(&self) -> i64 {
        self.created.0
    }

    pub fn key(&self) -> &str {
        &self.key
    }

    /// Whether this job's own place comes later.
    pub fn is_before(&self, status: &Status) -> bool {
        (self.created, &*self.key) < (Reverse(status.created), &*status.key)
    }
}

#[cfg(test)]
#[path = "index_tests.rs"]
mod tests;
