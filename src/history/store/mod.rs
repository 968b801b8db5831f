//! The database, its thread and its queue: [`History`].

mod apply;
mod entry;
mod error;
mod files;
mod open;
mod read;
mod retention;
mod run_row;
pub(in crate::history) mod schema;
mod shared;
mod writer;

use std::cell::OnceCell;
use std::sync::Arc;
use std::sync::mpsc::{self, SyncSender, TrySendError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::{oneshot, watch};

use crate::config::history::HistoryConfig;
use crate::history::metrics::HistoryMetrics;
use crate::history::outbox::event::Subscriptions;
use crate::history::outbox::requests::{Attempt, RedeliverError, Redelivery};
use crate::history::outbox::tables::OutboxConfig;
use crate::history::record::Record;
use crate::kube::health::Outcome;

use entry::Entry;
pub use read::ReadError;
use read::Readers;
use shared::Shared;
use writer::{Pauses, Writer};

/// The most records that wait for the writer.
const MAX_QUEUED: usize = 8192;
/// How often a flush, or the end, tries to enter a full queue.
const FLUSH_PAUSE: Duration = Duration::from_millis(10);

/// The thread ends when this is dropped, after it has written what is queued.
#[derive(Debug)]
pub struct History {
    pub metrics: Arc<HistoryMetrics>,
    queue: SyncSender<Entry>,
    shared: Arc<Shared>,
    /// Whether there are webhooks.
    sends: bool,
    readers: Readers,
    /// So that no query holds up the deliveries.
    outbox_readers: Readers,
    /// `None` if it could not start.
    thread: Option<JoinHandle<()>>,
}

impl History {
    /// Starts the thread that opens the database and writes. Does not wait for it.
    /// With subscriptions it writes the messages to their endpoints.
    pub fn start(config: HistoryConfig, subscriptions: Option<Arc<dyn Subscriptions>>) -> Arc<Self> {
        Self::start_with(config, subscriptions.map(OutboxConfig::new), Pauses::default())
    }

    fn start_with(config: HistoryConfig, outbox: Option<OutboxConfig>, pauses: Pauses) -> Arc<Self> {
        let sends = outbox.is_some();
        let shared = Arc::new(Shared::new(&config.dir));
        let (queue, records) = mpsc::sync_channel(MAX_QUEUED);
        let writer = Writer { config, pauses, shared: Arc::clone(&shared), records, closing: OnceCell::new(), outbox };
        let thread = thread::Builder::new().name("history".to_owned()).spawn(move || writer.run()).ok();
        Arc::new(Self {
            metrics: Arc::clone(&shared.metrics),
            queue,
            shared,
            sends,
            readers: Readers::default(),
            outbox_readers: Readers::default(),
            thread,
        })
    }

    /// Queues a record. Never waits. Returns false if the record is dropped.
    pub fn record(&self, record: Record) -> bool {
        let sent = self.send(Entry::Record(record));
        if let Err(TrySendError::Full(entry) | TrySendError::Disconnected(entry)) = sent {
            entry.settle(None, &self.shared);
            return false;
        }
        true
    }

    fn send(&self, entry: Entry) -> Result<(), TrySendError<Entry>> {
        self.metrics.queued.add(1);
        let sent = self.queue.try_send(entry);
        if sent.is_err() {
            self.metrics.queued.sub(1);
        }
        sent
    }

    /// Notifies when the history must be compared with the cluster, because records were dropped.
    pub fn drops(&self) -> watch::Receiver<u64> {
        self.shared.dropped.subscribe()
    }

    /// Returns the outcome of the health check `history`.
    pub fn check(&self) -> Outcome {
        if self.thread.as_ref().is_none_or(JoinHandle::is_finished) {
            return Outcome::Failed("the thread of the history has ended: restart the service".to_owned());
        }
        self.shared.state().check
    }

    /// Runs a query on a connection of its own, in a thread of its own. Interrupts it when the time is up, and when the
    /// future is dropped.
    pub async fn read<T: Send + 'static>(
        &self,
        timeout: Duration,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, ReadError> {
        self.readers.read(&self.shared, timeout, query).await
    }

    /// Whether it writes messages to webhooks.
    pub const fn sends(&self) -> bool {
        self.sends
    }

    /// Notifies of new deliveries, and of deliveries whose time has changed.
    pub fn outbox_changes(&self) -> watch::Receiver<u64> {
        self.shared.outbox.subscribe()
    }

    /// Returns how many pending deliveries of an endpoint were dropped since the start.
    pub fn outbox_dropped(&self, webhook: &str) -> u64 {
        self.shared.drops.total(webhook)
    }

    /// As [`History::read`], for the deliveries. Calls do not use it.
    pub async fn read_outbox<T: Send + 'static>(
        &self,
        timeout: Duration,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, ReadError> {
        self.outbox_readers.read(&self.shared, timeout, query).await
    }

    /// Returns whether the attempt is written.
    pub async fn record_attempt(&self, attempt: Attempt) -> bool {
        let (done, is_done) = oneshot::channel();
        self.record(Record::Attempt { attempt: Box::new(attempt), done }) && is_done.await.is_ok()
    }

    /// Makes deliveries due again. Returns how many.
    pub async fn redeliver(&self, redelivery: Redelivery) -> Result<u64, RedeliverError> {
        let (done, is_done) = oneshot::channel();
        self.record(Record::Redelivery { redelivery: Box::new(redelivery), done });
        is_done.await.unwrap_or(Err(RedeliverError::Unavailable))
    }

    /// Waits until all records of the queue are written, or dropped.
    pub async fn flush(&self) {
        self.ask(Entry::Flush).await;
    }

    /// Waits until all records of the queue are written, or dropped, and the database is closed. Then the thread ends.
    pub async fn close(&self) {
        self.ask(Entry::Close).await;
    }

    async fn ask(&self, entry: fn(oneshot::Sender<()>) -> Entry) {
        let (done, is_done) = oneshot::channel();
        let mut entry = entry(done);
        while let Err(TrySendError::Full(back)) = self.send(entry) {
            entry = back;
            tokio::time::sleep(FLUSH_PAUSE).await;
        }
        // If the thread has ended, it answers nothing.
        let _ = is_done.await;
    }
}

#[cfg(test)]
#[path = "tests/support_tests.rs"]
mod support_tests;

#[cfg(test)]
#[path = "tests/outbox/mod.rs"]
mod outbox_tests;
