//! A page of a list: [`Page`].

use std::sync::Arc;

use crate::jobs::status::Status;
use crate::jobs::store::index::PageCursor;

/// Some jobs, newest first. `next` is where the next page begins.
#[derive(Debug)]
pub struct Page {
    pub jobs: Vec<Arc<Status>>,
    pub next: Option<PageCursor>,
    pub remaining: usize,
}

impl Page {
    /// Takes at most `limit` of the jobs, and counts the others.
    pub(super) fn new<'a>(mut jobs: impl Iterator<Item = &'a Arc<Status>>, limit: usize) -> Self {
        let taken: Vec<_> = jobs.by_ref().take(limit).cloned().collect();
        let remaining = jobs.count();
        let next = taken.last().filter(|_| remaining > 0).map(|last| PageCursor::from(&**last));
        Self { jobs: taken, next, remaining }
    }
}
