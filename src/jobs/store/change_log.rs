//! Keeps the last changes, in order. Each reader keeps its own position, so a slow reader holds nothing up.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use crate::jobs::filter::Filter;
use crate::jobs::state::State;
use crate::jobs::status::Status;

/// Beyond this number the oldest change is dropped. A reader that has not read it starts again.
const MAX_CHANGES: usize = 1024;

#[derive(Debug)]
pub struct Change {
    pub number: u64,
    /// The job's state before; none for a new job.
    pub(super) before: Option<State>,
    /// The job's state after; none for a deleted job.
    pub(super) after: Option<State>,
    pub status: Arc<Status>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    Added,
    Modified,
    Deleted,
}

impl ChangeKind {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Modified => "modified",
            Self::Deleted => "deleted",
        }
    }
}

#[derive(Debug, Default)]
pub struct ChangeLog {
    changes: VecDeque<Arc<Change>>,
    last: u64,
    last_dropped: u64,
}

impl ChangeLog {
    pub fn push(&mut self, before: Option<State>, after: Option<State>, status: Arc<Status>) {
        self.last += 1;
        self.changes.push_back(Arc::new(Change { number: self.last, before, after, status }));
        if self.changes.len() > MAX_CHANGES {
            self.last_dropped += 1;
            self.changes.pop_front();
        }
    }

    /// Drops all changes. Every reader starts again.
    pub fn reset(&mut self) {
        self.last += 1;
        self.last_dropped = self.last;
        self.changes.clear();
    }

    pub const fn last(&self) -> u64 {
        self.last
    }

    /// Returns the changes after this number, or `None` if some of them are dropped.
    pub fn since(&self, number: u64) -> Option<Vec<Arc<Change>>> {
        if number < self.last_dropped || number > self.last {
            return None;
        }
        let skipped = usize::try_from(number - self.last_dropped).unwrap_or(usize::MAX);
        Some(self.changes.iter().skip(skipped).cloned().collect())
    }
}

/// The effect of a sequence of changes on one job.
struct Summary {
    /// The state before the first change that is not reported yet.
    before: Option<State>,
    /// The number of the change to a final state.
    end: Option<u64>,
    last: u64,
    is_deleted: bool,
}

/// Returns what a reader with this filter sees of these changes: one event a job, with its latest state.
///
/// A job that begins to match is added, and a job that ceases to match is deleted, as in Kubernetes. The end of a
/// deleted job is an event of its own before the deletion.
pub fn visible_changes(changes: &[Arc<Change>], filter: &Filter) -> Vec<(ChangeKind, Arc<Change>)> {
    let mut summaries = HashMap::new();
    for change in changes.iter().filter(|change| filter.matches_job(&change.status)) {
        let new = Summary { before: change.before, end: None, last: 0, is_deleted: false };
        let summary: &mut Summary = summaries.entry(&change.status.uid).or_insert(new);
        if change.after.is_some_and(State::is_final) && !change.before.is_some_and(State::is_final) {
            summary.end = Some(change.number);
        }
        (summary.last, summary.is_deleted) = (change.number, change.after.is_none());
    }
    let matches = |state: Option<State>| state.is_some_and(|state| filter.matches_state(state));
    let mut events = Vec::new();
    for change in changes {
        let Some(summary) = summaries.get_mut(&change.status.uid) else { continue };
        let is_end = summary.is_deleted && summary.end == Some(change.number) && matches(change.after);
        if change.number != summary.last && !is_end {
            continue;
        }
        let kind = match (matches(summary.before), matches(change.after)) {
            (false, true) => ChangeKind::Added,
            (true, true) => ChangeKind::Modified,
            (true, false) => ChangeKind::Deleted,
            (false, false) => continue,
        };
        summary.before = change.after;
        events.push((kind, Arc::clone(change)));
    }
    events
}

#[cfg(test)]
#[path = "change_log_tests.rs"]
mod tests;
