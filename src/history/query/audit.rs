//! A page of audit records: [`list`].

use rusqlite::{Connection, Row};
use serde_json::value::RawValue;

use crate::config::pattern::Patterns;
use crate::history::query::filter::{AllowedNamespaces, are_equal};
use crate::history::query::run::json;
use crate::history::query::{Bounds, Cursor, Page, page};

#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    /// The clusters that the caller may use. `None` means all, also those that the settings no longer have.
    pub clusters: Option<Vec<String>>,
    pub namespace: Option<String>,
    /// A namespace must match all of them. With one, records without a namespace are left out.
    pub allowed: Vec<Patterns>,
    pub operation: Option<String>,
    pub outcome: Option<String>,
    pub caller: Option<String>,
    /// In milliseconds since 1970.
    pub since: Option<i64>,
    /// The time of the record is before it.
    pub until: Option<i64>,
}

const SELECT: &str = "SELECT id, time, cluster, namespace, operation, outcome, caller, record
    FROM audit INDEXED BY audit_by_time WHERE time >= ?1 AND (time, id) < (?2, ?3) ORDER BY time DESC, id DESC";

/// Returns the records after a place, the newest first.
pub fn list(
    connection: &Connection,
    filter: &AuditFilter,
    after: Option<Cursor>,
    limit: usize,
) -> rusqlite::Result<Page<Box<RawValue>>> {
    list_bounded(connection, filter, after, Bounds::new(limit))
}

pub(super) fn list_bounded(
    connection: &Connection,
    filter: &AuditFilter,
    after: Option<Cursor>,
    bounds: Bounds,
) -> rusqlite::Result<Page<Box<RawValue>>> {
    let mut statement = connection.prepare(SELECT)?;
    let start = Cursor::start(after, filter.until);
    let mut allowed = AllowedNamespaces::new(&filter.allowed);
    page(statement.query((filter.since.unwrap_or(i64::MIN), start.time, start.id))?, bounds, |row| {
        Ok(if filter.matches(row, &mut allowed)? { Some(json(row, 7)?) } else { None })
    })
}

impl AuditFilter {
    fn matches(&self, row: &Row<'_>, allowed: &mut AllowedNamespaces<'_>) -> rusqlite::Result<bool> {
        let cluster = row.get_ref(2)?.as_str()?;
        if self.clusters.as_ref().is_some_and(|usable| !usable.iter().any(|known| known == cluster)) {
            return Ok(false);
        }
        // No pattern matches an empty name, but `*` does.
        let namespace = row.get_ref(3)?.as_str_or_null()?.filter(|name| !name.is_empty());
        let is_allowed = self.allowed.is_empty() || namespace.is_some_and(|namespace| allowed.matches(namespace));
        Ok(is_allowed && are_equal(row, 3, &[&self.namespace, &self.operation, &self.outcome, &self.caller])?)
    }
}
