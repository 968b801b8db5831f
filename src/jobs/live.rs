//! What is known of all jobs, and how fresh it is. Owns what may go in when, so that a job's version never goes
//! backwards, and no job is there that is gone.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::changes::Changes;
use super::compact::Uid;
use super::status::{Pools, Status};
use super::store::{Entry, Store};
use crate::kube::watch::{Failure, News, Version};

#[derive(Debug, Default)]
pub(super) struct Live {
    pub(super) store: Store,
    pools: Pools,
    pub(super) changes: Changes,
    freshness: Freshness,
    /// All that happened up to this version is in.
    pub(super) version: Version,
    list: List,
    /// Jobs that our own delete calls removed, until the watch says so too, or a list that begins later; with the
    /// number of the list before.
    buried: HashMap<Uid, u32>,
    pub(super) waiting: HashMap<String, watch::Sender<()>>,
    heard: Option<Instant>,
}

/// The list that is under way, or was last.
#[derive(Debug, Default)]
struct List {
    number: u32,
    version: Version,
    /// Whether the cluster's versions were set back, as when its store is restored: then the list alone counts.
    is_set_back: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Freshness {
    /// Nothing is known: there was no list yet, or there is no right to one.
    #[default]
    Empty,
    Live,
    /// As it was at this time.
    Since(Instant),
}

/// How old what is known is: not at all while the watch is up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Age(pub(super) Option<Duration>);

impl Live {
    pub(super) fn is_usable(&self) -> bool {
        self.freshness != Freshness::Empty
    }

    /// How old the answers are: `None` if there are none, and without an age if they are live.
    pub(super) fn age(&self, now: Instant) -> Option<Age> {
        match self.freshness {
            Freshness::Empty => None,
            Freshness::Live => Some(Age(None)),
            Freshness::Since(then) => Some(Age(Some(now.saturating_duration_since(then)))),
        }
    }

    pub(super) fn hear(&mut self, news: News, now: Instant) {
        let is_first = self.freshness == Freshness::Empty;
        if !matches!(news, News::Lost(_)) {
            self.heard = Some(now);
        }
        match news {
            News::Listing(version) => {
                self.list = List { number: self.list.number + 1, version, is_set_back: version < self.version };
                if self.list.is_set_back {
                    self.version = 0;
                }
            }
            News::Jobs(jobs) => jobs.iter().for_each(|job| self.list_in(Status::of(job))),
            News::Listed => {
                self.end_list();
                if is_first {
                    // Nobody follows yet, and the whole list is no news.
                    self.changes.cut();
                    self.freshness = Freshness::Since(now);
                }
            }
            News::Following => self.freshness = Freshness::Live,
            News::Changed(job) => {
                let status = Status::of(&job);
                self.version = self.version.max(status.version);
                if self.known(&status).is_none_or(|known| known < status.version) {
                    self.put(status);
                }
            }
            News::Deleted(job) => {
                let status = Status::of(&job);
                self.version = self.version.max(status.version);
                self.buried.remove(&status.uid);
                if self.known(&status).is_some_and(|known| known <= status.version) {
                    self.remove(status.key());
                }
            }
            News::UpTo(version) => self.version = self.version.max(version),
            News::Lost(Failure::Forbidden(_)) => {
                self.store = Store::default();
                self.buried.clear();
                self.changes.cut();
                self.version = 0;
                self.freshness = Freshness::Empty;
                self.waiting.values().for_each(|waiting| waiting.send_replace(()));
            }
            News::Lost(_) => {
                if self.freshness == Freshness::Live {
                    self.freshness = Freshness::Since(self.heard.unwrap_or(now));
                }
            }
        }
    }

    /// The version that is known of the job with this name.
    fn known(&self, status: &Status) -> Option<Version> {
        self.store.get(status.key()).map(|entry| entry.status.version)
    }

    fn list_in(&mut self, status: Status) {
        let known = self.known(&status);
        if known.is_none_or(|known| known < status.version || self.list.is_set_back) {
            self.put(status);
        } else if let Some(entry) = self.store.get(status.key()) {
            let seen = Entry { status: Arc::clone(&entry.status), list: self.list.number };
            self.store.put(seen);
        }
    }

    /// Takes out what the list does not hold, but for what is newer than it.
    fn end_list(&mut self) {
        let List { number, version, is_set_back } = self.list;
        let gone = |entry: &Entry| entry.list != number && (is_set_back || entry.status.version <= version);
        for key in self.store.keys_where(gone) {
            self.remove(&key);
        }
        self.version = version;
        self.buried.retain(|_, before| *before == number);
    }

    pub(super) fn put(&mut self, mut status: Status) {
        if self.buried.contains_key(&status.uid) {
            return;
        }
        status.share(&mut self.pools);
        let status = Arc::new(status);
        let before = self.store.put(Entry { status: Arc::clone(&status), list: self.list.number });
        let before = match before {
            Some(before) if before.uid != status.uid => {
                self.changes.push(Some(before.state), None, before);
                None
            }
            before => before.map(|before| before.state),
        };
        self.wake(status.key());
        self.changes.push(before, Some(status.state), status);
    }

    /// Whether the job was there.
    pub(super) fn bury(&mut self, key: &str, uid: Uid) -> bool {
        let is_there = self.store.get(key).is_some_and(|entry| entry.status.uid == uid);
        if is_there {
            self.remove(key);
            self.buried.insert(uid, self.list.number);
        }
        is_there
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
