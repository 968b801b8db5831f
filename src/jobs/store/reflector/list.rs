//! Reads a list of all jobs: it replaces the jobs in memory when it is complete.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use crate::jobs::status::Status;
use crate::jobs::store::reflector::{JobReflector, PendingList};
use crate::jobs::store::staleness::Staleness;
use crate::kube::types::Job;
use crate::kube::watcher::Version;

impl JobReflector {
    pub(super) fn begin_list(&mut self, version: Version) {
        // Versions only grow, unless the API server's store was restored from a backup.
        if version < self.version.max(self.list_version) {
            self.clear();
        }
        self.list_version = version;
        self.list = Some(PendingList { version, jobs: BTreeMap::new() });
    }

    pub(super) fn add_listed(&mut self, job: &Job) {
        let status = self.status(job);
        let Some(list) = &mut self.list else { return };
        let known = self.index.get(status.key()).filter(|known| known.version >= status.version);
        let status = known.map_or_else(|| Arc::new(status), Arc::clone);
        list.jobs.insert(Arc::clone(&status.key), status);
    }

    /// Removes the jobs that a complete list does not hold, except newer ones, and inserts the jobs that it holds.
    pub(super) fn apply_listed(&mut self, now: Instant) {
        let Some(PendingList { version, jobs }) = self.list.take() else { return };
        let is_listed = |known: &Status| jobs.get(&known.key).is_some_and(|listed| listed.uid == known.uid);
        for key in self.index.keys_where(|known| known.version <= version && !is_listed(known)) {
            self.remove(&key, now);
        }
        for status in jobs.into_values() {
            if self.is_newer(&status) {
                self.requeue_exit(&status);
                self.insert(status, now);
            }
        }
        self.version = version;
        self.lists += 1;
        self.tombstones.list_completed();
        self.finished.list_completed();
        if self.staleness == Staleness::Unknown {
            // The first list is not a change.
            self.changes.reset();
        }
        if self.staleness != Staleness::Current {
            self.staleness = Staleness::Stale(now);
        }
    }
}
