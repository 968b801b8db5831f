//! Counts the jobs that finish, and how long they ran: [`FinishedJobs`].

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use crate::jobs::filter::Filter;
use crate::jobs::state::State;
use crate::jobs::status::Status;
use crate::jobs::store::index::JobIndex;
use crate::telemetry::metrics::{Bounds, Histogram};

/// The final states, in the order of the counts.
pub const FINAL_STATES: [State; 2] = [State::Completed, State::Failed];

/// The most namespaces with a count of their own. Jobs of further namespaces count as [`OTHER`].
const MAX_NAMESPACES: usize = 200;
const OTHER: &str = "other";

/// The bounds of run times in seconds: up to a day.
const BOUNDS: Bounds = [
    1.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0, 7200.0, 14400.0, 28800.0, 43200.0, 86400.0,
];

/// The finished jobs since the start. A job counts once, and only if it was known before it finished.
#[derive(Debug)]
pub struct FinishedJobs {
    /// By namespace, with zeros from its first job on: Prometheus sees no increase in a number that is new.
    pub counts: BTreeMap<Arc<str>, [u64; FINAL_STATES.len()]>,
    pub run_times: Arc<[Histogram; FINAL_STATES.len()]>,
    /// The uids of the unfinished jobs that the store forgot. The next list shows which of them finished meanwhile.
    forgotten: HashSet<Box<str>>,
}

impl Default for FinishedJobs {
    fn default() -> Self {
        let run_times = FINAL_STATES.map(|_| Histogram::new(&BOUNDS)).into();
        Self { counts: BTreeMap::new(), run_times, forgotten: HashSet::new() }
    }
}

impl FinishedJobs {
    /// Counts a job if it has just finished. `before` is its status before; none if the store does not have the job.
    pub(super) fn note(&mut self, status: &Status, before: Option<&Status>) {
        if status.is_batch_head() {
            return;
        }
        let was_unfinished =
            before.map_or_else(|| self.forgotten.remove(&status.uid), |before| !before.state.is_final());
        let has_finished = was_unfinished && status.state.is_final();
        if before.is_some() && !has_finished {
            return;
        }
        let namespace = status.namespace();
        let has_place = self.counts.contains_key(namespace) || self.counts.len() < MAX_NAMESPACES;
        let counts = self.counts.entry(if has_place { namespace } else { OTHER }.into()).or_default();
        if has_finished {
            let index = usize::from(status.state == State::Failed);
            counts[index] += 1;
            if let Some(seconds) = status.run_seconds() {
                self.run_times[index].note(Duration::from_secs(seconds.into()));
            }
        }
    }

    /// Remembers the unfinished jobs of a store that is about to forget them.
    pub(super) fn forget(&mut self, index: &JobIndex) {
        let all = Filter::default();
        let unfinished = index.matching(&all, None).filter(|status| !status.state.is_final());
        self.forgotten.extend(unfinished.map(|status| status.uid.clone()));
    }

    pub(super) fn list_completed(&mut self) {
        self.forgotten = HashSet::new();
    }

    /// Returns a copy of the numbers, for readers.
    pub(super) fn numbers(&self) -> Self {
        let (counts, run_times) = (self.counts.clone(), Arc::clone(&self.run_times));
        Self { counts, run_times, forgotten: HashSet::new() }
    }
}

#[cfg(test)]
#[path = "finished_tests.rs"]
mod tests;
