//! Reads a request's body: labelled JSON, bounded in size and time, of the expected form.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::StatusCode;
use hyper::body::{Body, Incoming};
use hyper::header::HeaderMap;
use serde::de::DeserializeOwned;

use super::error::Problem;
use super::json_body;
use super::limit::{BODY_COST, BODY_TIMEOUT, MAX_BODY_BYTES};
use super::media;
use super::room::{Room, Share};

/// What it says, and its share of what all callers make us hold.
pub async fn json<T: DeserializeOwned>(
    headers: &HeaderMap,
    body: Incoming,
    room: &Arc<Room>,
) -> Result<(T, Share), Problem> {
    media::require_json(headers)?;
    // Said before the body is read, so that a caller who waits for 100 Continue need not send it.
    if body.size_hint().lower() > MAX_BODY_BYTES as u64 {
        return Err(too_large());
    }
    let late = || {
        let detail = format!("the body did not arrive within {} s", BODY_TIMEOUT.as_secs());
        Problem::new(StatusCode::REQUEST_TIMEOUT, "request_timeout", detail)
    };
    let (bytes, mut held) = tokio::time::timeout(BODY_TIMEOUT, whole(body, room)).await.map_err(|_| late())??;
    let read = json_body::parse(&bytes)?;
    held.set(BODY_COST + bytes.len());
    Ok((read, held))
}

/// Copied piece by piece: to keep the pieces would cost a caller's byte of each forty of ours.
async fn whole(body: Incoming, room: &Arc<Room>) -> Result<(Vec<u8>, Share), Problem> {
    let mut held = room.account().hold(BODY_COST);
    let (mut body, mut bytes) = (Limited::new(body, MAX_BODY_BYTES), Vec::new());
    loop {
        let frame = tokio::select! {
            biased;
            () = held.has_to_leave() => return Err(no_room("too many bodies are on their way")),
            frame = body.frame() => frame,
        };
        let frame = match frame {
            None => return Ok((bytes, held)),
            Some(Ok(frame)) => frame,
            Some(Err(error)) if error.is::<LengthLimitError>() => return Err(too_large()),
            Some(Err(_)) => return Err(Problem::malformed("body", "ended early or is not framed as HTTP says")),
        };
        if let Some(data) = frame.data_ref() {
            bytes.extend_from_slice(data);
            held.set(BODY_COST + bytes.capacity());
        }
    }
}

pub fn no_room(why: &str) -> Problem {
    let detail = format!("{why}, and this one had taken longest; try again");
    Problem::unavailable("overloaded", detail, Duration::from_secs(1))
}

fn too_large() -> Problem {
    let detail = format!("the body is larger than {} MiB", MAX_BODY_BYTES >> 20);
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", detail)
}
