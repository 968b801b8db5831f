//! The queries. Each runs on a connection for reading. A list reads a bounded number of rows.

pub mod audit;
pub mod filter;
pub mod job;
pub mod run;
pub mod runs;
mod scan;
pub mod stats;

use rusqlite::{Row, Rows};

/// The most rows that one list reads. A page that reaches it may have fewer rows than its limit, or none.
pub const MAX_ROWS: usize = 100_000;

/// Where a page ends: the time and the id of the last row that was read. Newer rows come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    pub time: i64,
    pub id: i64,
}

/// Rows, and where the next page begins. Only `None` means that there are no more. A full page is never known to be the
/// last: to look for another match could read all rows.
#[derive(Clone, Debug)]
pub struct Page<T> {
    pub rows: Vec<T>,
    pub next: Option<Cursor>,
}

/// How many rows a list returns, and how many it reads.
#[derive(Clone, Copy, Debug)]
pub(in crate::history) struct Bounds {
    pub(in crate::history) limit: usize,
    pub(in crate::history) max_rows: usize,
}

impl Cursor {
    /// Returns the place that all rows of a list are behind.
    pub(in crate::history) fn start(after: Option<Self>, until: Option<i64>) -> Self {
        let newest = until.map_or(Self { time: i64::MAX, id: i64::MAX }, |time| Self { time, id: i64::MIN });
        after.map_or(newest, |after| after.min(newest))
    }
}

impl Bounds {
    pub(in crate::history) const fn new(limit: usize) -> Self {
        Self { limit, max_rows: MAX_ROWS }
    }
}

/// Reads a page. The first columns of a row are its id and its time. `item` returns nothing for a row that does not
/// belong to the list.
pub(in crate::history) fn page<T>(
    mut rows: Rows<'_>,
    bounds: Bounds,
    mut item: impl FnMut(&Row<'_>) -> rusqlite::Result<Option<T>>,
) -> rusqlite::Result<Page<T>> {
    let (mut found, mut last) = (Vec::new(), None);
    for _ in 0..bounds.max_rows {
        let Some(row) = rows.next()? else { return Ok(Page { rows: found, next: None }) };
        last = Some(Cursor { time: row.get(1)?, id: row.get(0)? });
        found.extend(item(row)?);
        if found.len() == bounds.limit {
            break;
        }
    }
    Ok(Page { rows: found, next: last })
}

#[cfg(test)]
#[path = "tests/fixture_tests.rs"]
mod tests;
