//! Decides whether, when and how often a request is sent again. [`refusal`](crate::kube::refusal) classifies replies.

use std::time::Duration;

use hyper::Method;

use crate::kube::error::Error;
use crate::util::backoff::Backoff;

/// Another connection may work at once. An etcd that elects a leader takes seconds.
const SHORT: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(2));
const LONG: Backoff = Backoff::new(Duration::from_millis(250), Duration::from_secs(2));
/// Attempts if the reply is not an API server's.
const BAD_REPLY_TRIES: u32 = 5;

/// The attempts of one request.
#[derive(Debug)]
pub struct Attempts {
    answered: u32,
    short: Backoff,
    long: Backoff,
}

impl Default for Attempts {
    fn default() -> Self {
        Self { answered: 0, short: SHORT, long: LONG }
    }
}

impl Attempts {
    /// Returns the pause before the next attempt, or `None` after the last one. A request without a reply is sent again until
    /// the deadline.
    pub fn next(&mut self, error: &Error) -> Option<Duration> {
        let max_tries = match error {
            Error::Unreachable(_) | Error::Broken(_) | Error::Timeout => return Some(self.short.pause()),
            Error::Unauthorized { is_passing: true } => return Some(self.long.pause()),
            Error::Refused(refusal) => refusal.max_tries(),
            Error::BadReply(_) | Error::NotKubernetes(_) => BAD_REPLY_TRIES,
            Error::NotReady { .. } | Error::Unauthorized { .. } | Error::CallerUnauthorized => 1,
        };
        self.answered += 1;
        if self.answered >= max_tries {
            return None;
        }
        Some(match error {
            // At least the requested pause, never none, and with jitter.
            Error::Refused(refusal) if !refusal.is_server_error() => {
                refusal.retry_after.unwrap_or_default().saturating_add(self.short.pause())
            }
            Error::Refused(refusal) => refusal.retry_after.unwrap_or_default().saturating_add(self.long.pause()),
            _ => self.long.pause(),
        })
    }
}

/// Whether a request may be sent again after this error. A read and a merge patch always may. Other requests must have had
/// no effect. A caller that recognizes its own object may send a create more often.
pub(super) fn is_safe(method: &Method, error: &Error) -> bool {
    let is_idempotent = *method == Method::GET || *method == Method::PATCH;
    match error {
        Error::Refused(refusal) if refusal.is_server_error() => {
            is_idempotent || (*method == Method::DELETE && !refusal.is_ambiguous())
        }
        Error::Refused(_) | Error::Unreachable(_) | Error::Unauthorized { .. } => true,
        Error::Broken(_) | Error::Timeout | Error::NotKubernetes(_) => is_idempotent,
        Error::BadReply(_) | Error::NotReady { .. } | Error::CallerUnauthorized => false,
    }
}

#[cfg(test)]
#[path = "retry_tests.rs"]
mod tests;
