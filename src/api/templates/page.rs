//! A page of the list: [`Page`].

use std::collections::BTreeMap;

use crate::api::templates::entry::Entry;
use crate::api::templates::key::Key;

/// A template on the page, and what is wrong with it.
pub(super) struct Row<'a> {
    pub(super) entry: Entry<'a>,
    pub(super) warning: Option<String>,
}

/// Takes templates in any order, and keeps the first ones after the page before.
pub(super) struct Page<'a> {
    after: Option<Key>,
    limit: usize,
    /// At most one more than the page has. That one says that there is a next page.
    rows: BTreeMap<Key, Row<'a>>,
}

impl<'a> Page<'a> {
    pub(super) const fn new(after: Option<Key>, limit: usize) -> Self {
        Self { after, limit, rows: BTreeMap::new() }
    }

    /// Makes the row only if it can be on the page.
    pub(super) fn add(&mut self, key: Key, row: impl FnOnce() -> Row<'a>) {
        let is_shown = self.after.as_ref().is_some_and(|after| key <= *after);
        let is_late = self.rows.len() > self.limit && self.rows.last_key_value().is_some_and(|(last, _)| key > *last);
        if is_shown || is_late {
            return;
        }
        self.rows.insert(key, row());
        if self.rows.len() > self.limit + 1 {
            self.rows.pop_last();
        }
    }

    /// Returns the rows in their order, and the last key unless this is the last page.
    pub(super) fn finish(mut self) -> (Vec<Row<'a>>, Option<Key>) {
        let has_more = self.rows.len() > self.limit;
        if has_more {
            self.rows.pop_last();
        }
        let last = self.rows.last_key_value().filter(|_| has_more).map(|(key, _)| key.clone());
        (self.rows.into_values().collect(), last)
    }
}
