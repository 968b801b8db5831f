//! What happened to the jobs, in order, for those who watch them; and how far back that is known.

use std::collections::VecDeque;

use super::object::Object;

/// As many changes as are kept, so that a long demonstration does not grow without end.
const LIMIT: usize = 200_000;

/// An object before and after one change: it was created, changed or deleted.
#[derive(Debug)]
pub struct Change {
    pub revision: u64,
    pub before: Option<Object>,
    pub after: Option<Object>,
}

#[derive(Debug)]
pub struct History {
    changes: VecDeque<Change>,
    oldest: u64,
}

impl History {
    pub fn new(revision: u64) -> Self {
        Self { changes: VecDeque::new(), oldest: revision }
    }

    pub fn push(&mut self, change: Change) {
        self.changes.push_back(change);
        if self.changes.len() > LIMIT
            && let Some(dropped) = self.changes.pop_front()
        {
            self.oldest = self.oldest.max(dropped.revision);
        }
    }

    /// The changes after the one revision, up to the other and with it.
    pub fn between(&self, after: u64, up_to: u64) -> impl Iterator<Item = &Change> {
        let start = self.changes.partition_point(|change| change.revision <= after);
        self.changes.range(start..).take_while(move |change| change.revision <= up_to)
    }

    /// The revision from which on a new watch can be served.
    pub fn oldest(&self) -> u64 {
        self.oldest
    }

    /// Refuses all that is older to new watches. What an open one has not sent yet it still gets,
    /// so that a test need not know how far each has come.
    pub fn compact(&mut self, revision: u64) {
        self.oldest = revision;
    }
}
