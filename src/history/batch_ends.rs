//! Records the ends of one cluster's batches for the webhooks: [`follow`].

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio::time::timeout;

use crate::history::History;
use crate::history::follow::notified;
use crate::history::record::{BatchEnd, Record};
use crate::jobs::batches::Batch;
use crate::jobs::batches::rounds::{Rounds, visit};
use crate::jobs::batches::state::BatchState;
use crate::jobs::batches::status::{BatchStatus, View, ended_at};
use crate::jobs::filter::Filter;
use crate::jobs::status::Status;
use crate::jobs::store::JobStore;
use crate::kube::names::{BatchName, Namespace};

/// The longest pause after a record is lost. It ends when the history has room again.
const LOST_PAUSE: Duration = Duration::from_mins(1);

/// Records every batch that has ended, once for each state and time. `may_grow` is the age up to which a head may get
/// members.
pub async fn follow(history: Arc<History>, cluster: Arc<str>, store: Arc<JobStore>, may_grow: Duration) {
    let drops = history.drops();
    let record = move |record| history.record(record);
    Follower { cluster, store, may_grow, drops, record, recorded: None }.run().await;
}

/// The ends of batches, by the uid of the head.
type Ends = HashMap<Box<str>, (BatchState, i64)>;

struct Follower<R> {
    cluster: Arc<str>,
    store: Arc<JobStore>,
    may_grow: Duration,
    /// Notifies when the history may lack records.
    drops: watch::Receiver<u64>,
    /// Takes a record. Returns false if the record is dropped.
    record: R,
    /// The ends that the history has. `None` before the first record, which is sent also if it is empty: it makes the
    /// cluster known.
    recorded: Option<Ends>,
}

/// The batches that have ended.
struct Found {
    ends: Ends,
    /// Those that are not recorded.
    new: Vec<BatchEnd>,
    /// The time until the next batch may get no more members.
    next: Option<Duration>,
}

impl<R: Fn(Record) -> bool> Follower<R> {
    async fn run(mut self) {
        let mut rounds = Rounds::new(&self.store);
        loop {
            rounds.begin().await;
            let mut next = None;
            if let Some(found) = self.look().await {
                let is_known = found.new.is_empty() && self.recorded.is_some();
                if !is_known && !self.write(found.new).await {
                    self.recorded = None;
                    let _ = timeout(LOST_PAUSE, notified(&mut self.drops)).await;
                    continue;
                }
                self.recorded = Some(found.ends);
                next = found.next;
            }
            tokio::select! {
                () = notified(&mut self.drops) => self.recorded = None,
                () = rounds.wait(next) => {}
            }
        }
    }

    /// Returns `None` if the store is not current.
    async fn look(&self) -> Option<Found> {
        let mut found = Found { ends: Ends::new(), new: Vec::new(), next: None };
        let look_at = |_: &Namespace, _: &BatchName, batch: &Batch| {
            let grows_for = self.store.submissions.may_grow_for(&batch.head, self.may_grow);
            let state = batch.state(grows_for.is_some());
            if state.is_final() {
                let (uid, end) = (&batch.head.uid, (state, ended_at(batch).unwrap_or(batch.head.created)));
                if self.recorded.as_ref().and_then(|recorded| recorded.get(uid)) != Some(&end) {
                    found.new.extend(self.of_batch(batch, end));
                }
                found.ends.insert(uid.clone(), end);
            } else if let Some(left) = grows_for.filter(|_| batch.members.iter().any(Option::is_none)) {
                found.next = Some(found.next.map_or(left, |next| next.min(left)));
            }
        };
        visit(&self.store, &Filter::default(), |_| true, look_at).await.then_some(found)
    }

    fn of_batch(&self, batch: &Batch, (state, time): (BatchState, i64)) -> Option<BatchEnd> {
        let head: &Status = &batch.head;
        let view = View { with_members: false, with_exits: true };
        let json = serde_json::to_string(&BatchStatus::new(&self.cluster, batch, false, view)).ok()?;
        Some(BatchEnd {
            uid: (*head.uid).into(),
            namespace: head.namespace().into(),
            name: head.name().into(),
            state,
            time,
            labels: head.labels().map(|(key, value)| (key.into(), value.into())).collect(),
            notify: head.notify().map(Into::into),
            json: json.into(),
        })
    }

    /// Returns whether the record is written.
    async fn write(&self, batches: Vec<BatchEnd>) -> bool {
        let (done, is_done) = oneshot::channel();
        let record = Record::BatchesEnded { cluster: Arc::clone(&self.cluster), batches, done };
        (self.record)(record) && is_done.await.is_ok()
    }
}

#[cfg(test)]
#[path = "batch_ends_tests.rs"]
mod tests;
