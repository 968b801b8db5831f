//! What is known of all jobs, and how fresh it is. Owns what may go in when, so that a job's version never goes
//! backwards, and no job is there that is gone.

mod exits;
mod lists;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::watch;

use lists::List;

use crate::jobs::status::Status;
use crate::jobs::store::change_log::ChangeLog;
use crate::jobs::store::ended::Gone;
use crate::jobs::store::index::{Entry, Store};
use crate::jobs::store::staleness::{Age, Staleness};
use crate::kube::watcher::{Failure, Version, WatchEvent};

#[derive(Debug, Default)]
pub(super) struct JobReflector {
    pub(super) store: Store,
    pub(super) changes: ChangeLog,
    freshness: Staleness,
    /// All that happened up to this version is in.
    pub(super) version: Version,
    list: List,
    /// Jobs that our own delete calls removed, by name, until the watch says so too, or a list that was asked for later.
    buried: HashMap<String, Tombstone>,
    pub(super) waiting: HashMap<String, watch::Sender<()>>,
    pub(super) gone: Gone,
    heard: Option<Instant>,
    /// Jobs that failed a moment ago, and whose exit is still to be looked up.
    pub(super) failed: VecDeque<Arc<Status>>,
    /// When the cluster's store was last found to be set back.
    store_was_reset: Option<Instant>,
}

/// A job that is gone. What is told of its name up to the version that was known of it is older still.
#[derive(Debug)]
struct Tombstone {
    uid: Box<str>,
    version: Version,
    /// The list before.
    list: u32,
}

/// What became of a job that was taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entered {
    pub(super) is_new: bool,
    /// Whether it proves that the cluster's store was set back, so that all has to be listed again.
    pub(super) is_set_back: bool,
}

impl JobReflector {
    pub(super) fn is_usable(&self) -> bool {
        self.freshness != Staleness::Empty
    }

    pub(super) fn age(&self, now: Instant) -> Option<Age> {
        self.freshness.age(now)
    }

    pub(super) fn apply_event(&mut self, news: WatchEvent, now: Instant) {
        let is_first = self.freshness == Staleness::Empty;
        // That a list or a stream begins says nothing of what happened before.
        if matches!(news, WatchEvent::InitDone | WatchEvent::Apply(_) | WatchEvent::Delete(_) | WatchEvent::Bookmark(_))
        {
            self.heard = Some(now);
        }
        match news {
            WatchEvent::Init(version) => self.begin_list(version),
            WatchEvent::InitApply(jobs) => jobs.iter().for_each(|job| self.list_in(self.status(job), now)),
            WatchEvent::InitDone => {
                self.end_list(now);
                if is_first {
                    // Nobody follows yet, and the whole list is no news.
                    self.changes.cut();
                }
                if self.freshness != Staleness::JobReflector {
                    self.freshness = Staleness::Stale(now);
                }
            }
            WatchEvent::Watching => self.freshness = Staleness::JobReflector,
            WatchEvent::Apply(job) => {
                let status = self.status(&job);
                self.version = self.version.max(status.version);
                if self.is_newer(&status) {
                    self.put(status, self.list.number, now);
                }
            }
            WatchEvent::Delete(job) => {
                let status = self.status(&job);
                self.version = self.version.max(status.version);
                let is_end = |buried: &Tombstone| buried.uid == status.uid && buried.version < status.version;
                if self.buried.get(status.key()).is_some_and(is_end) {
                    self.buried.remove(status.key());
                }
                if let Some(known) = self.store.get(status.key()).filter(|known| known.status.version <= status.version)
                {
                    let known = &known.status;
                    if known.uid == status.uid && !known.state.is_final() && status.state.is_final() {
                        // Of a job that ends and is deleted at once, the deletion may be the only event.
                        self.put(status.clone(), self.list.number, now);
                    }
                    self.remove(status.key(), now);
                }
                self.gone.note(Arc::new(status), now);
            }
            WatchEvent::Bookmark(version) => self.version = self.version.max(version),
            WatchEvent::Disconnected(Failure::Forbidden(_)) => self.clear(),
            WatchEvent::Disconnected(_) => {
                self.list.is_under_way = false;
                self.become_stale(now);
            }
        }
    }

    /// Nothing is known any more.
    pub(super) fn clear(&mut self) {
        self.store = Store::default();
        self.buried.clear();
        self.changes.cut();
        self.version = 0;
        self.list.is_under_way = false;
        self.freshness = Staleness::Empty;
        self.wake_all();
    }

    fn become_stale(&mut self, now: Instant) {
        if self.freshness == Staleness::JobReflector {
            self.freshness = Staleness::Stale(self.heard.unwrap_or(now));
            // From now on those who wait have to ask the cluster.
            self.wake_all();
        }
    }

    /// Takes in what one of our own writes returned, or a look into the cluster.
    pub(super) fn enter(&mut self, status: Status, now: Instant) -> Entered {
        let is_set_back = self.proves_set_back(&status, now);
        if is_set_back {
            self.take_as_set_back(now);
        }
        let is_kept = self.is_usable() || self.list.is_under_way;
        // What is not newer than all that was told is in already, or gone again.
        if !is_kept || status.version <= self.version || !self.is_newer(&status) {
            return Entered { is_new: false, is_set_back };
        }
        // A list that is under way and newer than this has to hold the job too, or it is gone.
        let list = if status.version > self.list.version { self.list.number } else { 0 };
        self.put(status, list, now);
        Entered { is_new: true, is_set_back }
    }

    /// Whether it is newer than what is known of the job with its name.
    fn is_newer(&self, status: &Status) -> bool {
        let known = self.store.get(status.key());
        known.is_none_or(|known| known.status.version < status.version || self.list.is_void(known))
    }

    fn put(&mut self, status: Status, list: u32, now: Instant) {
        let is_gone = |buried: &Tombstone| buried.uid == status.uid || buried.version >= status.version;
        if self.buried.get(status.key()).is_some_and(is_gone) {
            return;
        }
        let status = Arc::new(status);
        let before = self.store.put(Entry { status: Arc::clone(&status), list });
        let mut state = None;
        match before {
            Some(before) if before.uid != status.uid => {
                self.gone.note(Arc::clone(&before), now);
                self.changes.push(Some(before.state), None, before);
            }
            Some(before) => state = Some(before.state),
            None => {}
        }
        self.wake(status.key());
        self.queue_exit(&status, state);
        self.changes.push(state, Some(status.state), status);
    }

    /// Whether the job was there.
    pub(super) fn tombstone(&mut self, key: &str, uid: &str, now: Instant) -> bool {
        let Some(known) = self.store.get(key).filter(|known| *known.status.uid == *uid) else {
            // The watch has told the end already, or it will tell of the whole life in a moment.
            return false;
        };
        let version = if self.list.is_void(known) { 0 } else { known.status.version };
        self.remove(key, now);
        self.buried.insert(key.to_owned(), Tombstone { uid: uid.into(), version, list: self.list.number });
        true
    }

    fn remove(&mut self, key: &str, now: Instant) {
        if let Some(status) = self.store.remove(key) {
            self.wake(key);
            self.gone.note(Arc::clone(&status), now);
            self.changes.push(Some(status.state), None, status);
        }
    }

    fn wake_all(&self) {
        for waiting in self.waiting.values() {
            waiting.send_replace(());
        }
    }

    fn wake(&self, key: &str) {
        if let Some(waiting) = self.waiting.get(key) {
            waiting.send_replace(());
        }
    }
}

#[cfg(test)]
#[path = "reflector_tests.rs"]
mod tests;
