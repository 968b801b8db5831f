//! Keeps the last changes, in order. Each reader keeps its own position, so a slow reader holds nothing up.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use crate::jobs::filter::Filter;
use crate::jobs::status::Status;

/// Beyond this number the oldest change is dropped. A reader that has not read it starts again.
const MAX_CHANGES: usize = 1024;

#[derive(Debug)]
pub struct Change {
    pub number: u64,
    /// The job before the change; none for a new job.
    pub(super) before: Option<Arc<Status>>,
    /// The job after the change. For a deletion, its last status.
    pub status: Arc<Status>,
    pub is_deletion: bool,
}

impl Change {
    /// Returns the job after the change; none if it is deleted.
    pub(super) fn after(&self) -> Option<&Arc<Status>> {
        (!self.is_deletion).then_some(&self.status)
    }

    fn is_end(&self) -> bool {
        let is_final = |status: &Arc<Status>| status.state.is_final();
        self.after().is_some_and(is_final) && !self.before.as_ref().is_some_and(is_final)
    }
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
    /// Adds that a job is new, or has changed.
    pub fn updated(&mut self, before: Option<Arc<Status>>, status: Arc<Status>) {
        self.push(before, status, false);
    }

    /// Adds that a job is deleted.
    pub fn deleted(&mut self, status: Arc<Status>) {
        self.push(Some(Arc::clone(&status)), status, true);
    }

    fn push(&mut self, before: Option<Arc<Status>>, status: Arc<Status>, is_deletion: bool) {
        self.last += 1;
        self.changes.push_back(Arc::new(Change { number: self.last, before, status, is_deletion }));
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
    /// Whether the reader has the job: it matched before the first change that is not reported yet.
    is_known: bool,
    /// The number of the change to a final state.
    end: Option<u64>,
    last: u64,
    is_deleted: bool,
}

/// Returns what a reader with this filter sees of these changes: one event a job, with its latest status.
///
/// A job that begins to match is added, and a job that ceases to match is deleted, as in Kubernetes. The end of a
/// deleted job is an event of its own before the deletion.
pub fn visible_changes(changes: &[Arc<Change>], filter: &Filter) -> Vec<(ChangeKind, Arc<Change>)> {
    let matches = |status: Option<&Arc<Status>>| status.is_some_and(|status| filter.matches(status));
    let mut summaries = HashMap::new();
    for change in changes.iter().filter(|change| filter.selects(change.status.namespace(), change.status.name())) {
        let summary: &mut Summary = summaries.entry(&change.status.uid).or_insert_with(|| {
            let is_known = matches(change.before.as_ref());
            Summary { is_known, end: None, last: 0, is_deleted: false }
        });
        if change.is_end() {
            summary.end = Some(change.number);
        }
        (summary.last, summary.is_deleted) = (change.number, change.is_deletion);
    }
    let mut events = Vec::new();
    for change in changes {
        let Some(summary) = summaries.get_mut(&change.status.uid) else { continue };
        let is_end = summary.is_deleted && summary.end == Some(change.number) && matches(change.after());
        if change.number != summary.last && !is_end {
            continue;
        }
        let is_match = matches(change.after());
        let kind = match (summary.is_known, is_match) {
            (false, true) => ChangeKind::Added,
            (true, true) => ChangeKind::Modified,
            (true, false) => ChangeKind::Deleted,
            (false, false) => continue,
        };
        summary.is_known = is_match;
        events.push((kind, Arc::clone(change)));
    }
    events
}

#[cfg(test)]
#[path = "change_log_tests.rs"]
mod tests;
