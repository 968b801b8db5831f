//! Reads runs in the order of a list, by one index: [`Scan`].

use rusqlite::{Connection, OptionalExtension, Rows, Statement, named_params};

use crate::history::query::Cursor;
use crate::history::query::filter::RunFilter;

/// The columns that every index has, in the order that [`super::page`] and [`RunFilter::matches_index`] read them.
pub(super) const INDEX_COLUMNS: &str = "id, created, namespace, state, template, caller";
/// The number of the column `namespace` in [`INDEX_COLUMNS`].
pub(super) const NAMESPACE: usize = 2;

/// Which indexes a query may use. All have [`INDEX_COLUMNS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Indexes {
    All,
    /// Those by a value that few runs have, or by the creation alone. It has the columns of the statistics.
    Narrow,
}

/// A statement that reads the runs of a cluster and a time. The caller tests the rest of the filter.
#[derive(Debug)]
pub(super) struct Scan<'c, 'f> {
    statement: Statement<'c>,
    cluster: i64,
    filter: &'f RunFilter,
    value: Option<&'f str>,
}

impl<'c, 'f> Scan<'c, 'f> {
    /// Returns nothing if the history has no run of the cluster.
    pub(super) fn new(
        connection: &'c Connection,
        filter: &'f RunFilter,
        indexes: Indexes,
        columns: &str,
    ) -> rusqlite::Result<Option<Self>> {
        let mut by_name = connection.prepare("SELECT id FROM clusters WHERE name = ?1")?;
        let Some(cluster) = by_name.query_row([&filter.cluster], |row| row.get(0)).optional()? else {
            return Ok(None);
        };
        let (index, condition, value) = index(filter, indexes);
        let statement = connection.prepare(&format!(
            "SELECT {columns} FROM runs INDEXED BY {index}
             WHERE cluster = :cluster AND {condition} AND created >= :since AND (created, id) < (:time, :id)
             ORDER BY created DESC, id DESC"
        ))?;
        Ok(Some(Self { statement, cluster, filter, value }))
    }

    /// Returns the rows after a place, the newest first.
    pub(super) fn rows(&mut self, after: Option<Cursor>) -> rusqlite::Result<Rows<'_>> {
        let start = Cursor::start(after, self.filter.until);
        self.statement.query(named_params! {
            ":cluster": self.cluster,
            ":value": self.value,
            ":since": self.filter.since.unwrap_or(i64::MIN),
            ":time": start.time,
            ":id": start.id,
        })
    }
}

/// Returns the index that has the fewest rows for a filter, and the condition on its column with the value.
fn index(filter: &RunFilter, indexes: Indexes) -> (&'static str, &'static str, Option<&str>) {
    // Few runs have such a state.
    let is_unfinished = |state: &&String| !["completed", "failed"].contains(&state.as_str());
    let all = [
        ("runs_by_uid", "uid = :value", filter.uid.as_ref()),
        ("runs_by_batch", "batch_name = :value", filter.batch_name.as_ref()),
        ("runs_by_job_name", "job_name = :value", filter.job_name.as_ref()),
        ("runs_by_template", "template = :value", filter.template.as_ref()),
        ("runs_by_state", "state = :value", filter.state.as_ref().filter(is_unfinished)),
        ("runs_by_caller", "caller = :value", filter.caller.as_ref()),
        ("runs_by_namespace", "namespace = :value", filter.namespace.as_ref()),
        ("runs_by_state", "state = :value", filter.state.as_ref()),
    ];
    let number = if indexes == Indexes::All { all.len() } else { 4 };
    let chosen = all
        .into_iter()
        .take(number)
        .find_map(|(index, condition, value)| Some((index, condition, Some(value?.as_str()))));
    chosen.unwrap_or(("runs_by_created", ":value IS NULL", None))
}
