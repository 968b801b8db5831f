//! Errors of requests to the API server: [`Error`]. [`refusal`](crate::kube::refusal) classifies its error replies.

use std::fmt;

use crate::kube::refusal::Refusal;

#[derive(Debug)]
pub enum Error {
    /// The cluster is not described yet, or there is no token. Callers read the failing check; only the log has the cause.
    NotReady { check: &'static str, cause: String },
    /// The API server answered with an error.
    Refused(Box<Refusal>),
    /// 401 for new tokens too. `is_passing` is whether the cluster accepted a token recently.
    Unauthorized { is_passing: bool },
    /// 401 for the caller's own token.
    CallerUnauthorized,
    /// No connection could be made. The request was not sent.
    Unreachable(String),
    /// The connection broke before the reply was complete. The request may have been received.
    Broken(String),
    /// No reply in time. The request may have been received.
    Timeout,
    /// A successful reply is not the expected object, or too large.
    BadReply(String),
    /// Something else answered, such as a load balancer. The text describes the reply.
    NotKubernetes(String),
}

impl Error {
    /// Whether the request may have had its effect although it failed.
    pub fn is_ambiguous(&self) -> bool {
        match self {
            Self::Broken(_) | Self::Timeout | Self::BadReply(_) | Self::NotKubernetes(_) => true,
            Self::Refused(refusal) => refusal.is_ambiguous(),
            _ => false,
        }
    }

    /// Whether another attempt may succeed, if the caller can find out whether this one had its effect.
    pub fn is_worth_repeating(&self) -> bool {
        self.is_ambiguous() || matches!(self, Self::Refused(refusal) if refusal.is_server_error())
    }

    /// Whether what failed may work a little later, without a change by a person.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Refused(refusal) => refusal.may_pass(),
            Self::CallerUnauthorized => false,
            _ => true,
        }
    }

    /// Returns the refusal if it has this code and Kubernetes' reason.
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
            Self::NotReady { check, cause } => write!(f, "not ready: {check}: {cause}"),
            Self::Refused(refusal) => {
                write!(f, "the API server answered {}: {}", refusal.answered, refusal.status.message)
            }
            Self::Unauthorized { .. } => f.write_str(
                "the API server does not accept our token: does the cluster have an access entry for our role?",
            ),
            Self::CallerUnauthorized => f.write_str("the cluster does not accept the caller's token"),
            Self::Unreachable(why) => write!(f, "connecting to the API server: {why}"),
            Self::Broken(why) => write!(f, "the connection to the API server broke: {why}"),
            Self::Timeout => f.write_str("the API server did not answer in time"),
            Self::BadReply(why) => write!(f, "reply of the API server: {why}"),
            Self::NotKubernetes(what) => write!(f, "the reply is not from Kubernetes: {what}"),
        }
    }
}

impl std::error::Error for Error {}
