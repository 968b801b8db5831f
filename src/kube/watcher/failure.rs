//! Why a list or a watch failed: [`Failure`].

use std::fmt;
use std::time::Duration;

use crate::kube::error::Error;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The API server no longer has the requested version (410).
    Gone,
    /// The API server's store is older than before, as after a restore.
    SetBack,
    /// The right to list or to watch is missing.
    Forbidden(String),
    /// The API server asks for a pause.
    Throttled(Duration),
    /// The stream is open, but sends nothing.
    IdleTimeout,
    /// One side cannot read what the other sent: a continue token, or a line of the watch.
    Unreadable(String),
    Broken(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gone => f.write_str("the API server no longer has this version; listing again"),
            Self::SetBack => f.write_str("the API server's store went back to an older version; listing again"),
            Self::Forbidden(why) => write!(f, "no right to list and watch jobs: {why}"),
            Self::Throttled(time) => write!(f, "the API server asks for a pause of {} s", time.as_secs()),
            Self::IdleTimeout => f.write_str("the watch sent nothing for too long; listing again"),
            Self::Unreadable(why) | Self::Broken(why) => f.write_str(why),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match &error {
            Error::Refused(refusal) => match (refusal.code, refusal.retry_after) {
                (410, _) => Self::Gone,
                (400, _) => Self::Unreadable(error.to_string()),
                (403, _) => Self::Forbidden(refusal.status.message.clone()),
                (_, Some(time)) => Self::Throttled(time),
                _ => Self::Broken(error.to_string()),
            },
            _ => Self::Broken(error.to_string()),
        }
    }
}
