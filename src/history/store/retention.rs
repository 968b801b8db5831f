//! Deletes what is too old, or too much, in small pieces: [`Retention`].

use std::collections::BTreeMap;
use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OptionalExtension, params};

use crate::config::history::HistoryConfig;
use crate::history::outbox::drops::Drops;
use crate::history::outbox::event::Subscriptions;
use crate::history::record;
use crate::history::store::open::max_pages;

/// The most rows, or pages, of one transaction.
const PIECE: i64 = 500;
const KEPT_SINCE: &str = "kept_since";

/// The statements that delete a row, by table. The number of a table is its place here.
const DELETE: [&str; 4] = [
    "DELETE FROM runs WHERE id = ?1",
    "DELETE FROM batch_ends WHERE id = ?1",
    "DELETE FROM audit WHERE id = ?1",
    "DELETE FROM events WHERE id = ?1",
];
/// Tables whose rows would be added again: there `kept_since` counts.
const RUNS: u8 = 0;
const BATCH_ENDS: u8 = 1;
const EVENTS: u8 = 3;

/// The oldest runs of all clusters, ends of batches, audit records and events, before the time ?1 (?2 in milliseconds).
/// The age of a run counts from its end. A run that may still exist is left out.
/// A cluster that was not compared since ?3 is not watched any more: nothing will be learned about its runs.
/// ?5 is a JSON array of endpoints. An event is left out while a delivery of it to one of them is pending.
const OLDEST: &str = "
    SELECT created, runs.id, 0 FROM clusters CROSS JOIN runs ON runs.id IN (
        SELECT id FROM runs
        WHERE cluster = clusters.id AND created < ?1 AND max(ifnull(ended, 0), ifnull(gone, 0)) < ?1
            AND (gone IS NOT NULL OR state IN ('completed', 'failed') OR ifnull(clusters.compared, 0) < ?3)
        ORDER BY created LIMIT ?4)
    UNION ALL
    SELECT * FROM (SELECT time, id, 1 FROM batch_ends WHERE time < ?1 ORDER BY time LIMIT ?4)
    UNION ALL
    SELECT * FROM (SELECT time / 1000, id, 2 FROM audit WHERE time < ?2 ORDER BY time LIMIT ?4)
    UNION ALL
    SELECT * FROM (
        SELECT written / 1000, id, 3 FROM events INDEXED BY events_by_written
        WHERE written < ?2 AND NOT EXISTS (
            SELECT 1 FROM deliveries
            WHERE event = events.id AND state = 'pending' AND webhook IN (SELECT value FROM json_each(?5)))
        ORDER BY written LIMIT ?4)
    ORDER BY 1 LIMIT ?4";

/// Finished runs that are not added, because they would be deleted again.
#[derive(Clone, Copy, Debug)]
pub(super) struct TooOld {
    /// A finished run created by then is deleted.
    pub(super) created_by: i64,
    /// A run that ended before is deleted.
    pub(super) ended_before: i64,
}

impl TooOld {
    /// Whether a finished run is deleted. A run that is gone may have no end.
    pub(super) fn includes(&self, created: i64, ended: Option<i64>) -> bool {
        created <= self.created_by || ended.is_some_and(|ended| ended.max(created) < self.ended_before)
    }
}

/// A row that [`OLDEST`] finds.
struct Row {
    /// In seconds.
    time: i64,
    id: i64,
    /// The place in [`DELETE`].
    table: u8,
}

#[derive(Debug)]
pub(super) struct Retention<'c> {
    connection: &'c Connection,
    /// The start of the service, in seconds. A cluster that was compared since then may still be watched.
    started: i64,
    /// In seconds.
    keep: i64,
    max_pages: i64,
    /// The creation of the newest run, or the newest end of a batch, that was deleted because of the size.
    kept_since: i64,
    /// The pause after all is done.
    pause: Duration,
    next_by_age: Instant,
    next_by_size: Instant,
    has_deleted_events: bool,
    /// Their pending deliveries, by the endpoint.
    dropped: BTreeMap<Arc<str>, u64>,
    /// `None` without webhooks: then nothing that is pending is kept.
    pub(super) subscriptions: Option<Arc<dyn Subscriptions>>,
}

impl<'c> Retention<'c> {
    pub(super) fn new(
        connection: &'c Connection,
        config: &HistoryConfig,
        pause: Duration,
        started: i64,
    ) -> rusqlite::Result<Self> {
        let find = "SELECT value FROM facts WHERE name = ?1";
        let kept_since = connection.query_row(find, [KEPT_SINCE], |row| row.get(0)).optional()?;
        Ok(Self {
            connection,
            started,
            keep: config.keep.as_secs().try_into().unwrap_or(i64::MAX),
            max_pages: max_pages(config),
            kept_since: kept_since.unwrap_or(i64::MIN),
            pause,
            next_by_age: Instant::now(),
            next_by_size: Instant::now(),
            has_deleted_events: false,
            dropped: BTreeMap::new(),
            subscriptions: None,
        })
    }

    /// Returns which finished runs would be deleted.
    pub(super) fn too_old(&self) -> TooOld {
        TooOld { created_by: self.kept_since, ended_before: self.oldest_kept() }
    }

    /// Returns the oldest end that is kept.
    fn oldest_kept(&self) -> i64 {
        record::now().saturating_sub(self.keep)
    }

    /// Does a piece of work, if there is some. Old rows wait until the writer is idle.
    /// Returns whether there may be more.
    pub(super) fn work(&mut self, is_idle: bool) -> rusqlite::Result<bool> {
        if self.next_by_size <= Instant::now() && self.is_high()? {
            if self.delete_by_size()? {
                return Ok(true);
            }
            self.next_by_size = Instant::now() + self.pause;
        }
        if !is_idle || self.next_by_age > Instant::now() {
            return Ok(false);
        }
        let has_more = self.delete_by_age()? || self.release()?;
        if !has_more {
            self.next_by_age = Instant::now() + self.pause;
        }
        Ok(has_more)
    }

    /// Returns whether events were deleted since the last time, with their deliveries. Counts those that were dropped.
    pub(super) fn take_deleted_events(&mut self, drops: &Drops) -> bool {
        drops.add(mem::take(&mut self.dropped));
        mem::take(&mut self.has_deleted_events)
    }

    /// Whether 90 % are used.
    pub(super) fn is_high(&self) -> rusqlite::Result<bool> {
        let (pages, free) = self.pages()?;
        Ok(pages - free >= self.max_pages / 10 * 9)
    }

    /// Returns the pages, and the free ones.
    fn pages(&self) -> rusqlite::Result<(i64, i64)> {
        let sql = "SELECT page_count, freelist_count FROM pragma_page_count, pragma_freelist_count";
        self.connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))
    }

    /// Deletes what ended before the time that is kept. Returns whether there was something.
    fn delete_by_age(&mut self) -> rusqlite::Result<bool> {
        let transaction = self.connection.unchecked_transaction()?;
        let deleted = self.delete_oldest(self.oldest_kept(), &self.endpoints())?;
        transaction.commit()?;
        Ok(!deleted.is_empty())
    }

    /// Returns the endpoints whose pending deliveries are kept.
    fn endpoints(&self) -> Vec<Arc<str>> {
        self.subscriptions.as_ref().map_or_else(Vec::new, |known| known.names())
    }

    /// Deletes the oldest, at last what is pending: it must not stop the history. Returns whether there was something.
    fn delete_by_size(&mut self) -> rusqlite::Result<bool> {
        let transaction = self.connection.unchecked_transaction()?;
        let mut deleted = self.delete_oldest(i64::MAX, &self.endpoints())?;
        if deleted.is_empty() {
            deleted = self.delete_oldest(i64::MAX, &[])?;
        }
        let known = deleted.iter().filter(|row| [RUNS, BATCH_ENDS].contains(&row.table));
        let kept_since = known.map(|row| row.time).max().unwrap_or(i64::MIN).max(self.kept_since);
        if kept_since > self.kept_since {
            transaction.execute("INSERT OR REPLACE INTO facts VALUES (?1, ?2)", (KEPT_SINCE, kept_since))?;
        }
        transaction.commit()?;
        self.kept_since = kept_since;
        Ok(!deleted.is_empty())
    }

    /// Deletes the oldest rows from before a time, except those that are pending for these endpoints. Returns them.
    fn delete_oldest(&mut self, before: i64, kept: &[Arc<str>]) -> rusqlite::Result<Vec<Row>> {
        let left = self.oldest_kept().min(self.started);
        let mut oldest = self.connection.prepare(OLDEST)?;
        let kept = kept.iter().map(|name| &**name).collect::<serde_json::Value>().to_string();
        let oldest = oldest.query_map(params![before, before.saturating_mul(1000), left, PIECE, kept], |row| {
            Ok(Row { time: row.get(0)?, id: row.get(1)?, table: row.get(2)? })
        })?;
        let oldest: Vec<_> = oldest.collect::<rusqlite::Result<_>>()?;
        self.count_pending(&oldest)?;
        for (table, delete) in (0..).zip(DELETE) {
            let mut delete = self.connection.prepare(delete)?;
            for row in oldest.iter().filter(|row| row.table == table) {
                delete.execute([row.id])?;
            }
        }
        self.has_deleted_events |= oldest.iter().any(|row| row.table == EVENTS);
        Ok(oldest)
    }

    /// Counts what is pending of these events for endpoints that are known.
    fn count_pending(&mut self, rows: &[Row]) -> rusqlite::Result<()> {
        let mut pending =
            self.connection.prepare("SELECT webhook FROM deliveries WHERE event = ?1 AND state = 'pending'")?;
        let known = self.endpoints();
        for row in rows.iter().filter(|row| row.table == EVENTS) {
            let webhooks =
                pending.query_map([row.id], |row| row.get(0))?.collect::<rusqlite::Result<Vec<Arc<str>>>>()?;
            for webhook in webhooks.into_iter().filter(|webhook| known.contains(webhook)) {
                *self.dropped.entry(webhook).or_default() += 1;
            }
        }
        Ok(())
    }

    /// Gives free pages back to the file system if they are many. Returns whether there may be more.
    fn release(&self) -> rusqlite::Result<bool> {
        let (pages, free) = self.pages()?;
        if free == 0 || (free <= pages / 10 && pages <= self.max_pages) {
            return Ok(false);
        }
        self.connection.pragma(None, "incremental_vacuum", PIECE, |_| Ok(()))?;
        Ok(self.pages()?.1 < free)
    }
}

#[cfg(test)]
#[path = "tests/retention_tests.rs"]
mod tests;
