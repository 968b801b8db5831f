//! What it means when the API server answers anything but success: what the caller gets, whether the request is worth
//! another try, and whether the change may have been made. No other file judges the API server's codes and messages.

use std::time::Duration;

use crate::kube::types::Status;

/// An answer of the API server that is no success.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// The status that a caller gets.
    pub code: u16,
    /// The status that the API server sent.
    pub answered: u16,
    pub status: Status,
    pub retry_after: Option<Duration>,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// The request itself is wrong, or not allowed.
    Final,
    /// The request had no effect and may succeed later.
    Conflict,
    /// The API server or something behind it failed.
    ServerError,
}

impl Refusal {
    /// Judges an answer by its code and its Status object.
    pub fn new(answered: u16, mut status: Status, retry_after: Option<Duration>) -> Self {
        let (kind, code) = judge(answered, &status.message);
        // The API server's own reason belongs to the code that it sent.
        let is_recoded = kind == Kind::Final && code != answered && code < 500;
        if is_recoded || status.reason.is_empty() {
            default_reason(code).clone_into(&mut status.reason);
        }
        Self { code, answered, status, retry_after, kind }
    }

    /// How many times the request is sent at most.
    pub(super) const fn max_tries(&self) -> u32 {
        match self.kind {
            Kind::Final => 1,
            Kind::Conflict => 3,
            Kind::ServerError => 5,
        }
    }

    pub const fn is_server_error(&self) -> bool {
        matches!(self.kind, Kind::ServerError)
    }

    /// Whether the request may have had its effect all the same. The API server says Timeout when it stops waiting for
    /// its store. Errors of the store itself have no reason.
    pub fn is_ambiguous(&self) -> bool {
        self.is_server_error() && matches!(self.status.reason.as_str(), "" | "Timeout" | "ServerTimeout")
    }
}

fn judge(answered: u16, message: &str) -> (Kind, u16) {
    match answered {
        401 if is_denial(message) => (Kind::Final, 403),
        409 if is_quota_conflict(message) => (Kind::Conflict, 409),
        408 | 429 => (Kind::Conflict, answered),
        400..=499 => (Kind::Final, answered),
        500.. if is_too_large(message) => (Kind::Final, 413),
        500.. if is_denial(message) || message.contains("resourceVersion should not be set") => (Kind::Final, 422),
        503 | 504 => (Kind::ServerError, answered),
        500.. => (Kind::ServerError, 502),
        _ => (Kind::Final, 502),
    }
}

/// Whether an admission webhook or policy denied the request. A webhook may choose any code for that.
pub(super) fn is_denial(message: &str) -> bool {
    message.contains("denied the request") || message.contains("denied request")
}

/// Whether the object is too large for etcd, or for the connection to it.
fn is_too_large(message: &str) -> bool {
    message.contains("request is too large") || message.contains("trying to send message larger than max")
}

/// Whether two requests counted themselves against one quota at the same time.
fn is_quota_conflict(message: &str) -> bool {
    message.contains("resourcequotas") && message.contains("the object has been modified")
}

/// Kubernetes' reason for a code; empty if it has none that says more than the code.
const fn default_reason(code: u16) -> &'static str {
    match code {
        400 => "BadRequest",
        403 => "Forbidden",
        404 => "NotFound",
        409 => "Conflict",
        413 => "RequestEntityTooLarge",
        422 => "Invalid",
        429 => "TooManyRequests",
        _ => "",
    }
}

#[cfg(test)]
#[path = "refusal_tests.rs"]
mod tests;
