//! Whether, how often and how soon a request is sent again after an error. What an answer means is `refusal`'s.

use std::time::Duration;

use hyper::Method;

use crate::kube::error::Error;
use crate::util::backoff::Backoff;

/// Another connection is worth a try at once; a store that elects its leader takes seconds.
const SHORT: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(2));
const LONG: Backoff = Backoff::new(Duration::from_millis(250), Duration::from_secs(2));
/// For a reply that no API server sends.
const BAD_REPLY_TRIES: u32 = 5;

/// The tries of one request.
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
    /// The pause before the next try, or `None` after the last one. What was not answered is tried until the deadline.
    pub fn next(&mut self, error: &Error) -> Option<Duration> {
        let most = match error {
            Error::Unreachable(_) | Error::Broken(_) | Error::Timeout => return Some(self.short.pause()),
            Error::Unauthorized { is_passing: true } => return Some(self.long.pause()),
            Error::Refused(refusal) => refusal.max_tries(),
            Error::BadReply(_) | Error::NotKubernetes(_) => BAD_REPLY_TRIES,
            Error::NotReady { .. } | Error::Unauthorized { .. } | Error::CallerUnauthorized => 1,
        };
        self.answered += 1;
        if self.answered >= most {
            return None;
        }
        Some(match error {
            // Never sooner than it was asked for, never at once, and not all callers in step.
            Error::Refused(refusal) if !refusal.is_server_error() => {
                refusal.retry_after.unwrap_or_default().saturating_add(self.short.pause())
            }
            Error::Refused(refusal) => refusal.retry_after.unwrap_or_default().saturating_add(self.long.pause()),
            _ => self.long.pause(),
        })
    }
}

/// Whether a request of this method does no harm if it is sent again after this error. A read never does, nor does a patch
/// that sets fields to given values. Anything else must have had no effect. A create that knows its own object again may
/// be sent more often: that is up to its caller.
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
