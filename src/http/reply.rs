//! A successful answer before it is a response: status, the headers of its own, and body.

use hyper::StatusCode;
use hyper::body::Bytes;
use hyper::header::{HeaderName, HeaderValue};
use serde::Serialize;

use super::error::Problem;
use super::stream::ReplyBody;

#[derive(Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: Vec<(HeaderName, HeaderValue)>,
    pub body: ReplyBody,
}

impl Reply {
    /// A reply without a body, such as 204 and 304.
    pub const fn empty(status: StatusCode) -> Self {
        Self { status, headers: Vec::new(), body: ReplyBody::Whole(Bytes::new()) }
    }

    pub fn json(status: StatusCode, body: &impl Serialize) -> Result<Self, Problem> {
        let body = serde_json::to_vec(body).map_err(|error| Problem {
            cause: Some(error.to_string().into()),
            ..Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalError", "the answer could not be written")
        })?;
        Ok(Self { body: ReplyBody::Whole(body.into()), ..Self::empty(status) })
    }

    pub fn stream(body: ReplyBody) -> Self {
        Self { body, ..Self::empty(StatusCode::OK) }
    }

    #[must_use]
    pub fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }
}
