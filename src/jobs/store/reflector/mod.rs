//! Keeps the jobs in memory equal to those of the API server. A job's version never goes backwards, and a deleted job
//! does not come back.

mod exits;
mod list;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::jobs::batches::members;
use crate::jobs::status::Status;
use crate::jobs::store::change_log::ChangeLog;
use crate::jobs::store::ended::EndedJobs;
use crate::jobs::store::finished::FinishedJobs;
use crate::jobs::store::index::JobIndex;
use crate::jobs::store::staleness::Staleness;
use crate::jobs::store::tombstones::Tombstones;
use crate::kube::watcher::{Failure, Version, WatchEvent};

/// Within this time after a reset, further signs of a reset are ignored.
const RESET_INTERVAL: Duration = Duration::from_secs(10);

#[derive(Debug, Default)]
pub(super) struct JobReflector {
    /// The name of the cluster, for the status objects.
    cluster: Box<str>,
    /// Whether the statuses keep the images of the jobs' containers.
    keeps_images: bool,
    pub(super) index: JobIndex,
    pub(super) changes: ChangeLog,
    pub(super) staleness: Staleness,
    /// The API server has reported every change up to this version.
    pub(super) version: Version,
    /// The list being read.
    list: Option<PendingList>,
    /// The version of the last list that began, complete or not.
    list_version: Version,
    /// The number of complete lists.
    pub(super) lists: u64,
    tombstones: Tombstones,
    /// Wakes the callers that wait for a job, by key.
    pub(super) waiting: HashMap<String, watch::Sender<()>>,
    pub(super) ended: EndedJobs,
    pub(super) finished: FinishedJobs,
    last_event: Option<Instant>,
    /// The jobs that failed recently and whose exit is not looked up yet.
    pub(super) failed: VecDeque<Arc<Status>>,
    last_reset: Option<Instant>,
}

/// The jobs of a list, by key, until the list is complete. A job that is in memory in this version is shared.
#[derive(Debug)]
struct PendingList {
    version: Version,
    jobs: BTreeMap<Arc<str>, Arc<Status>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Inserted {
    pub(super) is_new: bool,
    pub(super) store_was_reset: bool,
}

impl JobReflector {
    pub(super) fn new(cluster: &str) -> Self {
        Self { cluster: cluster.into(), ..Self::default() }
    }

    pub(super) fn keep_images(&mut self) {
        self.keeps_images = true;
    }

    pub(super) fn is_usable(&self) -> bool {
        self.staleness != Staleness::Unknown
    }

    pub(super) fn apply_event(&mut self, event: WatchEvent, now: Instant) {
        use WatchEvent::{Apply, Bookmark, Delete, Disconnected, Init, InitApply, InitDone, Watching};
        // The start of a list or of a watch says nothing about earlier changes.
        if matches!(event, InitDone | Apply(_) | Delete(_) | Bookmark(_)) {
            self.last_event = Some(now);
        }
        match event {
            Init(version) => self.begin_list(version),
            InitApply(jobs) => jobs.iter().for_each(|job| self.add_listed(job)),
            InitDone => self.apply_listed(now),
            Watching => self.staleness = Staleness::Current,
            Apply(job) => {
                let status = self.status(&job);
                self.version = self.version.max(status.version);
                if self.is_newer(&status) {
                    self.insert(Arc::new(status), now);
                }
            }
            Delete(job) => self.delete(Arc::new(self.status(&job)), now),
            Bookmark(version) => self.version = self.version.max(version),
            Disconnected(Failure::Forbidden(_)) => self.clear(),
            Disconnected(failure) => {
                // After a broken connection or a 429 the list continues with its next page.
                if !matches!(failure, Failure::Broken(_) | Failure::Throttled(_)) {
                    self.list = None;
                }
                self.become_stale(now);
            }
        }
    }

    fn delete(&mut self, status: Arc<Status>, now: Instant) {
        self.version = self.version.max(status.version);
        self.tombstones.deletion_reported(&status);
        if let Some(known) = self.index.get(status.key()).filter(|known| known.version <= status.version) {
            if known.uid == status.uid && !known.state.is_final() && status.state.is_final() {
                // The deletion may be the only event of a job that ends and is deleted at once.
                self.insert(Arc::clone(&status), now);
            }
            self.remove(status.key(), now);
        }
        self.ended.note(status, now);
    }

    pub(super) fn clear(&mut self) {
        self.finished.forget(&self.index);
        self.index = JobIndex::default();
        self.tombstones.clear();
        self.changes.reset();
        (self.version, self.list_version, self.list) = (0, 0, None);
        self.staleness = Staleness::Unknown;
        self.wake_all();
    }

    fn become_stale(&mut self, now: Instant) {
        if self.staleness == Staleness::Current {
            self.staleness = Staleness::Stale(self.last_event.unwrap_or(now));
            // From now on the waiting callers must ask the API server.
            self.wake_all();
        }
    }

    /// Stores a job that one of our own calls returned.
    pub(super) fn insert_if_newer(&mut self, status: Status, now: Instant) -> Inserted {
        let store_was_reset = self.proves_reset(&status, now);
        if store_was_reset {
            self.last_reset = Some(now);
            self.clear();
        }
        let is_kept = self.is_usable() || self.list.is_some();
        // The watch has reported a job that is not newer than its last event, and perhaps its deletion.
        let is_new = is_kept && status.version > self.version && self.is_newer(&status);
        if is_new {
            self.insert(Arc::new(status), now);
        }
        Inserted { is_new, store_was_reset }
    }

    /// Whether the watch is beyond the job's version and never reported the job.
    fn proves_reset(&self, status: &Status, now: Instant) -> bool {
        let is_known = self.index.get(status.key()).is_some_and(|known| known.uid == status.uid);
        self.staleness == Staleness::Current
            && (1..=self.version).contains(&status.version)
            && !is_known
            && self.ended.last(status.key(), Some(&status.uid), now).is_none()
            && self.last_reset.is_none_or(|then| now.saturating_duration_since(then) > RESET_INTERVAL)
    }

    fn is_newer(&self, status: &Status) -> bool {
        self.index.get(status.key()).is_none_or(|known| known.version < status.version)
    }

    fn insert(&mut self, status: Arc<Status>, now: Instant) {
        if self.tombstones.hides(&status) {
            return;
        }
        let mut before = self.index.insert(Arc::clone(&status));
        if let Some(other) = before.take_if(|before| before.uid != status.uid) {
            self.ended.note(Arc::clone(&other), now);
            self.changes.deleted(other);
        }
        self.wake(&status);
        self.queue_exit(&status, before.as_deref());
        self.finished.note(&status, before.as_deref());
        self.changes.updated(before, status);
    }

    /// Removes a job that one of our own calls deleted. Returns whether the job was there.
    pub(super) fn tombstone(&mut self, key: &str, uid: &str, now: Instant) -> bool {
        let listed = || self.list.as_ref().and_then(|list| list.jobs.get(key));
        let is_same = |known: &&Arc<Status>| *known.uid == *uid;
        // An unknown job needs no tombstone: the watch has reported its deletion, or will report its whole life.
        let Some(known) = self.index.get(key).filter(is_same).or_else(|| listed().filter(is_same)) else {
            return false;
        };
        self.tombstones.add(known);
        if self.index.get(key).is_some_and(|known| *known.uid == *uid) {
            self.remove(key, now);
        }
        true
    }

    fn remove(&mut self, key: &str, now: Instant) {
        if let Some(status) = self.index.remove(key) {
            self.wake(&status);
            self.ended.note(Arc::clone(&status), now);
            self.changes.deleted(status);
        }
    }

    fn wake_all(&self) {
        self.waiting.values().for_each(|waiting| waiting.send_modify(|()| ()));
    }

    /// Wakes the callers that wait for the job, or for its batch.
    fn wake(&self, status: &Status) {
        let wake = |key: &str| {
            if let Some(waiting) = self.waiting.get(key) {
                waiting.send_replace(());
            }
        };
        wake(status.key());
        if let Some(batch) = members::batch_of(status) {
            wake(&[status.namespace(), "/", batch].concat());
        }
    }
}

#[cfg(test)]
#[path = "reflector_tests.rs"]
mod tests;
