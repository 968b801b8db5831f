//! The number of batches in the store, and the names that are taken.

use crate::jobs::batches::MAX_MEMBERS;
use crate::jobs::batches::members::is_member_of;
use crate::jobs::status::key;
use crate::jobs::store::JobStore;
use crate::jobs::store::staleness::Staleness;
use crate::kube::names::{BatchName, JobName, Namespace};

impl JobStore {
    /// Returns the number of batches.
    pub fn batch_count(&self) -> usize {
        self.read().index.batch_count()
    }

    /// Whether members of a batch of this name may exist although it has no head. False only if the store is current.
    pub fn may_have_former_members(&self, namespace: &Namespace, name: &BatchName) -> bool {
        let reflector = self.read();
        let get = |job: JobName| reflector.index.get(&key(namespace, &job));
        let has_members =
            || (0..MAX_MEMBERS).filter_map(|index| get(name.member(index))).any(|job| is_member_of(job, name));
        reflector.staleness != Staleness::Current || (get(name.head()).is_none() && has_members())
    }
}
