//! Which runs a query selects: [`RunFilter`].

use std::collections::HashMap;

use rusqlite::Row;

use crate::config::pattern::Patterns;
use crate::history::query::run::json;
use crate::jobs::label_selector::Selector;
use crate::kube::types::Labels;

#[derive(Clone, Debug, Default)]
pub struct RunFilter {
    pub cluster: String,
    pub namespace: Option<String>,
    /// A namespace must match all of them.
    pub allowed: Vec<Patterns>,
    pub job_name: Option<String>,
    pub uid: Option<String>,
    pub state: Option<String>,
    /// The earliest creation, in seconds since 1970.
    pub since: Option<i64>,
    /// The creation is before this time.
    pub until: Option<i64>,
    pub batch_name: Option<String>,
    /// Such as `cronjob/etl`.
    pub template: Option<String>,
    pub caller: Option<String>,
    pub selector: Selector,
}

impl RunFilter {
    /// Whether the columns of an index match. They are `namespace, state, template, caller` from `first` on.
    pub(super) fn matches_index(
        &self,
        row: &Row<'_>,
        first: usize,
        allowed: &mut AllowedNamespaces<'_>,
    ) -> rusqlite::Result<bool> {
        let wanted = [&self.namespace, &self.state, &self.template, &self.caller];
        Ok(are_equal(row, first, &wanted)? && allowed.matches(row.get_ref(first)?.as_str()?))
    }

    /// Whether the columns that no index has match. They are `uid, job_name, batch_name, labels` from `first` on.
    pub(super) fn matches_row(&self, row: &Row<'_>, first: usize) -> rusqlite::Result<bool> {
        if !are_equal(row, first, &[&self.uid, &self.job_name, &self.batch_name])? {
            return Ok(false);
        }
        if self.selector.is_empty() {
            return Ok(true);
        }
        let labels: Labels = json(row, first + 3)?;
        Ok(self.selector.matches(labels.0.iter().map(|(key, value)| (&**key, &**value))))
    }

    /// Whether [`Self::matches_row`] must be called.
    pub(super) fn is_of_row(&self) -> bool {
        [&self.uid, &self.job_name, &self.batch_name].iter().any(|wanted| wanted.is_some()) || !self.selector.is_empty()
    }
}

/// Whether each column that a filter names has its value.
pub(in crate::history) fn are_equal(row: &Row<'_>, first: usize, wanted: &[&Option<String>]) -> rusqlite::Result<bool> {
    for (at, wanted) in (first..).zip(wanted) {
        if let Some(wanted) = wanted
            && row.get_ref(at)?.as_bytes_or_null()? != Some(wanted.as_bytes())
        {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Tests each namespace once against the lists of the namespaces that a caller may use.
#[derive(Debug)]
pub(super) struct AllowedNamespaces<'a> {
    lists: &'a [Patterns],
    known: HashMap<Box<str>, bool>,
}

impl<'a> AllowedNamespaces<'a> {
    pub(super) fn new(lists: &'a [Patterns]) -> Self {
        Self { lists, known: HashMap::new() }
    }

    pub(super) fn matches(&mut self, namespace: &str) -> bool {
        if self.lists.is_empty() {
            return true;
        }
        if let Some(is_allowed) = self.known.get(namespace) {
            return *is_allowed;
        }
        let is_allowed = self.lists.iter().all(|list| list.matches(namespace));
        self.known.insert(namespace.into(), is_allowed);
        is_allowed
    }
}
