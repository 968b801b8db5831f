//! The thread that writes: [`Writer`].

use std::cell::OnceCell;
use std::iter;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::oneshot;

use crate::config::history::HistoryConfig;
use crate::history::record::Record;
use crate::history::store::apply::Tables;
use crate::history::store::error::Unusable;
use crate::history::store::files;
use crate::history::store::open::open;
use crate::history::store::retention::Retention;
use crate::history::store::shared::Shared;

/// The most records of a transaction.
const MAX_GROUP: usize = 512;

/// Shows that a MiB can be written.
const PROBE: &str = "
    DROP TABLE IF EXISTS probe;
    CREATE TABLE probe AS SELECT zeroblob(1048576);
    DROP TABLE probe;";

#[derive(Debug)]
pub(super) enum Entry {
    Record(Record),
    /// Is answered when everything before it is written, or lost.
    Flush(oneshot::Sender<()>),
    /// Ends the thread. The sender is dropped when the database is closed.
    Close(oneshot::Sender<()>),
}

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
}

/// The thread must end: an [`Entry::Close`] came, or all senders of records are dropped.
struct Ended;

impl Writer {
    /// Writes until all senders are dropped. A file that cannot be used is tried again and again.
    pub(super) fn run(self) {
        while let Err(unusable) = self.serve() {
            self.shared.failed(&unusable, false);
            if self.lose_records(self.pauses.open).is_err() {
                return;
            }
        }
    }

    /// Opens the file, and writes until all senders are dropped.
    fn serve(&self) -> Result<(), Unusable> {
        let database = open(&self.config)?;
        let served = self.write_all(&database.connection);
        if served.as_ref().is_err_and(Unusable::is_corrupt) {
            database.leave();
        }
        served
    }

    fn write_all(&self, connection: &Connection) -> Result<(), Unusable> {
        let mut tables = Tables::prepare(connection)?;
        let mut retention = Retention::new(connection, &self.config, self.pauses.retention, self.shared.started)?;
        self.shared.passed();
        let mut wait = Duration::ZERO;
        loop {
            if self.shared.take_suspicion() {
                return Err(Unusable::Corrupt);
            }
            let Ok(group) = self.next_group(wait) else { return Ok(()) };
            tables.too_old = retention.too_old();
            let is_idle = group.len() < MAX_GROUP;
            let outcome = self.write(connection, &mut tables, group).and_then(|()| retention.work(is_idle));
            self.shared.metrics.size.set(files::size(&self.shared.path));
            match outcome {
                Ok(has_more) => wait = if has_more { Duration::ZERO } else { self.pauses.retention },
                Err(error) => match self.recover(connection, &mut retention, error)? {
                    Ok(()) => {}
                    Err(Ended) => return Ok(()),
                },
            }
            if is_idle {
                self.shared.notify_if_lost();
            }
        }
    }

    /// Writes a group. If that fails, all its records are lost.
    fn write(&self, connection: &Connection, tables: &mut Tables<'_>, group: Vec<Entry>) -> rusqlite::Result<()> {
        let written = if group.is_empty() { Ok(()) } else { transact(connection, tables, &group) };
        settle(group, || if written.is_ok() { self.shared.metrics.written.count() } else { self.shared.lose() });
        written
    }

    /// Waits until the database can be written again. Fails if it must be closed.
    fn recover(
        &self,
        connection: &Connection,
        retention: &mut Retention<'_>,
        error: rusqlite::Error,
    ) -> Result<Result<(), Ended>, Unusable> {
        let mut unusable = Unusable::from(error);
        loop {
            if !matches!(unusable, Unusable::DiskFull) {
                return Err(unusable);
            }
            let why = if retention.is_high()? { Unusable::SizeReached } else { unusable };
            self.shared.failed(&why, true);
            if self.lose_records(self.pauses.full).is_err() {
                return Ok(Err(Ended));
            }
            match retention.work(false).and_then(|_| connection.execute_batch(PROBE)) {
                Ok(()) => break,
                Err(error) => unusable = error.into(),
            }
        }
        self.shared.passed();
        Ok(Ok(()))
    }

    /// Loses all records for some time, so that the queue does not fill up with what will be compared anyway.
    fn lose_records(&self, time: Duration) -> Result<(), Ended> {
        let until = Instant::now() + time;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            settle(self.next_group(left)?, || self.shared.lose());
        }
    }

    /// Returns the next records, or none if none came in time.
    fn next_group(&self, wait: Duration) -> Result<Vec<Entry>, Ended> {
        if self.closing.get().is_some() {
            return Err(Ended);
        }
        let first = match self.records.recv_timeout(wait) {
            Ok(first) => first,
            Err(RecvTimeoutError::Timeout) => return Ok(Vec::new()),
            Err(RecvTimeoutError::Disconnected) => return Err(Ended),
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

/// Writes a group in one transaction, or nothing of it.
fn transact(connection: &Connection, tables: &mut Tables<'_>, group: &[Entry]) -> rusqlite::Result<()> {
    let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
    for entry in group {
        if let Entry::Record(record) = entry {
            tables.apply(record)?;
        }
    }
    transaction.commit()
}

/// Counts the records, and answers the flushes.
fn settle(group: Vec<Entry>, count: impl Fn()) {
    for entry in group {
        match entry {
            Entry::Record(_) => count(),
            Entry::Flush(done) | Entry::Close(done) => {
                let _ = done.send(());
            }
        }
    }
}

#[cfg(test)]
#[path = "tests/writer_tests.rs"]
mod tests;
