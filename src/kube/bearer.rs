//! A caller's own token for the cluster: [`Bearer`]. Only its syntax is checked here; the cluster checks the token.

use hyper::header::HeaderValue;

use crate::util::secret::Secret;

const SCHEME: &str = "Bearer ";

/// Debug does not show it: the header is marked as sensitive.
#[derive(Clone, Debug)]
pub struct Bearer(HeaderValue);

impl Bearer {
    /// Parses the token of an `Authorization` header (RFC 6750, section 2.1).
    pub fn parse(token: &str) -> Option<Self> {
        let token68 = |c: u8| c.is_ascii_alphanumeric() || b"-._~+/=".contains(&c);
        if token.is_empty() || !token.bytes().all(token68) {
            return None;
        }
        let mut header = HeaderValue::try_from(format!("{SCHEME}{token}")).ok()?;
        header.set_sensitive(true);
        Some(Self(header))
    }

    pub(super) fn authorization(&self) -> HeaderValue {
        self.0.clone()
    }

    /// Returns the token, to be hashed.
    pub fn token(&self) -> Secret<&[u8]> {
        let header = self.0.as_bytes();
        Secret::new(header.strip_prefix(SCHEME.as_bytes()).unwrap_or(header))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_valid_syntax_passes_and_debug_does_not_show_it() {
        let token = Bearer::parse("k8s-aws-v1.aHR0cHM6Ly9zdHM=").unwrap();
        assert_eq!(token.authorization(), "Bearer k8s-aws-v1.aHR0cHM6Ly9zdHM=");
        assert!(!format!("{token:?}").contains("aHR0"));
        for bad in ["", "a b", "a\r\nx: y", "ä", "a,b", "\"a\""] {
            assert!(Bearer::parse(bad).is_none(), "{bad:?}");
        }
    }
}
