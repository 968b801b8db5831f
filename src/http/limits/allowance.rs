//! The rest of a rate limit after a call, as the reply's headers report it.

use hyper::header::{HeaderMap, HeaderName, HeaderValue};

const RATELIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATELIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// How many seconds' worth of calls may come at once.
pub const BURST_SECONDS: u32 = 2;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Names the limit.
    pub name: &'static str,
    pub per_second: u32,
    pub remaining: u32,
}

impl Allowance {
    /// Adds the headers of draft-ietf-httpapi-ratelimit-headers.
    pub fn write(self, headers: &mut HeaderMap) {
        let Self { name, per_second, remaining } = self;
        let lines = [
            (RATELIMIT_POLICY, format!("\"{name}\";q={};w={BURST_SECONDS}", per_second * BURST_SECONDS)),
            (RATELIMIT, format!("\"{name}\";r={remaining};t=1")),
        ];
        for (header, value) in lines {
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.insert(header, value);
            }
        }
    }
}
