//! A page of runs: [`list`].

use rusqlite::{Connection, Row};

use crate::history::query::filter::{AllowedNamespaces, RunFilter};
use crate::history::query::run::{self, Run};
use crate::history::query::scan::{INDEX_COLUMNS, Indexes, NAMESPACE, Scan};
use crate::history::query::{Bounds, Cursor, Page, page};

/// Returns the runs after a place, the newest first.
pub fn list(
    connection: &Connection,
    filter: &RunFilter,
    after: Option<Cursor>,
    limit: usize,
) -> rusqlite::Result<Page<Run>> {
    let read = |_, row: &Row<'_>| Run::read(&filter.cluster, row).map(Some);
    list_as(connection, filter, after, Bounds::new(limit), run::COLUMNS, read)
}

/// Returns a page of what `read` makes of the id and these columns of each run. It may leave a run out.
/// The columns begin with those of [`RunFilter::matches_row`].
pub(super) fn list_as<T>(
    connection: &Connection,
    filter: &RunFilter,
    after: Option<Cursor>,
    bounds: Bounds,
    columns: &str,
    mut read: impl FnMut(i64, &Row<'_>) -> rusqlite::Result<Option<T>>,
) -> rusqlite::Result<Page<T>> {
    let Some(mut scan) = Scan::new(connection, filter, Indexes::All, INDEX_COLUMNS)? else {
        return Ok(Page { rows: Vec::new(), next: None });
    };
    let mut by_id = connection.prepare(&format!("SELECT {columns} FROM runs WHERE id = ?1"))?;
    let mut allowed = AllowedNamespaces::new(&filter.allowed);
    page(scan.rows(after)?, bounds, |row| {
        if !filter.matches_index(row, NAMESPACE, &mut allowed)? {
            return Ok(None);
        }
        let id = row.get(0)?;
        let mut rows = by_id.query([id])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        if filter.matches_row(row, 0)? { read(id, row) } else { Ok(None) }
    })
}
