//! The statuses of all jobs, by key and from the newest to the oldest.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use crate::jobs::batches::Batch;
use crate::jobs::filter::Filter;
use crate::jobs::state::State;
use crate::jobs::status::{Status, key};
use crate::kube::names::{BatchName, Namespace};

/// The number of jobs in each state, without the heads of batches, in the order of [`State::ALL`].
pub type Counts = [usize; State::ALL.len()];

#[derive(Debug, Default)]
pub struct JobIndex {
    by_key: HashMap<Arc<str>, Arc<Status>>,
    /// Without the heads of batches.
    newest_first: BTreeMap<PageCursor, Arc<Status>>,
    heads: BTreeMap<PageCursor, Arc<Status>>,
    counts: Counts,
}

impl JobIndex {
    pub fn get(&self, key: &str) -> Option<&Arc<Status>> {
        self.by_key.get(key)
    }

    /// Stores a job, and returns the job that had its key.
    pub fn insert(&mut self, status: Arc<Status>) -> Option<Arc<Status>> {
        let before = self.remove(status.key());
        if status.is_batch_head() {
            self.heads.insert(PageCursor::from(&*status), Arc::clone(&status));
        } else {
            self.counts[status.state as usize] += 1;
            self.newest_first.insert(PageCursor::from(&*status), Arc::clone(&status));
        }
        self.by_key.insert(Arc::clone(&status.key), status);
        before
    }

    pub fn remove(&mut self, key: &str) -> Option<Arc<Status>> {
        let status = self.by_key.remove(key)?;
        if status.is_batch_head() {
            self.heads.remove(&PageCursor::from(&*status));
        } else {
            self.newest_first.remove(&PageCursor::from(&*status));
            self.counts[status.state as usize] -= 1;
        }
        Some(status)
    }

    pub const fn counts(&self) -> Counts {
        self.counts
    }

    pub fn batch_count(&self) -> usize {
        self.heads.len()
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
        following(&self.newest_first, after).filter(|status| filter.matches(status))
    }

    /// The heads of batches after a place whose name the filter selects, newest first.
    pub fn heads<'a>(
        &'a self,
        filter: &'a Filter,
        after: Option<&PageCursor>,
    ) -> impl Iterator<Item = &'a Arc<Status>> + use<'a> {
        following(&self.heads, after).filter(|head| filter.selects(head.namespace(), head.name()))
    }

    /// Returns a batch, if its head is known.
    pub fn batch(&self, namespace: &Namespace, name: &BatchName) -> Option<Batch> {
        let head = self.get(&key(namespace, &name.head())).filter(|head| head.is_batch_head())?;
        Some(Batch::new(Arc::clone(head), |index| self.get(&key(namespace, &name.member(index))).cloned()))
    }
}

fn following<'a>(
    jobs: &'a BTreeMap<PageCursor, Arc<Status>>,
    after: Option<&PageCursor>,
) -> impl Iterator<Item = &'a Arc<Status>> + use<'a> {
    let from = after.map_or(Bound::Unbounded, |place| Bound::Excluded(place.clone()));
    jobs.range((from, Bound::Unbounded)).map(|(_, status)| status)
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
