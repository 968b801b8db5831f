//! The rounds of the tasks that look at every batch of a store: [`Rounds`], [`visit`].

use std::time::Duration;

use tokio::sync::watch;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep, sleep_until};

use crate::jobs::batches::Batch;
use crate::jobs::filter::Filter;
use crate::jobs::status::Status;
use crate::jobs::store::{Found, JobStore};
use crate::kube::names::{BatchName, Namespace};

/// The shortest time between the begins of two rounds.
const INTERVAL: Duration = Duration::from_secs(1);
/// The longest wait for a time that will come. Clocks may be set meanwhile.
const MAX_WAIT: Duration = Duration::from_mins(1);

/// When the next round begins: after a change of the store, the end of a submission, or a time that the task knows.
#[derive(Debug)]
pub struct Rounds {
    changes: watch::Receiver<()>,
    submissions: watch::Receiver<()>,
    last: Option<Instant>,
}

impl Rounds {
    pub fn new(store: &JobStore) -> Self {
        Self { changes: store.change_notifications(), submissions: store.submissions.ends(), last: None }
    }

    /// Begins a round, at least a second after the last one. Returns the time.
    pub async fn begin(&mut self) -> Instant {
        if let Some(last) = self.last {
            sleep_until(last + INTERVAL).await;
        }
        self.changes.mark_unchanged();
        self.submissions.mark_unchanged();
        *self.last.insert(Instant::now())
    }

    /// Waits for a change since the begin of the round, or for this time to pass.
    pub async fn wait(&mut self, time: Option<Duration>) {
        let passed = async {
            match time {
                Some(time) => sleep(time.min(MAX_WAIT)).await,
                None => std::future::pending().await,
            }
        };
        // The store has the senders.
        tokio::select! {
            _ = self.changes.changed() => {}
            _ = self.submissions.changed() => {}
            () = passed => {}
        }
    }
}

/// Calls `visitor` with every batch whose head is wanted, unless a call is submitting it. Other tasks run in between.
/// Returns false if the store is not current: then the members may have changed.
pub async fn visit(
    store: &JobStore,
    filter: &Filter,
    is_wanted: impl Fn(&Status) -> bool,
    mut visitor: impl FnMut(&Namespace, &BatchName, &Batch),
) -> bool {
    let heads = store.batch_heads(filter, None, usize::MAX, std::time::Instant::now());
    let Found::Hit { found: heads, age: None } = heads else { return false };
    for head in heads.jobs.iter().filter(|head| is_wanted(head)) {
        let names = (Namespace::parse(head.namespace()), BatchName::parse(head.name()));
        let (Ok(namespace), Ok(name)) = names else { continue };
        // Calls get their turn.
        yield_now().await;
        match store.batch(&namespace, &name, std::time::Instant::now()) {
            Found::Hit { found: batch, age: None } if !store.submissions.contains(batch.head.key()) => {
                visitor(&namespace, &name, &batch);
            }
            Found::Hit { age: Some(_), .. } => return false,
            _ => {}
        }
    }
    true
}
