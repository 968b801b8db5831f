//! A page of runs: [`list`].

use rusqlite::Connection;

use crate::history::query::filter::RunFilter;
use crate::history::query::run::Run;
use crate::history::query::{Cursor, Page};

/// Returns the runs after a place, the newest first.
pub fn list(
    _connection: &Connection,
    _filter: &RunFilter,
    _after: Option<Cursor>,
    _limit: usize,
) -> rusqlite::Result<Page<Run>> {
    Ok(Page { rows: Vec::new(), next: None })
}
