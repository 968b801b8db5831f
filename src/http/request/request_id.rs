//! The id of a request: the caller's, if it is valid, or a new one. It joins the logs of both sides.

use std::fmt;

use hyper::header::{HeaderMap, HeaderName, HeaderValue};

pub const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// The longest id of a caller, in bytes.
const MAX_LEN: usize = 64;

#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RequestId {
    bytes: [u8; MAX_LEN],
    length: usize,
}

impl RequestId {
    pub fn parse(headers: &HeaderMap) -> Self {
        let given = headers.get(HEADER).map(HeaderValue::as_bytes).filter(|id| is_valid(id));
        given.map_or_else(Self::random, Self::copied)
    }

    fn copied(id: &[u8]) -> Self {
        let mut bytes = [0; MAX_LEN];
        bytes[..id.len()].copy_from_slice(id);
        Self { bytes, length: id.len() }
    }

    fn random() -> Self {
        Self::copied(format!("{:032x}", fastrand::u128(..)).as_bytes())
    }

    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.length]).unwrap_or_default()
    }

    pub fn header(&self) -> Option<HeaderValue> {
        HeaderValue::from_bytes(&self.bytes[..self.length]).ok()
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether an id is harmless in logs, terminals and annotations.
fn is_valid(id: &[u8]) -> bool {
    (1..=MAX_LEN).contains(&id.len()) && id.iter().all(|c| c.is_ascii_alphanumeric() || b"-_.:/+=@".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(id: &'static str) -> String {
        let headers = HeaderMap::from_iter([(HEADER, HeaderValue::from_static(id))]);
        RequestId::parse(&headers).to_string()
    }

    #[test]
    fn a_valid_id_is_kept_and_any_other_is_replaced() {
        assert_eq!(parsed("cron-2026.01:20/a@b"), "cron-2026.01:20/a@b");
        for bad in ["", "a b", "a\"b", "<0>x", "iiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiii"] {
            assert_eq!(parsed(bad).len(), 32, "{bad:?}");
        }
        assert_ne!(RequestId::parse(&HeaderMap::new()), RequestId::parse(&HeaderMap::new()));
    }
}
