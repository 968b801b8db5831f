//! One thing that the history records: [`Record`].

use std::sync::Arc;

use time::OffsetDateTime;
use tokio::sync::oneshot;

use crate::history::outbox::requests::{Attempt, RedeliverError, Redelivery};
use crate::jobs::batches::state::BatchState;
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
    /// Batches of a cluster that have ended. Without batches: all that had ended are recorded. That makes them known.
    BatchesEnded {
        cluster: Arc<str>,
        batches: Vec<BatchEnd>,
        /// Is sent when the record is written, and dropped if it is lost.
        done: oneshot::Sender<()>,
    },
    /// An attempt to deliver a message.
    Attempt {
        attempt: Box<Attempt>,
        /// Is sent when the record is written, and dropped if it is lost.
        done: oneshot::Sender<()>,
    },
    /// A call to deliver messages again.
    Redelivery {
        redelivery: Box<Redelivery>,
        /// Takes the number of deliveries. It is dropped if the record is lost.
        done: oneshot::Sender<Result<u64, RedeliverError>>,
    },
}

/// A batch that has ended, once for each state and time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchEnd {
    /// Of the head.
    pub uid: Box<str>,
    pub namespace: Box<str>,
    pub name: Box<str>,
    pub state: BatchState,
    /// The end of the last member, or the creation of the head if no member is known. In seconds since 1970.
    pub time: i64,
    /// The labels of the head, in the order of their keys.
    pub labels: Vec<(Box<str>, Box<str>)>,
    /// The value of the annotation `eks-api/notify`.
    pub notify: Option<Box<str>>,
    /// The status object.
    pub json: Box<str>,
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

/// Returns the error of JSON that is not what it must be. The record is left out.
pub(in crate::history) fn unreadable(error: serde_json::Error) -> rusqlite::Error {
    rusqlite::Error::ToSqlConversionFailure(error.into())
}
