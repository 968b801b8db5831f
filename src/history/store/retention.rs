//! Deletes what is too old, or too much, in small pieces: [`Retention`].

use std::time::{Duration, Instant, SystemTime};

use rusqlite::{Connection, OptionalExtension};

use crate::config::history::HistoryConfig;
use crate::history::store::open::max_pages;
use crate::telemetry::metrics::since_epoch;

/// The most rows, or pages, of one transaction.
const PIECE: i64 = 500;
const KEPT_SINCE: &str = "kept_since";

#[derive(Debug)]
pub(super) struct Retention<'c> {
    connection: &'c Connection,
    /// In seconds.
    keep: i64,
    max_pages: i64,
    /// The creation of the newest run that was deleted because of the size.
    kept_since: i64,
    /// The pause after all is done.
    pause: Duration,
    next_by_age: Instant,
    next_by_size: Instant,
}

impl<'c> Retention<'c> {
    pub(super) fn new(connection: &'c Connection, config: &HistoryConfig, pause: Duration) -> rusqlite::Result<Self> {
        let find = "SELECT value FROM facts WHERE name = ?1";
        let kept_since = connection.query_row(find, [KEPT_SINCE], |row| row.get(0)).optional()?;
        Ok(Self {
            connection,
            keep: config.keep.as_secs().try_into().unwrap_or(i64::MAX),
            max_pages: max_pages(config),
            kept_since: kept_since.unwrap_or(i64::MIN),
            pause,
            next_by_age: Instant::now(),
            next_by_size: Instant::now(),
        })
    }

    /// Returns the newest creation of runs that would be deleted.
    pub(super) fn too_old(&self) -> i64 {
        self.kept_since.max(self.oldest_kept() - 1)
    }

    /// Returns the oldest creation that is kept.
    fn oldest_kept(&self) -> i64 {
        let now = since_epoch(SystemTime::now()).as_secs();
        i64::try_from(now).unwrap_or(i64::MAX).saturating_sub(self.keep)
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
        let has_more = self.delete_oldest(self.oldest_kept())?.is_some() || self.release()?;
        if !has_more {
            self.next_by_age = Instant::now() + self.pause;
        }
        Ok(has_more)
    }

    /// Whether 90 % of the size are used.
    pub(super) fn is_high(&self) -> rusqlite::Result<bool> {
        let (pages, free) = self.pages()?;
        Ok(pages - free >= self.max_pages / 10 * 9)
    }

    /// Returns the number of pages, and of those that are not used.
    fn pages(&self) -> rusqlite::Result<(i64, i64)> {
        let sql = "SELECT page_count, freelist_count FROM pragma_page_count, pragma_freelist_count";
        self.connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))
    }

    /// Deletes the oldest. Returns whether there was something.
    fn delete_by_size(&mut self) -> rusqlite::Result<bool> {
        let transaction = self.connection.unchecked_transaction()?;
        let Some(newest) = self.delete_oldest(i64::MAX)? else { return Ok(false) };
        if newest > self.kept_since {
            transaction.execute("INSERT OR REPLACE INTO facts VALUES (?1, ?2)", (KEPT_SINCE, newest))?;
        }
        transaction.commit()?;
        self.kept_since = self.kept_since.max(newest);
        Ok(true)
    }

    /// Deletes the oldest runs that ended or are gone, or the oldest audit records, from before a time.
    /// Returns the newest creation of the runs, or the least number for audit records. `None`: nothing is left.
    fn delete_oldest(&self, before: i64) -> rusqlite::Result<Option<i64>> {
        let oldest_run = "
            SELECT id, (SELECT created FROM runs
                        WHERE cluster = clusters.id AND (gone IS NOT NULL OR state IN ('completed', 'failed'))
                        ORDER BY created LIMIT 1) AS oldest
            FROM clusters WHERE oldest < ?1 ORDER BY oldest LIMIT 1";
        let run = self.connection.query_row(oldest_run, [before], |row| Ok((row.get(0)?, row.get(1)?)));
        let run: Option<(i64, i64)> = run.optional()?;
        let audit: Option<i64> = self.connection.query_row("SELECT min(time) FROM audit", [], |row| row.get(0))?;
        let audit = audit.map(|millis| millis.div_euclid(1000)).filter(|time| *time < before);
        match (run, audit) {
            (Some((cluster, created)), audit) if audit.is_none_or(|time| created <= time) => {
                let mut delete = self.connection.prepare(
                    "DELETE FROM runs WHERE id IN (
                        SELECT id FROM runs
                        WHERE cluster = ?1 AND created < ?2 AND (gone IS NOT NULL OR state IN ('completed', 'failed'))
                        ORDER BY created LIMIT ?3) RETURNING created",
                )?;
                let mut created = delete.query_map([cluster, before, PIECE], |row| row.get(0))?;
                created.try_fold(Some(i64::MIN), |newest, created| Ok(newest.max(Some(created?))))
            }
            (_, Some(_)) => {
                let before = before.saturating_mul(1000);
                self.connection.execute(
                    "DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE time < ?1 ORDER BY time LIMIT ?2)",
                    [before, PIECE],
                )?;
                Ok(Some(i64::MIN))
            }
            _ => Ok(None),
        }
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
