//! Classifies error replies of the API server: [`Refusal`] has the caller's status, the number of attempts, and whether the
//! request may have had its effect. No other file decides by the API server's messages.

use std::time::Duration;

use crate::kube::types::Status;

/// An error reply of the API server.
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
    /// The request is wrong, or not allowed.
    Final,
    /// The request had no effect and may succeed later.
    Conflict,
    /// The API server or something behind it failed.
    ServerError,
}

impl Refusal {
    /// Classifies a reply by its code and its Status object.
    pub fn new(answered: u16, mut status: Status, retry_after: Option<Duration>) -> Self {
        let (kind, code) = classify(answered, &status.message);
        // The API server's reason belongs to the code that it sent.
        let is_recoded = kind == Kind::Final && code != answered && code < 500;
        if is_recoded || status.reason.is_empty() {
            default_reason(code).clone_into(&mut status.reason);
        }
        Self { code, answered, status, retry_after, kind }
    }

    /// Returns the maximal number of attempts.
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

    /// Whether the request may have had its effect. The API server answers Timeout when it stops waiting for etcd. Errors of
    /// etcd itself have no reason.
    pub fn is_ambiguous(&self) -> bool {
        self.is_server_error() && matches!(self.status.reason.as_str(), "" | "Timeout" | "ServerTimeout")
    }

    /// Whether a read may succeed a little later. A new node has no certificate yet, or a container does not run yet.
    /// A kubelet may restart, and an API server may be replaced.
    pub fn may_pass(&self) -> bool {
        let is_early = self.is_from_kubelet("is waiting to start") || self.is_from_kubelet("is not available");
        matches!(self.code, 408 | 429 | 500..) || is_early
    }

    /// Whether a create may succeed later: when the API server has less to do, or a quota has room.
    pub fn is_temporary(&self) -> bool {
        let is_quota = self.code == 403 && self.status.message.contains("exceeded quota");
        is_quota || self.kind != Kind::Final
    }

    /// Whether a log was requested of a run that the container did not have.
    pub fn is_no_previous_run(&self) -> bool {
        self.is_from_kubelet("previous terminated container")
    }

    /// Whether a webhook prevents the dry run, as it may have side effects.
    pub fn is_dry_run_unsupported(&self) -> bool {
        self.code == 400 && self.status.message.contains("does not support dry run")
    }

    /// Whether the kubelet refused to send a log with this text. Only the text tells its errors apart.
    fn is_from_kubelet(&self, text: &str) -> bool {
        self.code == 400 && self.status.reason == "BadRequest" && self.status.message.contains(text)
    }
}

fn classify(answered: u16, message: &str) -> (Kind, u16) {
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

/// Returns Kubernetes' reason for a code, or an empty text.
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
