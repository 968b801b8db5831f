//! The batches in the store, and the names that are taken.

use std::collections::HashMap;
use std::time::Instant;

use crate::jobs::batches::members::is_member_of;
use crate::jobs::batches::{Batch, MAX_MEMBERS};
use crate::jobs::filter::Filter;
use crate::jobs::status::key;
use crate::jobs::store::index::PageCursor;
use crate::jobs::store::staleness::Staleness;
use crate::jobs::store::{Found, JobStore, Page};
use crate::kube::names::{BatchName, JobName, Namespace};

impl JobStore {
    /// From now on no end of a batch counts as recorded. Something records them.
    pub fn forget_recorded_ends(&self) {
        self.recorded_ends.send_replace(Some(HashMap::new()));
    }

    /// Returns a batch with its members.
    pub fn batch(&self, namespace: &Namespace, name: &BatchName, now: Instant) -> Found<Batch> {
        let reflector = self.read();
        reflector.staleness.answer(reflector.index.batch(namespace, name), now)
    }

    /// Returns the heads of batches after a place, and the number of the others. The filter selects their names.
    pub fn batch_heads(&self, filter: &Filter, after: Option<&PageCursor>, limit: usize, now: Instant) -> Found<Page> {
        let reflector = self.read();
        reflector.staleness.answer(Some(Page::new(reflector.index.heads(filter, after), limit)), now)
    }

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
