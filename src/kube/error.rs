//! What can go wrong between the service and the cluster. What an answer means is `refusal`'s, and what a caller reads
//! is `http::error`'s.

use std::fmt;

use crate::kube::refusal::Refusal;

#[derive(Debug)]
pub enum Error {
    /// No cluster to talk to yet, or no token for it: the name of the check that fails, for everybody, and the cause,
    /// for the log alone.
    NotReady { check: &'static str, cause: String },
    /// The API server answered, and said no.
    Refused(Box<Refusal>),
    /// 401 again and again, with fresh tokens. It is passing if the cluster accepted our token a short time ago.
    Unauthorized { is_passing: bool },
    /// 401 for the token that a caller sent.
    CallerUnauthorized,
    /// The request was not sent: no connection could be made.
    Unreachable(String),
    /// The request may have been received; no whole reply came.
    Broken(String),
    /// No reply in time; whether the request was received is unknown.
    Timeout,
    /// A reply that reports success is not the expected object, or too large to read.
    BadReply(String),
    /// The answer is not Kubernetes', as the page of a load balancer: what answered.
    NotKubernetes(String),
}

impl Error {
    /// Whether the request may have had its effect although no reply says so.
    pub fn is_ambiguous(&self) -> bool {
        match self {
            Self::Broken(_) | Self::Timeout | Self::BadReply(_) | Self::NotKubernetes(_) => true,
            Self::Refused(refusal) => refusal.is_ambiguous(),
            _ => false,
        }
    }

    /// Whether another try may succeed if the caller can tell afterwards whether this one had its effect.
    pub fn is_worth_repeating(&self) -> bool {
        self.is_ambiguous() || matches!(self, Self::Refused(refusal) if refusal.is_server_error())
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
            Self::NotReady { check, cause } => write!(f, "not ready: {check}: {cause}"),
            Self::Refused(refusal) => {
                write!(f, "the API server answered {}: {}", refusal.answered, refusal.status.message)
            }
            Self::Unauthorized { .. } => f.write_str(
                "the API server does not accept our token: does the cluster have an access entry for our role?",
            ),
            Self::CallerUnauthorized => f.write_str("the cluster does not accept the caller's token"),
            Self::Unreachable(why) => write!(f, "connecting to the API server: {why}"),
            Self::Broken(why) => write!(f, "exchange with the API server: {why}"),
            Self::Timeout => f.write_str("the API server did not answer in time"),
            Self::BadReply(why) => write!(f, "reply of the API server: {why}"),
            Self::NotKubernetes(what) => write!(f, "the answer is not Kubernetes': {what}"),
        }
    }
}

impl std::error::Error for Error {}
