//! What is known of all jobs, and how fresh it is. Owns what may go in when, so that a job's version never goes
//! backwards, and no job is there that is gone.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::watch;

use super::changes::Changes;
use super::freshness::{Age, Freshness};
use super::status::Status;
use super::store::{Entry, Store};
use crate::kube::watch::{Failure, News, Version};

#[derive(Debug, Default)]
pub(super) struct Live {
    pub(super) store: Store,
    pub(super) changes: Changes,
    freshness: Freshness,
    /// All that happened up to this version is in.
    pub(super) version: Version,
    list: List,
    /// Jobs that our own delete calls removed, by name, until the watch says so too, or a list that was asked for later.
    buried: HashMap<String, Buried>,
    pub(super) waiting: HashMap<String, watch::Sender<()>>,
    heard: Option<Instant>,
}

/// The list that is under way, or was last.
#[derive(Debug, Default)]
struct List {
    number: u32,
    version: Version,
    is_under_way: bool,
    /// Whether the cluster's versions were set back, as when its store is restored: then, until a list is whole, only
    /// that list counts and what is newer than it.
    is_set_back: bool,
}

impl List {
    /// Whether this was known before the cluster was set back, and is worth nothing since.
    fn is_void(&self, known: &Entry) -> bool {
        self.is_set_back && known.list != self.number
    }
}

/// A job that is gone. What is told of its name up to the version that was known of it is older still.
#[derive(Debug)]
struct Buried {
    uid: Box<str>,
    version: Version,
    /// The list before.
    list: u32,
}

impl Live {
    pub(super) fn is_usable(&self) -> bool {
        self.freshness != Freshness::Empty
    }

    pub(super) fn age(&self, now: Instant) -> Option<Age> {
        self.freshness.age(now)
    }

    pub(super) fn hear(&mut self, news: News, now: Instant) {
        let is_first = self.freshness == Freshness::Empty;
        // That a list or a stream begins says nothing of what happened before.
        if matches!(news, News::Listed | News::Changed(_) | News::Deleted(_) | News::UpTo(_)) {
            self.heard = Some(now);
        }
        match news {
            News::Listing(version) => self.begin_list(version),
            News::Jobs(jobs) => jobs.iter().for_each(|job| self.list_in(Status::of(job))),
            News::Listed => {
                self.end_list();
                if is_first {
                    // Nobody follows yet, and the whole list is no news.
                    self.changes.cut();
                }
                if self.freshness != Freshness::Live {
                    self.freshness = Freshness::Since(now);
                }
            }
            News::Following => self.freshness = Freshness::Live,
            News::Changed(job) => {
                let status = Status::of(&job);
                self.version = self.version.max(status.version);
                if self.is_newer(&status) {
                    self.put(status, self.list.number);
                }
            }
            News::Deleted(job) => {
                let status = Status::of(&job);
                self.version = self.version.max(status.version);
                let is_end = |buried: &Buried| buried.uid == status.uid && buried.version < status.version;
                if self.buried.get(status.key()).is_some_and(is_end) {
                    self.buried.remove(status.key());
                }
                if self.store.get(status.key()).is_some_and(|entry| entry.status.version <= status.version) {
                    self.remove(status.key());
                }
            }
            News::UpTo(version) => self.version = self.version.max(version),
            News::Lost(Failure::Forbidden(_)) => {
                self.store = Store::default();
                self.buried.clear();
                self.changes.cut();
                self.version = 0;
                self.list.is_under_way = false;
                self.freshness = Freshness::Empty;
                self.waiting.values().for_each(|waiting| waiting.send_replace(()));
            }
            News::Lost(_) => {
                self.list.is_under_way = false;
                if self.freshness == Freshness::Live {
                    self.freshness = Freshness::Since(self.heard.unwrap_or(now));
                }
            }
        }
    }

    /// Takes in what one of our own writes returned, or a look into the cluster. Whether it was of use.
    pub(super) fn enter(&mut self, status: Status) -> bool {
        let is_kept = self.is_usable() || self.list.is_under_way;
        // What is not newer than all that was told is in already, or gone again.
        if !is_kept || status.version <= self.version || !self.is_newer(&status) {
            return false;
        }
        // A list that is under way and newer than this has to hold the job too, or it is gone.
        let list = if status.version > self.list.version { self.list.number } else { 0 };
        self.put(status, list);
        true
    }

    /// Whether it is newer than what is known of the job with its name.
    fn is_newer(&self, status: &Status) -> bool {
        let known = self.store.get(status.key());
        known.is_none_or(|known| known.status.version < status.version || self.list.is_void(known))
    }

    fn begin_list(&mut self, version: Version) {
        let before = self.version.max(self.list.version);
        let is_set_back = version < before || self.list.is_set_back;
        self.list = List { number: self.list.number + 1, version, is_under_way: true, is_set_back };
        if is_set_back {
            self.version = 0;
            self.buried.clear();
        }
    }

    fn list_in(&mut self, status: Status) {
        let number = self.list.number;
        if self.is_newer(&status) {
            self.put(status, number);
        } else if let Some(known) = self.store.get(status.key()) {
            let seen = Entry { status: Arc::clone(&known.status), list: number };
            self.store.put(seen);
        }
    }

    /// Takes out what the list does not hold, but for what is newer than it.
    fn end_list(&mut self) {
        let List { number, version, is_set_back, .. } = self.list;
        let gone = |entry: &Entry| entry.list != number && (is_set_back || entry.status.version <= version);
        for key in self.store.keys_where(gone) {
            self.remove(&key);
        }
        self.version = version;
        // The list that began next may have been asked for before the deletion. The one after that was not.
        self.buried.retain(|_, buried| buried.list + 1 >= number);
        (self.list.is_under_way, self.list.is_set_back) = (false, false);
    }

    fn put(&mut self, status: Status, list: u32) {
        let is_gone = |buried: &Buried| buried.uid == status.uid || buried.version >= status.version;
        if self.buried.get(status.key()).is_some_and(is_gone) {
            return;
        }
        let status = Arc::new(status);
        let before = self.store.put(Entry { status: Arc::clone(&status), list });
        let mut state = None;
        match before {
            Some(before) if before.uid != status.uid => self.changes.push(Some(before.state), None, before),
            Some(before) => state = Some(before.state),
            None => {}
        }
        self.wake(status.key());
        self.changes.push(state, Some(status.state), status);
    }

    /// Whether the job was there.
    pub(super) fn bury(&mut self, key: &str, uid: &str) -> bool {
        let Some(known) = self.store.get(key).filter(|known| *known.status.uid == *uid) else {
            // The watch has told the end already, or it will tell of the whole life in a moment.
            return false;
        };
        let version = if self.list.is_void(known) { 0 } else { known.status.version };
        self.remove(key);
        self.buried.insert(key.to_owned(), Buried { uid: uid.into(), version, list: self.list.number });
        true
    }

    fn remove(&mut self, key: &str) {
        if let Some(status) = self.store.remove(key) {
            self.wake(key);
            self.changes.push(Some(status.state), None, status);
        }
    }

    fn wake(&self, key: &str) {
        if let Some(waiting) = self.waiting.get(key) {
            waiting.send_replace(());
        }
    }
}

#[cfg(test)]
#[path = "live_tests.rs"]
mod tests;
