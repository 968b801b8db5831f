//! A successful answer before it is a response: status, the headers of its own, and body.

use hyper::StatusCode;
use hyper::body::Bytes;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use serde::Serialize;

use crate::http::response::problem::Problem;
use crate::http::response::stream_body::ReplyBody;

/// As many as most replies have, so that the map need not grow.
const HEADERS: usize = 6;
/// What a body may take beyond its length.
const SLACK: usize = 4 << 10;

#[derive(Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: ReplyBody,
}

impl Reply {
    /// A reply without a body, such as 204 and 304.
    pub fn empty(status: StatusCode) -> Self {
        Self { status, headers: HeaderMap::new(), body: ReplyBody::Whole(Bytes::new()) }
    }

    pub fn json(status: StatusCode, body: &impl Serialize) -> Result<Self, Problem> {
        let body = serde_json::to_vec(body).map_err(|error| Problem {
            cause: Some(error.to_string().into()),
            ..Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalError", "the answer could not be written")
        })?;
        Ok(Self::encoded(status, body))
    }

    /// With a body that is JSON already.
    pub fn encoded(status: StatusCode, mut json: Vec<u8>) -> Self {
        // It stays in memory until it is read.
        if json.capacity() - json.len() > SLACK {
            json.shrink_to_fit();
        }
        Self::bytes(status, json.into())
    }

    /// With a body that is JSON already, and that others share.
    pub fn bytes(status: StatusCode, json: Bytes) -> Self {
        Self { status, headers: HeaderMap::with_capacity(HEADERS), body: ReplyBody::Whole(json) }
    }

    /// nginx holds replies back until a buffer is full, unless this header says that each piece counts.
    pub fn stream(body: ReplyBody) -> Self {
        let unbuffered = HeaderName::from_static("x-accel-buffering");
        Self { body, ..Self::empty(StatusCode::OK) }.with(unbuffered, HeaderValue::from_static("no"))
    }

    #[must_use]
    pub fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }
}

/// One JSON object of the members of two. Neither is empty.
pub fn merged(first: &[u8], second: &[u8]) -> Vec<u8> {
    let [first, second] = [first.strip_suffix(b"}"), second.strip_prefix(b"{")].map(Option::unwrap_or_default);
    [first, b",", second].concat()
}
