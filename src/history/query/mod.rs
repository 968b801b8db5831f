//! The queries. Each runs on a connection for reading, and reads a bounded number of rows.

pub mod audit;
pub mod filter;
pub mod job;
pub mod run;
pub mod runs;
pub mod stats;

/// The most rows that one query reads. A page that reaches it may have fewer runs than its limit, or none.
pub const MAX_ROWS: usize = 100_000;

/// Where a page ends: the time and the id of the last row that was read. Newer rows come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    pub time: i64,
    pub id: i64,
}

/// Rows, and where the next page begins. Only `None` means that there are no more.
#[derive(Clone, Debug)]
pub struct Page<T> {
    pub rows: Vec<T>,
    pub next: Option<Cursor>,
}
