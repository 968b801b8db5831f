//! Entity tags (RFC 9110, section 8.8.3).

use hyper::header::{HeaderMap, HeaderValue, IF_NONE_MATCH};

/// Returns a tag in quotes.
pub fn quote(tag: &str) -> HeaderValue {
    HeaderValue::try_from(["\"", tag, "\""].concat()).unwrap_or(HeaderValue::from_static("\"\""))
}

/// The most tags of an If-None-Match that count. A wait keeps them in memory. Further tags are ignored: a reply that the
/// caller already has is correct.
const MAX_TAGS: usize = 64;
/// The longest tag that counts. The service's own have at most 38 bytes.
const MAX_TAG_LEN: usize = 64;

/// The tags in If-None-Match, without quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IfNoneMatch {
    Any,
    These(Vec<Box<str>>),
}

impl IfNoneMatch {
    pub fn parse(headers: &HeaderMap) -> Option<Self> {
        let lines = headers.get_all(IF_NONE_MATCH).iter().filter_map(|line| line.to_str().ok());
        let mut tags = lines.flat_map(|line| line.split(',')).map(str::trim).peekable();
        tags.peek()?;
        let mut known = Vec::new();
        for tag in tags {
            if tag == "*" {
                return Some(Self::Any);
            }
            // Weak tags count too (RFC 9110, section 13.1.2).
            let quoted = tag.strip_prefix("W/").unwrap_or(tag);
            let inside = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
            let kept = inside.filter(|tag| tag.len() <= MAX_TAG_LEN && known.len() < MAX_TAGS);
            known.extend(kept.map(Into::into));
        }
        Some(Self::These(known))
    }

    pub fn has(&self, tag: &str) -> bool {
        match self {
            Self::Any => true,
            Self::These(known) => known.iter().any(|known| **known == *tag),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_has_its_own_tag() {
        let known = |lines: &[&'static str]| {
            let lines = lines.iter().map(|line| (IF_NONE_MATCH, HeaderValue::from_static(line)));
            IfNoneMatch::parse(&lines.collect())
        };
        let named = |text: &'static str| known(&[text]).unwrap().has("42");
        for known in ["\"42\"", "W/\"42\"", "\"1\", \"42\"", "*"] {
            assert!(named(known), "{known}");
        }
        for other in ["\"43\"", "42", "\"4\"", "", "\"\"", "\"-42\"", "\"+42\"", "\"042\"", "\"42-exit\""] {
            assert!(!named(other), "{other}");
        }
        assert!(known(&["\"1\"", "\"42\""]).unwrap().has("42"), "there may be several lines");
        assert_eq!(known(&[]), None);
        assert_eq!(quote("42-exit"), "\"42-exit\"");
    }
}
