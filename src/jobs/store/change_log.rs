//! The last changes, in order, for those who follow them: each reader keeps its own place, so that a slow one costs
//! nothing and holds nobody up.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use crate::jobs::filter::Filter;
use crate::jobs::state::State;
use crate::jobs::status::Status;

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
    kept: VecDeque<Arc<Change>>,
    /// The number of the last change, and of the last that is no longer kept.
    last: u64,
    dropped: u64,
}

impl ChangeLog {
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

/// One job in a row of changes.
struct Row {
    /// Its state before the first change that was not reported yet.
    before: Option<State>,
    /// The change with which it ended, unless it had ended before.
    end: Option<u64>,
    last: u64,
    is_gone: bool,
}

/// What these changes come to for a reader who sees only what the filter lets through: one event a job, with its latest
/// state. The end of a job that is gone is an event of its own, before the deletion, if the filter lets it through. A job that enters the filter is
/// added to what is seen, one that leaves it deleted from it, as Kubernetes does.
pub fn seen(changes: &[Arc<Change>], filter: &Filter) -> Vec<(ChangeKind, Arc<Change>)> {
    let mut rows = HashMap::new();
    for change in changes.iter().filter(|change| filter.covers(&change.status)) {
        let new = Row { before: change.before, end: None, last: 0, is_gone: false };
        let row: &mut Row = rows.entry(&change.status.uid).or_insert(new);
        if change.after.is_some_and(State::is_final) && !change.before.is_some_and(State::is_final) {
            row.end = Some(change.number);
        }
        (row.last, row.is_gone) = (change.number, change.after.is_none());
    }
    let within = |state: Option<State>| state.is_some_and(|state| filter.takes(state));
    let mut events = Vec::new();
    for change in changes {
        let Some(row) = rows.get_mut(&change.status.uid) else { continue };
        let is_end = row.is_gone && row.end == Some(change.number) && within(change.after);
        if change.number != row.last && !is_end {
            continue;
        }
        let kind = match (within(row.before), within(change.after)) {
            (false, true) => ChangeKind::Added,
            (true, true) => ChangeKind::Modified,
            (true, false) => ChangeKind::Deleted,
            (false, false) => continue,
        };
        row.before = change.after;
        events.push((kind, Arc::clone(change)));
    }
    events
}

#[cfg(test)]
#[path = "change_log_tests.rs"]
mod tests;
