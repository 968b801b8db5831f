//! A caller's own token for the cluster, as it is passed on. Owns its form only: whether it is any good is the cluster's
//! to say.

use hyper::header::HeaderValue;

const SCHEME: &str = "Bearer ";

/// Never shown by Debug: the header is marked as sensitive.
#[derive(Clone, Debug)]
pub struct Bearer(HeaderValue);

impl Bearer {
    /// The token of an `Authorization` header, if it is one (RFC 6750, section 2.1).
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

    /// For whoever remembers what the cluster said of the token without keeping it.
    pub fn token(&self) -> &[u8] {
        let header = self.0.as_bytes();
        header.strip_prefix(SCHEME.as_bytes()).unwrap_or(header)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_form_of_a_token_passes_and_it_is_never_shown() {
        let token = Bearer::parse("k8s-aws-v1.aHR0cHM6Ly9zdHM=").unwrap();
        assert_eq!(token.authorization(), "Bearer k8s-aws-v1.aHR0cHM6Ly9zdHM=");
        assert!(!format!("{token:?}").contains("aHR0"));
        for bad in ["", "a b", "a\r\nx: y", "ä", "a,b", "\"a\""] {
            assert!(Bearer::parse(bad).is_none(), "{bad:?}");
        }
    }
}
