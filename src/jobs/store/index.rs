//! The statuses of all jobs, by key and from the newest to the oldest.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use crate::jobs::filter::Filter;
use crate::jobs::state::State;
use crate::jobs::status::Status;

/// The number of jobs in each state, in the order of [`State::ALL`].
pub type Counts = [usize; State::ALL.len()];

#[derive(Debug, Default)]
pub struct JobIndex {
    by_key: HashMap<Arc<str>, Arc<Status>>,
    newest_first: BTreeMap<PageCursor, Arc<Status>>,
    counts: Counts,
}

impl JobIndex {
    pub fn get(&self, key: &str) -> Option<&Arc<Status>> {
        self.by_key.get(key)
    }

    /// Stores a job, and returns the job that had its key.
    pub fn insert(&mut self, status: Arc<Status>) -> Option<Arc<Status>> {
        let before = self.remove(status.key());
        self.counts[status.state as usize] += 1;
        self.newest_first.insert(PageCursor::from(&*status), Arc::clone(&status));
        self.by_key.insert(Arc::clone(&status.key), status);
        before
    }

    pub fn remove(&mut self, key: &str) -> Option<Arc<Status>> {
        let status = self.by_key.remove(key)?;
        self.newest_first.remove(&PageCursor::from(&*status));
        self.counts[status.state as usize] -= 1;
        Some(status)
    }

    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// The keys of the jobs that the condition holds for.
    pub fn keys_where(&self, holds: impl Fn(&Status) -> bool) -> Vec<Arc<str>> {
        self.by_key.values().filter(|status| holds(status)).map(|status| Arc::clone(&status.key)).collect()
    }

    /// The jobs after a place that match the filter, newest first.
    pub fn matching<'a>(
        &'a self,
        filter: &'a Filter,
        after: Option<&PageCursor>,
    ) -> impl Iterator<Item = &'a Arc<Status>> + use<'a> {
        let from = after.map_or(Bound::Unbounded, |place| Bound::Excluded(place.clone()));
        let following = self.newest_first.range((from, Bound::Unbounded));
        following.map(|(_, status)| status).filter(|status| filter.matches(status))
    }
}

/// A place in the order of age. Jobs of the same second are ordered by key. It stays valid when jobs come and go.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PageCursor {
    created: Reverse<i64>,
    key: Arc<str>,
}

impl PageCursor {
    pub fn new(created: i64, key: &str) -> Self {
        Self { created: Reverse(created), key: key.into() }
    }

    pub const fn created(&self) -> i64 {
        self.created.0
    }

    pub fn key(&self) -> &str {
        &self.key
    }
}

impl From<&Status> for PageCursor {
    fn from(status: &Status) -> Self {
        Self { created: Reverse(status.created), key: Arc::clone(&status.key) }
    }
}

#[cfg(test)]
#[path = "index_tests.rs"]
mod tests;
