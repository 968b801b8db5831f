//! The last changes, in order, for those who follow them: each reader keeps its own place, so that a slow one costs
//! nothing and holds nobody up.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::filter::Filter;
use super::state::State;
use super::status::Status;

/// How many changes are kept for readers that are behind, or come back.
const KEPT: usize = 1024;

#[derive(Debug)]
pub struct Change {
    pub number: u64,
    /// The state that the job had, or none if it is new.
    pub(super) before: Option<State>,
    /// The state that it has, or none if it is gone.
    pub(super) after: Option<State>,
    pub status: Arc<Status>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Added,
    Modified,
    Deleted,
}

impl Kind {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Modified => "modified",
            Self::Deleted => "deleted",
        }
    }
}

#[derive(Debug, Default)]
pub struct Changes {
    kept: VecDeque<Arc<Change>>,
    /// The number of the last change, and of the last that is no longer kept.
    last: u64,
    dropped: u64,
}

impl Changes {
    pub fn push(&mut self, before: Option<State>, after: Option<State>, status: Arc<Status>) {
        self.last += 1;
        self.kept.push_back(Arc::new(Change { number: self.last, before, after, status }));
        if self.kept.len() > KEPT {
            self.dropped += 1;
            self.kept.pop_front();
        }
    }

    /// Forgets all: who asks for what was before has to start over.
    pub fn cut(&mut self) {
        self.last += 1;
        self.dropped = self.last;
        self.kept.clear();
    }

    pub const fn last(&self) -> u64 {
        self.last
    }

    /// All after this number, or `None` if some of them are no longer kept.
    pub fn since(&self, number: u64) -> Option<Vec<Arc<Change>>> {
        if number < self.dropped || number > self.last {
            return None;
        }
        let skipped = usize::try_from(number - self.dropped).unwrap_or(usize::MAX);
        Some(self.kept.iter().skip(skipped).cloned().collect())
    }
}

/// What these changes come to for who sees only what the filter lets through: one event a job, the latest state of it.
/// A job that enters the filter is added to what is seen, one that leaves it deleted from it, as Kubernetes does.
pub fn seen(changes: &[Arc<Change>], filter: &Filter) -> Vec<(Kind, Arc<Change>)> {
    let mut first = HashMap::new();
    let mut last = HashMap::new();
    for change in changes.iter().filter(|change| filter.covers(&change.status)) {
        first.entry(&change.status.uid).or_insert(change.before);
        last.insert(&change.status.uid, change.number);
    }
    let within = |state: Option<State>| state.is_some_and(|state| filter.takes(state));
    let kind = |change: &Change| {
        let before = first.get(&change.status.uid).copied().flatten();
        match (within(before), within(change.after)) {
            (false, true) => Some(Kind::Added),
            (true, true) => Some(Kind::Modified),
            (true, false) => Some(Kind::Deleted),
            (false, false) => None,
        }
    };
    let latest = changes.iter().filter(|change| last.get(&change.status.uid) == Some(&change.number));
    latest.filter_map(|change| Some((kind(change)?, Arc::clone(change)))).collect()
}

#[cfg(test)]
#[path = "changes_tests.rs"]
mod tests;
