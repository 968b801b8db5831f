//! Reads a request's body: labelled JSON, bounded in size and time, of the expected form.

use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::StatusCode;
use hyper::body::{Body, Incoming};
use hyper::header::HeaderMap;
use serde::de::DeserializeOwned;

use super::error::Problem;
use super::limit::{BODY_TIMEOUT, MAX_BODY_BYTES};
use super::media;

pub async fn json<T: DeserializeOwned>(headers: &HeaderMap, body: Incoming) -> Result<T, Problem> {
    media::require_json(headers)?;
    // Said before the body is read, so that a caller who waits for 100 Continue need not send it.
    if body.size_hint().lower() > MAX_BODY_BYTES as u64 {
        return Err(too_large());
    }
    let whole = tokio::time::timeout(BODY_TIMEOUT, Limited::new(body, MAX_BODY_BYTES).collect()).await;
    let late = || {
        let detail = format!("the body did not arrive within {} s", BODY_TIMEOUT.as_secs());
        Problem::new(StatusCode::REQUEST_TIMEOUT, "request_timeout", detail)
    };
    let bytes = match whole.map_err(|_| late())? {
        Ok(collected) => collected.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => return Err(too_large()),
        Err(_) => return Err(Problem::malformed("body", "ended early or is not framed as HTTP says")),
    };
    serde_json::from_slice(&bytes).map_err(|error| Problem::malformed("body", &error.to_string()))
}

fn too_large() -> Problem {
    let detail = format!("the body is larger than {} MiB", MAX_BODY_BYTES >> 20);
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", detail)
}
