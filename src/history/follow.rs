//! Records the changes of one cluster's jobs: [`follow`].

use std::sync::Arc;

use tokio::sync::{oneshot, watch};

use crate::history::History;
use crate::history::record::{ListReason, Record, now};
use crate::jobs::filter::Filter;
use crate::jobs::store::JobStore;
use crate::jobs::store::change_log::Change;

/// Records every change of the store's jobs. Compares the history with all jobs after each list of the cluster's jobs,
/// and after records were dropped. The heads of batches are left out.
pub async fn follow(history: Arc<History>, cluster: Arc<str>, store: Arc<JobStore>) {
    let (changes, drops) = (store.change_notifications(), history.drops());
    let record = move |record| history.record(record);
    Follower { cluster, store, changes, drops, record, lists: 0, last_list: None }.run().await;
}

struct Follower<R> {
    cluster: Arc<str>,
    store: Arc<JobStore>,
    /// Notifies of every change of the store.
    changes: watch::Receiver<()>,
    /// Notifies when the history must be compared with the jobs.
    drops: watch::Receiver<u64>,
    /// Takes a record. Returns false if the record is dropped.
    record: R,
    /// The number of lists that the store had before the last record of all jobs.
    lists: u64,
    /// Ends when the last record of all jobs is written, or lost.
    last_list: Option<oneshot::Receiver<()>>,
}

impl<R: Fn(Record) -> bool> Follower<R> {
    async fn run(mut self) {
        let mut reason = ListReason::Start;
        loop {
            let last = self.record_list(reason).await;
            reason = self.record_changes(last).await;
        }
    }

    /// Records all jobs when they are known. Returns the number of the last change that they include.
    async fn record_list(&mut self, mut reason: ListReason) -> u64 {
        loop {
            // The record may be large, so only one waits.
            if let Some(last_list) = self.last_list.take() {
                let _ = last_list.await;
            }
            self.changes.mark_unchanged();
            if self.drops.has_changed().unwrap_or_default() {
                self.drops.mark_unchanged();
                reason = ListReason::Dropped;
            }
            self.lists = self.store.lists();
            let Some((jobs, last)) = self.store.snapshot(&Filter::default()) else {
                notified(&mut self.changes).await;
                continue;
            };
            let (done, is_done) = oneshot::channel();
            self.last_list = Some(is_done);
            if (self.record)(Record::Listed { cluster: Arc::clone(&self.cluster), jobs, time: now(), reason, done }) {
                return last;
            }
            notified(&mut self.drops).await;
            reason = ListReason::Dropped;
        }
    }

    /// Records the changes after this one. Returns when all jobs must be recorded again, with the reason.
    async fn record_changes(&mut self, mut last: u64) -> ListReason {
        loop {
            self.changes.mark_unchanged();
            // The store has dropped changes, or has forgotten all jobs.
            let Some(changes) = self.store.changes_since(last) else { return ListReason::Start };
            // A list does not tell how a run ended that is gone. The comparison notes that.
            if self.store.lists() != self.lists {
                return ListReason::Start;
            }
            for change in changes.iter().filter(|change| !change.status.is_batch_head()) {
                // A later version would hide that this one is missing.
                if !(self.record)(self.of_change(change)) {
                    notified(&mut self.drops).await;
                    return ListReason::Dropped;
                }
            }
            last = changes.last().map_or(last, |change| change.number);
            tokio::select! {
                biased;
                () = notified(&mut self.drops) => return ListReason::Dropped,
                () = notified(&mut self.changes) => {}
            }
        }
    }

    fn of_change(&self, change: &Change) -> Record {
        let (cluster, status) = (Arc::clone(&self.cluster), Arc::clone(&change.status));
        if change.is_deletion {
            Record::Gone { cluster, status, time: now() }
        } else {
            Record::Changed { cluster, status }
        }
    }
}

/// Waits for a notification. Without a sender none comes.
pub(in crate::history) async fn notified<T>(receiver: &mut watch::Receiver<T>) {
    if receiver.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}

#[cfg(test)]
#[path = "follow_tests.rs"]
mod tests;
