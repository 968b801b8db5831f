//! Entity tags (RFC 9110, section 8.8.3): a status changes exactly when the job's resource version does.

use hyper::header::{HeaderMap, HeaderValue, IF_NONE_MATCH};

use super::header::lines;
use crate::jobs::json::Digits;
use crate::kube::watch::Version;

pub fn of(version: Version) -> HeaderValue {
    let digits = Digits::of(version);
    let mut tag = [b'"'; 22];
    let end = digits.as_bytes().len() + 1;
    tag[1..end].copy_from_slice(digits.as_bytes());
    HeaderValue::from_bytes(&tag[..=end]).unwrap_or(HeaderValue::from_static("\"\""))
}

/// The versions that a caller has, by its If-None-Match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    Any,
    These(Vec<Version>),
}

impl Known {
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let lines = lines(headers, IF_NONE_MATCH).filter_map(|line| line.to_str().ok());
        let mut tags = lines.flat_map(|line| line.split(',')).map(str::trim).peekable();
        tags.peek()?;
        let mut versions = Vec::new();
        for tag in tags {
            // Weak tags count too (RFC 9110, section 13.1.2).
            let quoted = tag.strip_prefix("W/").unwrap_or(tag);
            let inside = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
            match inside.and_then(own) {
                _ if tag == "*" => return Some(Self::Any),
                Some(version) => versions.push(version),
                // No tag of ours, so no version that there is.
                None => {}
            }
        }
        Some(Self::These(versions))
    }

    pub fn has(&self, version: Version) -> bool {
        match self {
            Self::Any => true,
            Self::These(versions) => versions.contains(&version),
        }
    }
}

/// The version of a tag as `of` writes it: tags are compared letter by letter, so another way to write the same number is
/// another tag.
fn own(inside: &str) -> Option<Version> {
    let is_digits = inside.bytes().all(|byte| byte.is_ascii_digit()) && (inside == "0" || !inside.starts_with('0'));
    inside.parse().ok().filter(|_| is_digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_known_by_its_own_tag() {
        let known = |lines: &[&'static str]| {
            let lines = lines.iter().map(|line| (IF_NONE_MATCH, HeaderValue::from_static(line)));
            Known::of(&lines.collect())
        };
        let named = |text: &'static str| known(&[text]).unwrap().has(42);
        for known in ["\"42\"", "W/\"42\"", "\"1\", \"42\"", "*"] {
            assert!(named(known), "{known}");
        }
        for other in ["\"43\"", "42", "\"4\"", "", "\"\"", "\"-42\"", "\"+42\"", "\"042\""] {
            assert!(!named(other), "{other}");
        }
        assert!(known(&["\"1\"", "\"42\""]).unwrap().has(42), "there may be several lines");
        assert_eq!(known(&[]), None);
        assert_eq!(of(42), "\"42\"");
        assert_eq!(of(u64::MAX), "\"18446744073709551615\"");
    }
}
