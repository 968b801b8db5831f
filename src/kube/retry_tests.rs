//! What is sent again, and what is not.

use super::*;
use crate::kube::error::Refusal;
use crate::kube::types::Status;

#[test]
fn only_what_had_no_effect_is_sent_again() {
    let refused =
        |code, retry_after| Error::Refused(Box::new(Refusal { code, status: Status::default(), retry_after }));
    let cases = [
        (Method::GET, Error::Broken(String::new()), Retry::Soon),
        (Method::GET, Error::Timeout, Retry::Soon),
        (Method::GET, Error::Unauthorized, Retry::No),
        (Method::GET, refused(404, None), Retry::No),
        (Method::GET, refused(503, None), Retry::Soon),
        (Method::POST, Error::Unreachable(String::new()), Retry::Soon),
        (Method::POST, Error::Broken(String::new()), Retry::No),
        (Method::POST, Error::Timeout, Retry::No),
        (Method::POST, refused(500, None), Retry::No),
        (Method::POST, refused(429, Some(Duration::from_secs(1))), Retry::After(Duration::from_secs(1))),
        (Method::DELETE, Error::Broken(String::new()), Retry::No),
    ];
    for (method, error, expected) in cases {
        assert_eq!(retry(&method, &error), expected, "{method} {error:?}");
    }
}
