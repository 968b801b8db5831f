//! The id of a request: the caller's if it is sane, so that logs of both sides can be joined, else a new one.

use std::fmt;

use hyper::header::{HeaderMap, HeaderName, HeaderValue};

pub const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// The longest that a caller may choose.
const LONGEST: usize = 64;

/// In place, as every request has one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RequestId {
    bytes: [u8; LONGEST],
    length: usize,
}

impl RequestId {
    pub fn of(headers: &HeaderMap) -> Self {
        let given = headers.get(HEADER).map(HeaderValue::as_bytes).filter(|id| is_sane(id));
        given.map_or_else(Self::random, Self::copied)
    }

    fn copied(id: &[u8]) -> Self {
        let mut bytes = [0; LONGEST];
        bytes[..id.len()].copy_from_slice(id);
        Self { bytes, length: id.len() }
    }

    fn random() -> Self {
        let mut bytes = [0; LONGEST];
        let random = u128::from(fastrand::u64(..)) << 64 | u128::from(fastrand::u64(..));
        for (byte, digits) in random.to_le_bytes().into_iter().zip(bytes.chunks_exact_mut(2)) {
            let digit = |number: u8| b"0123456789abcdef"[usize::from(number)];
            digits.copy_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
        }
        Self { bytes, length: 32 }
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

/// Nothing that acts on a log, a terminal or an annotation.
fn is_sane(id: &[u8]) -> bool {
    (1..=LONGEST).contains(&id.len()) && id.iter().all(|c| c.is_ascii_alphanumeric() || b"-_.:/+=@".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(id: &'static str) -> String {
        let headers = HeaderMap::from_iter([(HEADER, HeaderValue::from_static(id))]);
        RequestId::parse(&headers).to_string()
    }

    #[test]
    fn a_sane_id_is_kept_and_any_other_replaced() {
        assert_eq!(of("cron-2026.01:20/a@b"), "cron-2026.01:20/a@b");
        for bad in ["", "a b", "a\"b", "<0>x", "iiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiii"] {
            assert_eq!(of(bad).len(), 32, "{bad:?}");
        }
        assert_ne!(RequestId::parse(&HeaderMap::new()), RequestId::parse(&HeaderMap::new()));
    }
}
