//! Keeps deleted jobs away while the watch still reports their earlier changes.

use std::collections::HashMap;

use crate::jobs::status::Status;
use crate::kube::watcher::Version;

/// The jobs that our own delete calls removed, by key.
#[derive(Debug, Default)]
pub(super) struct Tombstones(HashMap<Box<str>, Tombstone>);

#[derive(Debug)]
struct Tombstone {
    uid: Box<str>,
    /// The last known version of the job. Older jobs of this name are gone too.
    version: Version,
    /// The tombstone ends after this many complete lists. The first may have begun before the deletion.
    lists: u8,
}

impl Tombstones {
    /// Adds a tombstone, unless a later job of the name has one: that hides this job too.
    pub(super) fn add(&mut self, deleted: &Status) {
        if self.0.get(deleted.key()).is_none_or(|known| known.version < deleted.version) {
            let tombstone = Tombstone { uid: deleted.uid.clone(), version: deleted.version, lists: 2 };
            self.0.insert(deleted.key().into(), tombstone);
        }
    }

    /// Whether this report of a job is older than its deletion.
    pub(super) fn hides(&self, status: &Status) -> bool {
        let is_older = |tombstone: &Tombstone| tombstone.uid == status.uid || tombstone.version >= status.version;
        self.0.get(status.key()).is_some_and(is_older)
    }

    /// Removes the tombstone of a job whose deletion is reported.
    pub(super) fn deletion_reported(&mut self, status: &Status) {
        let ends = |tombstone: &Tombstone| tombstone.uid == status.uid && tombstone.version < status.version;
        if self.0.get(status.key()).is_some_and(ends) {
            self.0.remove(status.key());
        }
    }

    pub(super) fn list_completed(&mut self) {
        self.0.retain(|_, tombstone| {
            tombstone.lists -= 1;
            tombstone.lists > 0
        });
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Tombstones {
        pub(in crate::jobs::store) fn is_empty(&self) -> bool {
            self.0.is_empty()
        }

        pub(in crate::jobs::store) fn uid(&self, key: &str) -> Option<&str> {
            self.0.get(key).map(|tombstone| &*tombstone.uid)
        }
    }
}
