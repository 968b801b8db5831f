//! Numbers of runs in groups, with percentiles: [`stats`].

mod group;
mod key;

use std::collections::HashMap;

use rusqlite::Connection;
use serde::Serialize;

pub use crate::history::query::stats::group::{Group, Percentiles};
pub use crate::history::query::stats::key::GroupBy;

use crate::history::query::filter::{AllowedNamespaces, RunFilter};
use crate::history::query::scan::{INDEX_COLUMNS, Indexes, NAMESPACE, Scan};
use crate::history::query::stats::group::Members;
use crate::history::query::stats::key::{Key, Keys};

/// The most groups of an answer.
pub const MAX_GROUPS: usize = 1000;

/// The groups, in the order of their keys. A group without a value is before the others.
#[derive(Debug, Serialize)]
pub struct Stats {
    pub groups: Vec<Group>,
}

/// More than [`MAX_GROUPS`].
#[derive(Debug)]
pub struct TooManyGroups;

/// The further columns of the index by the creation.
const NUMBERS: &str = "queued_s, ran_s, reason";
const FIRST_NUMBER: usize = 6;
/// The columns that only the row has. [`RunFilter::matches_row`] reads the first four.
const ROW_COLUMNS: &str = "uid, job_name, batch_name, labels, images";
const FIRST_ROW_COLUMN: usize = 9;

/// Groups all runs that match, by at most two values.
pub fn stats(
    connection: &Connection,
    filter: &RunFilter,
    group_by: &[GroupBy],
) -> rusqlite::Result<Result<Stats, TooManyGroups>> {
    let is_of_row = filter.is_of_row() || group_by.iter().any(GroupBy::is_of_row);
    let (indexes, columns) = if is_of_row {
        (Indexes::All, [INDEX_COLUMNS, NUMBERS, ROW_COLUMNS].join(", "))
    } else {
        (Indexes::Narrow, [INDEX_COLUMNS, NUMBERS].join(", "))
    };
    let mut groups: HashMap<Key, Members> = HashMap::new();
    let mut keys = Keys::new(group_by);
    if group_by.is_empty() {
        groups.insert(Key::default(), Members::default());
    }
    if let Some(mut scan) = Scan::new(connection, filter, indexes, &columns)? {
        let mut allowed = AllowedNamespaces::new(&filter.allowed);
        let mut rows = scan.rows(None)?;
        while let Some(row) = rows.next()? {
            let is_match = filter.matches_index(row, NAMESPACE, &mut allowed)?
                && (!is_of_row || filter.matches_row(row, FIRST_ROW_COLUMN)?);
            if !is_match {
                continue;
            }
            for key in keys.of(row)? {
                groups.entry(*key).or_default().add(row, NAMESPACE + 1, FIRST_NUMBER)?;
            }
            if groups.len() > MAX_GROUPS {
                return Ok(Err(TooManyGroups));
            }
        }
    }
    let mut groups: Vec<Group> = groups.into_iter().map(|(key, members)| members.group(keys.names(key))).collect();
    groups.sort_by(|one, other| one.keys.cmp(&other.keys));
    Ok(Ok(Stats { groups }))
}
