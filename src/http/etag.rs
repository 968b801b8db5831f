//! Entity tags (RFC 9110, section 8.8.3): a status changes exactly when the job's resource version does.

use hyper::header::HeaderValue;

use crate::kube::watch::Version;

pub fn of(version: Version) -> HeaderValue {
    HeaderValue::try_from(format!("\"{version}\"")).unwrap_or(HeaderValue::from_static("\"\""))
}

/// Whether an If-None-Match names this version. Weak tags count too (RFC 9110, section 13.1.2).
pub fn matches(if_none_match: &HeaderValue, version: Version) -> bool {
    let Ok(known) = if_none_match.to_str() else { return false };
    known.split(',').map(str::trim).any(|tag| {
        let quoted = tag.strip_prefix("W/").unwrap_or(tag);
        let inside = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        tag == "*" || inside.is_some_and(|tag| tag.parse() == Ok(version))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_known_by_its_own_tag() {
        let named = |text: &'static str| matches(&HeaderValue::from_static(text), 42);
        for known in ["\"42\"", "W/\"42\"", "\"1\", \"42\"", "*"] {
            assert!(named(known), "{known}");
        }
        for other in ["\"43\"", "42", "\"4\"", "", "\"\"", "\"-42\""] {
            assert!(!named(other), "{other}");
        }
        assert_eq!(of(42), "\"42\"");
    }
}
