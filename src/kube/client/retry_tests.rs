//! Which requests are sent again, and how often.

use super::*;
use crate::kube::refusal::Refusal;
use crate::kube::types::Status;

fn refused(code: u16, reason: &str, retry_after: Option<Duration>) -> Error {
    let status = Status { reason: reason.to_owned(), ..Status::default() };
    Error::Refused(Box::new(Refusal::new(code, status, retry_after)))
}

#[test]
fn only_a_harmless_request_is_sent_again() {
    let broken = || Error::Broken(String::new());
    for (method, error, expected) in [
        (Method::GET, broken(), true),
        (Method::GET, Error::Timeout, true),
        (Method::GET, refused(503, "ServiceUnavailable", None), true),
        (Method::GET, refused(504, "Timeout", None), true),
        (Method::GET, Error::NotKubernetes(String::new()), true),
        (Method::GET, Error::BadReply(String::new()), false),
        (Method::GET, Error::CallerUnauthorized, false),
        (Method::PATCH, broken(), true),
        (Method::PATCH, refused(500, "", None), true),
        (Method::POST, Error::Unreachable(String::new()), true),
        (Method::POST, Error::Unauthorized { is_passing: true }, true),
        (Method::POST, broken(), false),
        (Method::POST, Error::Timeout, false),
        (Method::POST, Error::NotKubernetes(String::new()), false),
        (Method::POST, refused(500, "InternalError", None), false),
        (Method::POST, refused(429, "TooManyRequests", None), true),
        (Method::POST, refused(408, "", None), true),
        (Method::DELETE, broken(), false),
        (Method::DELETE, refused(503, "ServiceUnavailable", None), true),
        (Method::DELETE, refused(504, "Timeout", None), false),
        (Method::DELETE, refused(500, "", None), false),
    ] {
        assert_eq!(is_safe(&method, &error), expected, "{method} {error:?}");
    }
}

/// Attempts of a request that always fails with this error. 100 means until the deadline.
fn tries(error: &Error) -> usize {
    let mut attempts = Attempts::default();
    1 + (1..100).take_while(|_| attempts.next(error).is_some()).count()
}

#[test]
fn c1_attempts_are_limited_by_the_error() {
    for (error, expected) in [
        (Error::Unreachable(String::new()), 100),
        (Error::Broken(String::new()), 100),
        (Error::Timeout, 100),
        (Error::Unauthorized { is_passing: true }, 100),
        (Error::Unauthorized { is_passing: false }, 1),
        (Error::CallerUnauthorized, 1),
        (Error::NotKubernetes(String::new()), 5),
        (Error::BadReply(String::new()), 5),
        (refused(400, "", None), 1),
        (refused(403, "", None), 1),
        (refused(409, "AlreadyExists", None), 1),
        (refused(422, "", None), 1),
        (refused(408, "", None), 3),
        (refused(429, "", None), 3),
        (refused(500, "", None), 5),
        (refused(503, "ServiceUnavailable", None), 5),
        (refused(504, "Timeout", None), 5),
    ] {
        assert_eq!(tries(&error), expected, "{error:?}");
    }
}

#[test]
fn a_pause_is_never_shorter_than_requested() {
    for code in [429, 503] {
        let pause = Attempts::default().next(&refused(code, "", Some(Duration::from_secs(7)))).unwrap();
        assert!(pause > Duration::from_secs(7) && pause < Duration::from_secs(8), "{pause:?}");
    }
    let longest = refused(429, "", Some(Duration::MAX));
    assert_eq!(Attempts::default().next(&longest), Some(Duration::MAX));
}
