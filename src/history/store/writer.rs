//! The thread that writes: [`Writer`].

use std::cell::OnceCell;
use std::convert::Infallible;
use std::iter;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use rusqlite::{Connection, Error, Transaction, TransactionBehavior};
use tokio::sync::oneshot;

use crate::config::history::HistoryConfig;
use crate::history::outbox::tables::OutboxConfig;
use crate::history::store::apply::{MAX_GROUP, Outcome, Tables};
use crate::history::store::entry::Entry;
use crate::history::store::error::Unusable;
use crate::history::store::files::{self, Identity};
use crate::history::store::open::open;
use crate::history::store::retention::Retention;
use crate::history::store::shared::Shared;

/// How often the files are looked at.
const MAX_WAIT: Duration = Duration::from_secs(5);

/// Shows that a MiB can be written.
const PROBE: &str = "
    DROP TABLE IF EXISTS probe;
    CREATE TABLE probe AS SELECT zeroblob(1048576);
    DROP TABLE probe;";

#[derive(Clone, Copy, Debug)]
pub(super) struct Pauses {
    /// Before a file that cannot be used is opened again.
    pub(super) open: Duration,
    /// Before a full disk is tried again.
    pub(super) full: Duration,
    /// Between searches for what is too old.
    pub(super) retention: Duration,
}

impl Default for Pauses {
    fn default() -> Self {
        Self { open: Duration::from_mins(1), full: Duration::from_secs(5), retention: Duration::from_mins(1) }
    }
}

#[derive(Debug)]
pub(super) struct Writer {
    pub(super) config: HistoryConfig,
    pub(super) pauses: Pauses,
    pub(super) shared: Arc<Shared>,
    pub(super) records: Receiver<Entry>,
    /// Is set when the thread must end. It is dropped with the writer.
    pub(super) closing: OnceCell<oneshot::Sender<()>>,
    /// `None` without webhooks.
    pub(super) outbox: Option<OutboxConfig>,
}

/// Why the writer stops.
enum Stop {
    /// An [`Entry::Close`] came, or all senders of records are dropped.
    Ended,
    Unusable(Unusable),
}

impl<E: Into<Unusable>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Unusable(error.into())
    }
}

impl Writer {
    /// Writes until all senders are dropped. A file that cannot be used is tried again and again.
    pub(super) fn run(self) {
        while let Err(Stop::Unusable(unusable)) = self.serve() {
            self.shared.failed(&unusable, false);
            if self.lose_records(self.pauses.open).is_err() {
                return;
            }
        }
    }

    /// Opens the file, and writes until all senders are dropped.
    fn serve(&self) -> Result<Infallible, Stop> {
        let database = open(&self.config)?;
        let served = self.write_all(&database.connection);
        if matches!(&served, Err(Stop::Unusable(unusable)) if unusable.is_corrupt()) {
            database.leave();
        }
        served
    }

    fn write_all(&self, connection: &Connection) -> Result<Infallible, Stop> {
        let mut tables = Tables::with_outbox(connection, self.outbox.as_ref())?;
        let mut retention = Retention::new(connection, &self.config, self.pauses.retention, self.shared.started)?;
        retention.subscriptions = self.outbox.as_ref().map(|config| Arc::clone(&config.subscriptions));
        let mut identity = Identity::new(&self.shared.path);
        self.shared.passed();
        let mut wait = Duration::ZERO;
        loop {
            if self.shared.take_suspicion() {
                return Err(Unusable::Corrupt.into());
            }
            if identity.has_changed() {
                return Err(Unusable::Replaced.into());
            }
            let group = self.next_group(wait)?;
            let is_idle = group.len() < MAX_GROUP;
            let written = self.write(connection, &mut tables, &mut retention, group);
            let outcome = written.and_then(|()| retention.work(is_idle));
            tables.recount(retention.take_deleted_events(&self.shared.drops));
            self.shared.metrics.size.set(files::size(&self.shared.path));
            match outcome {
                Ok(has_more) => wait = if has_more { Duration::ZERO } else { self.pauses.retention.min(MAX_WAIT) },
                Err(error) => {
                    tables.forget();
                    self.recover(connection, &mut retention, error)?;
                }
            }
            self.shared.drops.log(Instant::now());
            if is_idle {
                self.shared.notify_if_lost();
            }
        }
    }

    /// Writes a group. If that fails, all its records are lost.
    fn write(
        &self,
        connection: &Connection,
        tables: &mut Tables<'_>,
        retention: &mut Retention<'_>,
        group: Vec<Entry>,
    ) -> rusqlite::Result<()> {
        let outcomes =
            if group.is_empty() { return Ok(()) } else { self.transact(connection, tables, retention, &group) };
        // Counted first: a caller that flushes sees the numbers.
        for outcome in outcomes.iter().flatten() {
            match outcome {
                Outcome::Written | Outcome::Redelivered(_) => self.shared.metrics.written.count(),
                Outcome::Unreadable => self.shared.metrics.dropped.count(),
                Outcome::LeftOut => {}
            }
        }
        let mut settled = outcomes.iter().flatten();
        for entry in group {
            entry.settle(settled.next().copied(), &self.shared);
        }
        outcomes.map(drop)
    }

    /// Writes a group in one transaction, unless it has a list: that ends one after each piece.
    /// Returns what became of each entry.
    fn transact(
        &self,
        connection: &Connection,
        tables: &mut Tables<'_>,
        retention: &mut Retention<'_>,
        group: &[Entry],
    ) -> rusqlite::Result<Vec<Outcome>> {
        tables.too_old = retention.too_old();
        let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
        let mut next_piece = |tables: &mut Tables<'_>| {
            connection.execute_batch("COMMIT")?;
            self.shared.announce(tables.take_changes());
            retention.work(false)?;
            tables.recount(retention.take_deleted_events(&self.shared.drops));
            tables.too_old = retention.too_old();
            connection.execute_batch("BEGIN IMMEDIATE")
        };
        let mut outcomes = Vec::with_capacity(group.len());
        for entry in group {
            outcomes.push(match entry {
                Entry::Flush(_) | Entry::Close(_) => Outcome::LeftOut,
                Entry::Record(record) => match tables.write(record, &mut next_piece) {
                    Err(Error::ToSqlConversionFailure(_)) => Outcome::Unreadable,
                    outcome => outcome?,
                },
            });
        }
        transaction.commit()?;
        self.shared.announce(tables.take_changes());
        Ok(outcomes)
    }

    /// Waits until the database can be written again. Fails if it must be closed.
    fn recover(
        &self,
        connection: &Connection,
        retention: &mut Retention<'_>,
        error: rusqlite::Error,
    ) -> Result<(), Stop> {
        let mut unusable = Unusable::from(error);
        loop {
            if !matches!(unusable, Unusable::DiskFull) {
                return Err(unusable.into());
            }
            let why = if retention.is_high()? { Unusable::SizeReached } else { unusable };
            self.shared.failed(&why, true);
            self.lose_records(self.pauses.full)?;
            match retention.work(false).and_then(|_| connection.execute_batch(PROBE)) {
                Ok(()) => break,
                Err(error) => unusable = error.into(),
            }
        }
        self.shared.passed();
        Ok(())
    }

    /// Loses all records for some time, so that the queue does not fill up. A comparison follows.
    fn lose_records(&self, time: Duration) -> Result<(), Stop> {
        let until = Instant::now() + time;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            self.next_group(left)?.into_iter().for_each(|entry| entry.settle(None, &self.shared));
        }
    }

    /// Returns the next records, or none if none came in time.
    fn next_group(&self, wait: Duration) -> Result<Vec<Entry>, Stop> {
        if self.closing.get().is_some() {
            return Err(Stop::Ended);
        }
        let first = match self.records.recv_timeout(wait) {
            Ok(first) => first,
            Err(RecvTimeoutError::Timeout) => return Ok(Vec::new()),
            Err(RecvTimeoutError::Disconnected) => return Err(Stop::Ended),
        };
        let entries = iter::once(first).chain(self.records.try_iter()).take(MAX_GROUP);
        let to_write = |entry| match entry {
            Entry::Close(done) => {
                let _ = self.closing.set(done);
                None
            }
            entry => Some(entry),
        };
        Ok(entries.inspect(|_| self.shared.metrics.queued.sub(1)).map_while(to_write).collect())
    }
}

#[cfg(test)]
#[path = "tests/writer_tests.rs"]
mod tests;
