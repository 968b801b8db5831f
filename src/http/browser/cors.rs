//! CORS, as in the Fetch standard: off unless the settings name origins, and never with credentials.

use hyper::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, HeaderMap, HeaderValue, VARY,
};

#[derive(Clone, Debug)]
pub struct Cors {
    origins: Vec<String>,
}

impl Cors {
    pub const fn new(origins: Vec<String>) -> Self {
        Self { origins }
    }

    pub fn allows(&self, origin: &HeaderValue) -> bool {
        self.origins.iter().any(|named| named.as_bytes() == origin.as_bytes())
    }

    /// Adds the headers that let a page of an allowed origin read the response.
    pub fn apply(&self, origin: Option<&HeaderValue>, preflight_methods: Option<&str>, response: &mut HeaderMap) {
        if self.origins.is_empty() {
            return;
        }
        response.append(VARY, HeaderValue::from_static("origin"));
        let Some(origin) = origin else { return };
        if !self.allows(origin) {
            return;
        }
        response.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        let exposed = HeaderValue::from_static(
            "x-request-id, retry-after, etag, x-cache, age, ratelimit, ratelimit-policy, www-authenticate",
        );
        response.insert(ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
        if let Some(methods) = preflight_methods.and_then(|methods| HeaderValue::from_str(methods).ok()) {
            let headers = HeaderValue::from_static(
                "authorization, x-api-key, content-type, idempotency-key, x-request-id, if-none-match, cache-control, \
                 last-event-id",
            );
            response.insert(ACCESS_CONTROL_ALLOW_METHODS, methods);
            response.insert(ACCESS_CONTROL_ALLOW_HEADERS, headers);
            response.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
        }
    }
}
