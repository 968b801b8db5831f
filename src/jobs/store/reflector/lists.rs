//! Lists of all jobs: what a list takes out, and how a cluster shows that its store was set back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::jobs::status::Status;
use crate::jobs::store::index::Entry;
use crate::jobs::store::reflector::JobReflector;
use crate::jobs::store::staleness::Staleness;
use crate::kube::watcher::Version;

/// At most so often a job is taken for a sign that the cluster's store was set back.
const SET_BACK_EVERY: Duration = Duration::from_secs(10);

/// The list that is under way, or was last.
#[derive(Debug, Default)]
pub(super) struct List {
    pub(super) number: u32,
    pub(super) version: Version,
    pub(super) is_under_way: bool,
    /// Whether the cluster's versions were set back, as when its store is restored: then, until a list is whole, only
    /// that list counts and what is newer than it.
    pub(super) is_set_back: bool,
}

impl List {
    /// Whether this was known before the cluster was set back, and is worth nothing since.
    pub(super) fn is_void(&self, known: &Entry) -> bool {
        self.is_set_back && known.list != self.number
    }
}

impl JobReflector {
    pub(super) fn begin_list(&mut self, version: Version) {
        let before = self.version.max(self.list.version);
        let is_set_back = version < before || self.list.is_set_back;
        self.list = List { number: self.list.number + 1, version, is_under_way: true, is_set_back };
        if is_set_back {
            self.version = 0;
            self.buried.clear();
        }
    }

    pub(super) fn list_in(&mut self, status: Status, now: Instant) {
        let number = self.list.number;
        if self.is_newer(&status) {
            self.put(status, number, now);
        } else if let Some(known) = self.store.get(status.key()) {
            let seen = Entry { status: Arc::clone(&known.status), list: number };
            self.store.put(seen);
        }
    }

    /// Takes out what the list does not hold, but for what is newer than it.
    pub(super) fn end_list(&mut self, now: Instant) {
        let List { number, version, is_set_back, .. } = self.list;
        let gone = |entry: &Entry| entry.list != number && (is_set_back || entry.status.version <= version);
        for key in self.store.keys_where(gone) {
            self.remove(&key, now);
        }
        self.version = version;
        // The list that began next may have been asked for before the deletion. The one after that was not.
        self.buried.retain(|_, buried| buried.list + 1 >= number);
        (self.list.is_under_way, self.list.is_set_back) = (false, false);
    }

    /// Whether a job that the cluster returned proves that its store was set back: the watch is beyond the job's version,
    /// and never told of the job.
    pub(super) fn proves_set_back(&self, status: &Status, now: Instant) -> bool {
        let is_known = self.store.get(status.key()).is_some_and(|known| known.status.uid == status.uid);
        self.freshness == Staleness::JobReflector
            && (1..=self.version).contains(&status.version)
            && !is_known
            && self.gone.last(status.key(), Some(&status.uid), now).is_none()
            && self.store_was_reset.is_none_or(|then| now.saturating_duration_since(then) > SET_BACK_EVERY)
    }

    /// Everything known is of the cluster before it was set back. It stays until the next list, and counts for nothing.
    pub(super) fn take_as_set_back(&mut self, now: Instant) {
        self.store_was_reset = Some(now);
        let number = self.list.number + 1;
        self.list = List { number, version: 0, is_under_way: false, is_set_back: true };
        self.version = 0;
        self.buried.clear();
        self.become_stale(now);
    }
}
