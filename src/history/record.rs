//! One thing that the history records: [`Record`].

use std::sync::Arc;

use time::OffsetDateTime;
use tokio::sync::oneshot;

use crate::jobs::status::Status;

/// One thing to write. Writing it twice is harmless.
#[derive(Debug)]
pub enum Record {
    /// A job as the cluster describes it now.
    Changed {
        cluster: Arc<str>,
        status: Arc<Status>,
    },
    /// A job that a call of this service created.
    Created {
        cluster: Arc<str>,
        status: Arc<Status>,
        caller: Arc<str>,
        request_id: String,
    },
    /// A job that is gone. The time is ours, in seconds since 1970.
    Gone {
        cluster: Arc<str>,
        status: Arc<Status>,
        time: i64,
    },
    /// All jobs that exist in the cluster now. The others of that cluster are gone.
    Listed {
        cluster: Arc<str>,
        jobs: Vec<Arc<Status>>,
        time: i64,
        reason: ListReason,
        /// Is dropped with the record: it is written, or lost.
        done: oneshot::Sender<()>,
    },
    Audit(Box<AuditRecord>),
}

/// Why the history is compared with the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListReason {
    /// The service has started, or has lost the watch.
    Start,
    /// Records were dropped: the runs that differ have gaps.
    Dropped,
}

/// One line of the audit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRecord {
    /// In milliseconds since 1970.
    pub time: i64,
    pub cluster: String,
    /// Empty if the call names none, as the caller.
    pub namespace: String,
    pub operation: String,
    pub outcome: String,
    pub caller: String,
    /// The record as a JSON object, with the fields that docs/OPERATION.md lists.
    pub json: String,
}

/// Returns the time of our clock, in seconds since 1970.
pub(in crate::history) fn now() -> i64 {
    OffsetDateTime::now_utc().unix_timestamp()
}
