//! The number of pending deliveries of each endpoint, and its limit: [`Pending`].

use std::collections::{BTreeMap, HashMap};
use std::mem;
use std::sync::Arc;

use rusqlite::{Connection, Row, Statement};

/// The oldest is the one whose event was written first.
const FAIL_OLDEST: &str = "UPDATE deliveries SET state = 'failed', next_attempt = NULL, last_error = ?2 WHERE id = (
    SELECT id FROM deliveries INDEXED BY deliveries_pending WHERE webhook = ?1 AND state = 'pending'
    ORDER BY written, id LIMIT 1)";

#[derive(Debug)]
pub(super) struct Pending<'c> {
    max: u64,
    /// The `last_error` of a delivery that fails because of the limit.
    error: String,
    /// `None` if they must be counted in the database.
    counts: Option<HashMap<Arc<str>, u64>>,
    /// Those that failed in this transaction.
    dropped: BTreeMap<Arc<str>, u64>,
    count: Statement<'c>,
    fail_oldest: Statement<'c>,
}

impl<'c> Pending<'c> {
    pub(super) fn prepare(connection: &'c Connection, max: u64) -> rusqlite::Result<Self> {
        Ok(Self {
            max,
            error: format!("dropped: {max} newer deliveries were pending"),
            counts: None,
            dropped: BTreeMap::new(),
            count: connection
                .prepare("SELECT webhook, count(*) FROM deliveries WHERE state = 'pending' GROUP BY webhook")?,
            fail_oldest: connection.prepare(FAIL_OLDEST)?,
        })
    }

    /// Counts one more, which is not written yet. If there are too many, the oldest fails.
    pub(super) fn add(&mut self, webhook: &Arc<str>) -> rusqlite::Result<()> {
        if self.room(webhook)? > 0 {
            return self.change(webhook, |count| count + 1);
        }
        self.fail_oldest.execute((webhook, &self.error))?;
        *self.dropped.entry(Arc::clone(webhook)).or_default() += 1;
        Ok(())
    }

    /// Changes the number of an endpoint. Call it before the rows change: the first call counts them.
    pub(super) fn change(&mut self, webhook: &str, change: impl Fn(u64) -> u64) -> rusqlite::Result<()> {
        let counts = self.counts()?;
        match counts.get_mut(webhook) {
            Some(count) => *count = change(*count),
            None => drop(counts.insert(webhook.into(), change(0))),
        }
        Ok(())
    }

    /// Returns how many more may be pending.
    pub(super) fn room(&mut self, webhook: &str) -> rusqlite::Result<u64> {
        let max = self.max;
        Ok(max.saturating_sub(self.counts()?.get(webhook).copied().unwrap_or_default()))
    }

    /// Is called after a commit. Returns how many were dropped.
    pub(super) fn take_dropped(&mut self) -> BTreeMap<Arc<str>, u64> {
        mem::take(&mut self.dropped)
    }

    /// Counts in the database again.
    pub(super) fn recount(&mut self) {
        self.counts = None;
    }

    /// Is called after a transaction that failed.
    pub(super) fn forget(&mut self) {
        self.recount();
        self.dropped.clear();
    }

    fn counts(&mut self) -> rusqlite::Result<&mut HashMap<Arc<str>, u64>> {
        if self.counts.is_none() {
            let read = |row: &Row<'_>| Ok((row.get(0)?, row.get::<_, u32>(1)?.into()));
            let rows = self.count.query_map([], read)?;
            self.counts = Some(rows.collect::<rusqlite::Result<_>>()?);
        }
        Ok(self.counts.get_or_insert_default())
    }
}
