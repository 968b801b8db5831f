//! A change of a job or a batch that endpoints may want: [`Event`].

use std::fmt;
use std::sync::Arc;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventType {
    JobCreated,
    JobStarted,
    JobSuspended,
    JobCompleted,
    JobFailed,
    JobDeleted,
    BatchCompleted,
    BatchFailed,
    BatchIncomplete,
}

impl EventType {
    pub const ALL: [Self; 9] = [
        Self::JobCreated,
        Self::JobStarted,
        Self::JobSuspended,
        Self::JobCompleted,
        Self::JobFailed,
        Self::JobDeleted,
        Self::BatchCompleted,
        Self::BatchFailed,
        Self::BatchIncomplete,
    ];

    /// Returns the `type` of the message.
    pub const fn name(self) -> &'static str {
        match self {
            Self::JobCreated => "job.created",
            Self::JobStarted => "job.started",
            Self::JobSuspended => "job.suspended",
            Self::JobCompleted => "job.completed",
            Self::JobFailed => "job.failed",
            Self::JobDeleted => "job.deleted",
            Self::BatchCompleted => "batch.completed",
            Self::BatchFailed => "batch.failed",
            Self::BatchIncomplete => "batch.incomplete",
        }
    }
}

/// The parts of an event that decide which endpoints get it.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    pub event_type: EventType,
    pub cluster: &'a str,
    pub namespace: &'a str,
    /// Of the job, or of the batch's head, in the order of the keys.
    pub labels: &'a [(&'a str, &'a str)],
    /// The endpoints that the annotation `eks-api/notify` names, separated by commas.
    pub notify: Option<&'a str>,
}

/// Decides which endpoints get an event.
pub trait Subscriptions: fmt::Debug + Send + Sync {
    /// Returns the names of the endpoints, each once.
    fn endpoints(&self, event: &Event<'_>) -> Vec<Arc<str>>;

    /// Returns the names of all endpoints, disabled ones too.
    fn names(&self) -> Vec<Arc<str>>;
}
