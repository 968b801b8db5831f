//! Records in the history who created a job.

#[cfg(feature = "history")]
use std::sync::Arc;

use crate::api::context::RequestContext;
#[cfg(feature = "history")]
use crate::history::record::Record;
use crate::kube::types::Job;

impl RequestContext {
    /// Records that this call created the job, if there is a history.
    pub fn record_created(&self, job: &Job) {
        #[cfg(feature = "history")]
        if let Some(history) = &self.state.history {
            history.record(Record::Created {
                cluster: Arc::clone(self.cluster.name()),
                status: Arc::new(self.store().status(job)),
                caller: self.caller().name(),
                request_id: self.info.request_id.clone(),
            });
        }
        #[cfg(not(feature = "history"))]
        let _ = (self, job);
    }
}
