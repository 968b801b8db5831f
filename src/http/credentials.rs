//! What a request shows of its caller. Owns where credentials are looked for; what they are worth is `auth`'s.

use hyper::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};

use super::header::lines;
use super::peer::Peer;
use crate::auth::Shown;

const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

pub fn shown<'a>(headers: &'a HeaderMap, peer: &'a Peer) -> Shown<'a> {
    Shown {
        bearer: lines(headers, AUTHORIZATION).next().and_then(bearer),
        api_key: lines(headers, X_API_KEY).next().and_then(|key| key.to_str().ok()),
        certificate: peer.certificate.as_ref(),
    }
}

/// The token of `Bearer TOKEN`; the scheme's case does not matter (RFC 9110, section 11.1).
fn bearer(header: &HeaderValue) -> Option<&str> {
    let (scheme, token) = header.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_found_behind_its_scheme_only() {
        let of = |value: &'static str| bearer(&HeaderValue::from_static(value)).map(str::to_owned);
        assert_eq!(of("Bearer abc").unwrap(), "abc");
        assert_eq!(of("bearer  abc").unwrap(), "abc");
        for other in ["Basic YTpi", "abc", "Bearer", "", "BearerX abc"] {
            assert_eq!(of(other), None, "{other:?}");
        }
    }
}
