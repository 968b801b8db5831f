//! Shows the logs of a job. [`LogEnd`] says how a log ended.

pub mod container;
pub mod follow;
pub mod lines;
pub mod pods;

use crate::client::exit::Exit;

/// Until when a log is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// The service ends the log.
    LogEnd,
    /// The job has ended. Then the log has also the containers that the service skipped.
    JobEnd,
}

/// How a log ended.
#[derive(Debug)]
pub enum LogEnd {
    Whole,
    /// The reader of stdout has left.
    Closed,
    /// Lines are missing, or all of them.
    Incomplete(Exit),
}
