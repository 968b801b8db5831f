//! What may be sent to the cluster again after an error, and when. Owns the rule; `session` does it.

use std::time::Duration;

use hyper::Method;

use super::error::Error;

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Retry {
    No,
    Soon,
    After(Duration),
}

/// A read may always be repeated, and so may a patch that sets fields to given values. Anything else only if it surely
/// had no effect: it was not sent, or was turned away by flow control (429), which comes before the request is looked at.
pub(super) fn retry(method: &Method, error: &Error) -> Retry {
    let is_read = *method == Method::GET || *method == Method::PATCH;
    match error {
        Error::Unreachable(_) => Retry::Soon,
        Error::Broken(_) | Error::Timeout if is_read => Retry::Soon,
        Error::Refused(refusal) if refusal.code == 429 || (is_read && refusal.code >= 500) => {
            refusal.retry_after.map_or(Retry::Soon, Retry::After)
        }
        _ => Retry::No,
    }
}

#[cfg(test)]
#[path = "retry_tests.rs"]
mod tests;
