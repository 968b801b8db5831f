//! A successful reply: status, its own headers, body.

use hyper::StatusCode;
use hyper::body::Bytes;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use serde::Serialize;

use crate::http::response::list_body::ListBody;
use crate::http::response::problem::Problem;
use crate::http::response::stream_body::ReplyBody;

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

    /// A reply with encoded JSON.
    pub fn encoded(status: StatusCode, mut json: Vec<u8>) -> Self {
        // A slow reader keeps the body in memory.
        json.shrink_to_fit();
        Self::bytes(status, json.into())
    }

    /// A reply with encoded JSON that other replies share.
    pub fn bytes(status: StatusCode, json: Bytes) -> Self {
        Self { status, headers: HeaderMap::new(), body: ReplyBody::Whole(json) }
    }

    pub fn list(body: ListBody) -> Self {
        Self { body: ReplyBody::List(body), ..Self::empty(StatusCode::OK) }
    }

    /// A stream. The header tells nginx not to buffer it.
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

/// Returns one JSON object with the members of two objects. Neither may be empty.
pub fn merged(first: &[u8], second: &[u8]) -> Vec<u8> {
    let [first, second] = [first.strip_suffix(b"}"), second.strip_prefix(b"{")].map(Option::unwrap_or_default);
    [first, b",", second].concat()
}
