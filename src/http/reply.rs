//! A successful answer before it is a response: status and JSON body.

use hyper::StatusCode;
use serde::Serialize;

use super::error::Problem;

#[derive(Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub body: Vec<u8>,
}

impl Reply {
    pub const fn no_content() -> Self {
        Self { status: StatusCode::NO_CONTENT, body: Vec::new() }
    }

    pub fn json(status: StatusCode, body: &impl Serialize) -> Result<Self, Problem> {
        let body = serde_json::to_vec(body).map_err(|error| Problem {
            cause: Some(error.to_string().into()),
            ..Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalError", "the answer could not be written")
        })?;
        Ok(Self { status, body })
    }
}
