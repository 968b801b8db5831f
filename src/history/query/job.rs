//! The runs under one name, with their transitions: [`list`]. The last status of a run that is gone: [`last_known`].

use rusqlite::Connection;
use serde_json::value::RawValue;

use crate::history::query::filter::RunFilter;
use crate::history::query::run::Run;
use crate::history::query::{Cursor, Page};

/// Returns the runs of a job name after a place, the newest first, each with its transitions.
pub fn list(
    _connection: &Connection,
    _filter: &RunFilter,
    _after: Option<Cursor>,
    _limit: usize,
) -> rusqlite::Result<Page<Run>> {
    Ok(Page { rows: Vec::new(), next: None })
}

/// Returns the status object of the newest run that is gone, with `gone: true`. It has the fields that the history keeps.
pub fn last_known(
    _connection: &Connection,
    _filter: &RunFilter,
    _with_exit: bool,
) -> rusqlite::Result<Option<Box<RawValue>>> {
    Ok(None)
}
