//! The state that the writer shares with its callers: [`Shared`].

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::history::metrics::HistoryMetrics;
use crate::history::outbox::drops::Drops;
use crate::history::outbox::tables::OutboxChanges;
use crate::history::record::{self, Record};
use crate::history::store::error::Unusable;
use crate::history::store::schema::DATABASE;
use crate::kube::health::Outcome;

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) metrics: Arc<HistoryMetrics>,
    pub(super) path: PathBuf,
    /// The start of the service, in seconds since 1970.
    pub(super) started: i64,
    /// Changes when the writer has room again after records were dropped.
    pub(super) dropped: watch::Sender<u64>,
    /// Changes when deliveries are new, or are due again.
    pub(super) outbox: watch::Sender<u64>,
    /// The deliveries that were dropped.
    pub(super) drops: Drops,
    /// Whether records were dropped, or the database failed, since the last notification.
    has_lost: AtomicBool,
    /// Whether a reader found the file damaged.
    is_suspect: AtomicBool,
    state: Mutex<State>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct State {
    pub(super) check: Outcome,
    /// Whether readers may open the file.
    pub(super) is_open: bool,
}

impl Shared {
    pub(super) fn new(dir: &std::path::Path) -> Self {
        Self {
            metrics: Arc::default(),
            path: dir.join(DATABASE),
            started: record::now(),
            dropped: watch::Sender::default(),
            outbox: watch::Sender::default(),
            drops: Drops::default(),
            has_lost: AtomicBool::default(),
            is_suspect: AtomicBool::default(),
            state: Mutex::default(),
        }
    }

    /// Tells what a transaction has changed in the outbox.
    pub(super) fn announce(&self, changes: OutboxChanges) {
        self.drops.add(changes.dropped);
        if changes.is_due {
            self.outbox.send_modify(|times| *times += 1);
        }
    }

    /// Counts a record that is lost, unless its sender learns that: then no comparison is needed.
    pub(super) fn lose(&self, record: &Record) {
        if let Record::BatchesEnded { .. } | Record::Attempt { .. } | Record::Redelivery { .. } = record {
            return;
        }
        self.metrics.dropped.count();
        self.has_lost.store(true, Ordering::Relaxed);
    }

    /// Notifies if records were lost, or the database failed, since the last time.
    pub(super) fn notify_if_lost(&self) {
        if self.has_lost.swap(false, Ordering::Relaxed) {
            self.dropped.send_modify(|times| *times += 1);
        }
    }

    pub(super) fn suspect(&self) {
        self.is_suspect.store(true, Ordering::Relaxed);
    }

    /// Returns whether a reader found the file damaged since the last time.
    pub(super) fn take_suspicion(&self) -> bool {
        self.is_suspect.swap(false, Ordering::Relaxed)
    }

    pub(super) fn state(&self) -> State {
        self.lock().clone()
    }

    pub(super) fn passed(&self) {
        if self.note(State { check: Outcome::Passed, is_open: true }) {
            log::info!(check = "history", file = self.path.display().to_string(); "check passed");
        }
    }

    /// Notes a failure. The file may be open still: then it can be read, but not written.
    pub(super) fn failed(&self, unusable: &Unusable, is_open: bool) {
        self.has_lost.store(true, Ordering::Relaxed);
        let why = unusable.to_string();
        if self.note(State { check: Outcome::Failed(why.clone()), is_open }) {
            log::warn!(check = "history", file = self.path.display().to_string(), error = why; "check failed");
        }
    }

    /// Returns whether the outcome differs from the last one.
    fn note(&self, new: State) -> bool {
        let mut state = self.lock();
        let changed = state.check != new.check;
        *state = new;
        changed
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
