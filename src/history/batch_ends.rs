//! Records the ends of one cluster's batches for the webhooks: [`follow`].

use std::collections::HashMap;
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio::time::timeout;

use crate::history::History;
use crate::history::follow::notified;
use crate::history::record::{BatchEnd, Record};
use crate::jobs::batches::Batch;
use crate::jobs::batches::rounds::{Rounds, visit};
use crate::jobs::batches::state::End;
use crate::jobs::batches::status::{BatchStatus, View, end};
use crate::jobs::filter::Filter;
use crate::jobs::status::Status;
use crate::jobs::store::JobStore;
use crate::kube::names::{BatchName, Namespace};

/// The longest pause after a record is lost. It ends when the history has room again.
const LOST_PAUSE: Duration = Duration::from_mins(1);

/// The most batches of a record.
const MAX_PIECE: usize = 100;

/// Records every batch that has ended, once for each state and time. `may_grow` is the age up to which a head may get
/// members.
pub async fn follow(history: Arc<History>, cluster: Arc<str>, store: Arc<JobStore>, may_grow: Duration) {
    let drops = history.drops();
    let record = move |record| history.record(record);
    Follower { cluster, store, may_grow, drops, record, is_listed: false }.run().await;
}

struct Follower<R> {
    cluster: Arc<str>,
    store: Arc<JobStore>,
    may_grow: Duration,
    /// Notifies when the history may lack records.
    drops: watch::Receiver<u64>,
    /// Takes a record. Returns false if the record is dropped.
    record: R,
    /// Whether the history has all ends that [`JobStore::recorded_ends`] has, and knows that they were all.
    is_listed: bool,
}

/// The batches that have ended.
struct Found {
    ends: HashMap<Box<str>, End>,
    /// Those that are not recorded.
    new: Vec<(Batch, End)>,
    /// The time until the next batch may get no more members.
    next: Option<Duration>,
}

impl<R: Fn(Record) -> bool> Follower<R> {
    async fn run(mut self) {
        let mut rounds = Rounds::new(&self.store);
        self.forget();
        loop {
            rounds.begin().await;
            let mut next = None;
            if let Some(found) = self.look().await {
                next = found.next;
                if !self.write_all(found).await {
                    self.forget();
                    let _ = timeout(LOST_PAUSE, notified(&mut self.drops)).await;
                    continue;
                }
            }
            tokio::select! {
                () = notified(&mut self.drops) => self.forget(),
                () = rounds.wait(next) => {}
            }
        }
    }

    /// Lets the next round record all ends.
    fn forget(&mut self) {
        self.is_listed = false;
        self.store.forget_recorded_ends();
    }

    /// Returns `None` if the store is not current.
    async fn look(&self) -> Option<Found> {
        let mut found = Found { ends: HashMap::new(), new: Vec::new(), next: None };
        let is_recorded = |uid: &str, end: &End| {
            self.store.recorded_ends.borrow().as_ref().and_then(|recorded| recorded.get(uid)) == Some(end)
        };
        let look_at = |_: &Namespace, _: &BatchName, batch: &Batch| {
            let grows_for = self.store.submissions.may_grow_for(&batch.head, self.may_grow);
            if let Some(end) = end(batch, grows_for.is_some()) {
                if !is_recorded(&batch.head.uid, &end) {
                    found.new.push((batch.clone(), end));
                }
                found.ends.insert(batch.head.uid.clone(), end);
            } else if let Some(left) = grows_for.filter(|_| batch.members.iter().any(Option::is_none)) {
                found.next = Some(found.next.map_or(left, |next| next.min(left)));
            }
        };
        visit(&self.store, &Filter::default(), |_| true, look_at).await.then_some(found)
    }

    /// Returns whether all is written. It goes in pieces, because the status objects of thousands of batches are large.
    async fn write_all(&mut self, found: Found) -> bool {
        let Found { ends, new, .. } = found;
        for piece in new.chunks(MAX_PIECE) {
            let piece = piece.iter().filter_map(|(batch, end)| self.of_batch(batch, *end));
            if !self.write(piece.collect()).await {
                return false;
            }
        }
        if !mem::replace(&mut self.is_listed, true) && !self.write(Vec::new()).await {
            return false;
        }
        self.store.recorded_ends.send_if_modified(|recorded| {
            *recorded = Some(ends);
            !new.is_empty()
        });
        true
    }

    fn of_batch(&self, batch: &Batch, (state, time): End) -> Option<BatchEnd> {
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
