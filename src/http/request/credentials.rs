//! Parses the credentials in a request's headers. `auth` checks them.

use hyper::header::{AUTHORIZATION, COOKIE, HeaderMap, HeaderName, HeaderValue, PROXY_AUTHORIZATION};

use crate::auth::Credentials;
use crate::http::peer::Peer;
use crate::http::response::problem::Problem;
use crate::util::secret::Secret;

const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// The headers that can hold a secret.
const SECRET: [HeaderName; 4] = [AUTHORIZATION, X_API_KEY, PROXY_AUTHORIZATION, COOKIE];

/// Marks the header values that can hold a secret. Debug output then hides them.
pub fn mark_sensitive(headers: &mut HeaderMap) {
    for (name, value) in headers.iter_mut() {
        value.set_sensitive(SECRET.contains(name));
    }
}

/// Removes the headers that can hold a secret, after the caller is identified. No handler needs them.
pub fn remove(headers: &mut HeaderMap) {
    for name in &SECRET {
        headers.remove(name);
    }
}

/// The credentials of a request. 400 if two of them differ.
pub fn parse<'a>(headers: &'a HeaderMap, peer: &'a Peer) -> Result<Credentials<'a>, Problem> {
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

/// The value of this header. 400 if it has different values.
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
    fn a_token_needs_the_scheme_bearer() {
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
            parse(&headers(lines), &peer).err().map(|problem| problem.status.as_u16())
        };
        let (authorization, key) = (&AUTHORIZATION, &X_API_KEY);
        for good in [
            &[][..],
            &[(authorization, "Bearer a")],
            &[(authorization, "Bearer a"), (authorization, "Bearer a")],
            &[(authorization, "Bearer a"), (key, "a")],
            &[(key, "a"), (key, "a")],
            // A proxy's credential, which the service ignores.
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
        assert_eq!(format!("{headers:?}").matches(SECRET).count(), 4, "without the mark they are shown");
        mark_sensitive(&mut headers);
        let peer = Peer { address: ([127, 0, 0, 1], 1).into(), over_tls: false, certificate: None };
        let credentials = parse(&headers, &peer).unwrap();
        assert_eq!(credentials.bearer.map(|token| *token.expose()), Some(SECRET));
        for text in [format!("{headers:?}"), format!("{credentials:?}"), format!("{peer:?}")] {
            assert!(!text.contains(SECRET), "{text}");
        }
    }
}
