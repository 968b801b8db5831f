//! Wakes a caller that waits for a job: [`Subscription`].

use std::sync::Arc;

use tokio::sync::watch;

use crate::jobs::store::JobStore;

/// Notifies of the changes of one job.
#[derive(Debug)]
pub struct Subscription {
    store: Arc<JobStore>,
    key: String,
    /// Some until the subscription is dropped.
    pub(super) receiver: Option<watch::Receiver<()>>,
}

impl Subscription {
    pub(super) const fn new(store: Arc<JobStore>, key: String, receiver: watch::Receiver<()>) -> Self {
        Self { store, key, receiver: Some(receiver) }
    }

    /// Returns after a change since the last call, or since the subscription.
    pub async fn changed(&mut self) {
        let Some(receiver) = &mut self.receiver else { return std::future::pending().await };
        if receiver.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut reflector = self.store.write();
        // Dropping the receiver under the lock lets exactly one of several subscribers see that it is the last.
        drop(self.receiver.take());
        if reflector.waiting.get(&self.key).is_some_and(|waiting| waiting.receiver_count() == 0) {
            reflector.waiting.remove(&self.key);
        }
    }
}
