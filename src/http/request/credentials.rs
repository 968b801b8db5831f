//! The credentials in a request's header: where they stand, and that there is one at most. What they are worth is `auth`'s.

use hyper::header::{AUTHORIZATION, COOKIE, HeaderMap, HeaderName, HeaderValue, PROXY_AUTHORIZATION};

use crate::auth::Credentials;
use crate::http::peer::Peer;
use crate::http::response::problem::Problem;
use crate::util::secret::Secret;

const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// Marks the values that can hold a secret, so that no Debug output of the header shows them.
pub fn hide(headers: &mut HeaderMap) {
    const SECRET: [HeaderName; 4] = [AUTHORIZATION, X_API_KEY, PROXY_AUTHORIZATION, COOKIE];
    for (name, value) in headers.iter_mut() {
        value.set_sensitive(SECRET.contains(name));
    }
}

/// The credentials of a request. 400 if there are two that differ: which of them counts, only the caller could say.
pub fn shown<'a>(headers: &'a HeaderMap, peer: &'a Peer) -> Result<Credentials<'a>, Problem> {
    let bearer = only(headers, &AUTHORIZATION)?.and_then(bearer);
    let api_key = only(headers, &X_API_KEY)?.and_then(|key| key.to_str().ok());
    if bearer.zip(api_key).is_some_and(|(bearer, key)| bearer != key) {
        let why = "differs from the bearer token in Authorization: send one of them";
        return Err(Problem::malformed("X-API-Key", why));
    }
    Ok(Credentials {
        bearer: bearer.map(Secret::new),
        api_key: api_key.map(Secret::new),
        certificate: peer.certificate.as_ref(),
    })
}

/// The value of all lines of this name.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a HeaderValue>, Problem> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    if values.any(|other| Some(other) != first) {
        let field = if *name == AUTHORIZATION { "Authorization" } else { "X-API-Key" };
        return Err(Problem::malformed(field, "is given more than once, with different values: send it once"));
    }
    Ok(first)
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

    fn headers(lines: &[(&HeaderName, &'static str)]) -> HeaderMap {
        lines.iter().map(|(name, value)| ((*name).clone(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn c11_two_credentials_that_differ_are_refused() {
        let peer = Peer { address: ([127, 0, 0, 1], 1).into(), over_tls: false, certificate: None };
        let status = |lines: &[(&HeaderName, &'static str)]| {
            shown(&headers(lines), &peer).err().map(|problem| problem.status.as_u16())
        };
        let (authorization, key) = (&AUTHORIZATION, &X_API_KEY);
        for good in [
            &[][..],
            &[(authorization, "Bearer a")],
            &[(authorization, "Bearer a"), (authorization, "Bearer a")],
            &[(authorization, "Bearer a"), (key, "a")],
            &[(key, "a"), (key, "a")],
            // A proxy's own: no credential of ours.
            &[(authorization, "Basic YTpi"), (key, "a")],
        ] {
            assert_eq!(status(good), None, "{good:?}");
        }
        for bad in [
            &[(authorization, "Bearer a"), (authorization, "Bearer b")][..],
            &[(authorization, "Basic YTpi"), (authorization, "Bearer b")],
            &[(authorization, "Bearer a"), (authorization, "Bearer a"), (authorization, "Bearer b")],
            &[(authorization, "Bearer a"), (key, "b")],
            &[(key, "b"), (authorization, "Bearer a")],
            &[(key, "a"), (key, "b")],
        ] {
            assert_eq!(status(bad), Some(400), "{bad:?}");
        }
    }

    #[test]
    fn b13_no_debug_output_shows_a_credential() {
        const SECRET: &str = "eks-api-hunter2";
        let mut headers = headers(&[
            (&AUTHORIZATION, "Bearer eks-api-hunter2"),
            (&X_API_KEY, "eks-api-hunter2"),
            (&PROXY_AUTHORIZATION, "Basic eks-api-hunter2"),
            (&COOKIE, "key=eks-api-hunter2"),
        ]);
        assert_eq!(format!("{headers:?}").matches(SECRET).count(), 4, "it would be shown");
        hide(&mut headers);
        let peer = Peer { address: ([127, 0, 0, 1], 1).into(), over_tls: false, certificate: None };
        let shown = shown(&headers, &peer).unwrap();
        assert_eq!(shown.bearer.map(|token| *token.expose()), Some(SECRET));
        for text in [format!("{headers:?}"), format!("{shown:?}"), format!("{peer:?}")] {
            assert!(!text.contains(SECRET), "{text}");
        }
    }
}
