//! What can go wrong between the service and the cluster. Owns the kinds and what each proves about the request;
//! what a caller is told of them is `http::error`'s.

use std::fmt;
use std::time::Duration;

use super::types::Status;

#[derive(Debug)]
pub enum Error {
    /// No cluster to talk to yet, or no token for it: the reason.
    NotReady(String),
    /// The API server answered, and said no.
    Refused(Box<Refusal>),
    /// 401 again and again, with fresh tokens.
    Unauthorized,
    /// 401 for the token that a caller sent.
    CallerUnauthorized,
    /// The request was not sent: no connection could be made.
    Unreachable(String),
    /// The request may have been received; no whole reply came.
    Broken(String),
    /// No reply in time; whether the request was received is unknown.
    Timeout,
    /// A reply came, and it was no Kubernetes object, or too large to read.
    BadReply(String),
}

#[derive(Clone, Debug)]
pub struct Refusal {
    pub code: u16,
    pub status: Status,
    pub retry_after: Option<Duration>,
}

impl Error {
    /// Whether the request may have had its effect although no reply says so.
    ///
    /// The API server says Timeout when it gave up waiting for its own store; and an error without Kubernetes' words
    /// is a load balancer's, that knows no more than we do.
    pub fn is_ambiguous(&self) -> bool {
        match self {
            Self::Broken(_) | Self::Timeout | Self::BadReply(_) => true,
            Self::Refused(refusal) if refusal.code >= 500 => {
                matches!(refusal.status.reason.as_str(), "" | "Timeout" | "ServerTimeout")
            }
            _ => false,
        }
    }

    /// The refusal, if its code and Kubernetes' reason are these.
    pub fn refusal(&self, code: u16, reason: &str) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) if refusal.code == code && refusal.status.reason == reason => Some(refusal),
            _ => None,
        }
    }

    pub fn is_not_found(&self) -> bool {
        self.refusal(404, "NotFound").is_some()
    }

    pub fn is_already_exists(&self) -> bool {
        self.refusal(409, "AlreadyExists").is_some()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotReady(why) => write!(f, "not ready: {why}"),
            Self::Refused(refusal) => {
                write!(f, "the API server answered {}: {}", refusal.code, refusal.status.message)
            }
            Self::Unauthorized => f.write_str(
                "the API server does not accept our token: does the cluster have an access entry for our role?",
            ),
            Self::CallerUnauthorized => f.write_str("the cluster does not accept the caller's token"),
            Self::Unreachable(why) => write!(f, "connecting to the API server: {why}"),
            Self::Broken(why) => write!(f, "exchange with the API server: {why}"),
            Self::Timeout => f.write_str("the API server did not answer in time"),
            Self::BadReply(why) => write!(f, "reply of the API server: {why}"),
        }
    }
}

impl std::error::Error for Error {}
