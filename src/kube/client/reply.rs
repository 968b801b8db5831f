//! Reads a reply of the API server: the requested object, or an error.

use std::time::Duration;

use hyper::header::{CONTENT_TYPE, HeaderName, RETRY_AFTER, SERVER, WARNING};
use serde::de::DeserializeOwned;

use crate::kube::client::transport::RawReply;
use crate::kube::client::warning;
use crate::kube::error::Error;
use crate::kube::refusal::{Refusal, is_denial};
use crate::kube::types::Status;
use crate::kube::types::json;
use crate::util::text::truncate;

/// A reply that reports success.
#[derive(Debug)]
pub struct Reply<T> {
    pub object: T,
    pub warnings: Vec<String>,
}

pub fn decode<T: DeserializeOwned>(reply: &RawReply) -> Result<Reply<T>, Error> {
    if !reply.status.is_success() {
        return Err(error(reply));
    }
    let object =
        json::read(&reply.body).map_err(|error| Error::BadReply(format!("not the expected object: {error}")))?;
    let warnings = reply.headers.get_all(WARNING).iter().flat_map(|line| warning::texts(line.as_bytes()));
    Ok(Reply { object, warnings: warnings.collect() })
}

/// Returns the error of a reply that reports no success.
pub(crate) fn error(reply: &RawReply) -> Error {
    let answered = reply.status.as_u16();
    let status = json::read::<Status>(&reply.body).ok().filter(|status| status.kind == "Status");
    // The API server's own flow control answers 429 in plain text.
    let may_be_plain = matches!(answered, 408 | 429);
    let Some(status) = status.or_else(|| may_be_plain.then(Status::default)) else {
        return Error::NotKubernetes(description(reply));
    };
    if answered == 401 && !is_denial(&status.message) {
        return Error::Unauthorized { is_passing: false };
    }
    let header = reply.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    let seconds = header.or_else(|| status.details.as_ref()?.retry_after_seconds);
    Error::Refused(Box::new(Refusal::new(answered, status, seconds.map(Duration::from_secs))))
}

/// Describes a reply by its status, media type and server, without its body.
fn description(reply: &RawReply) -> String {
    let header = |name: HeaderName| {
        let value = reply.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("unknown");
        truncate(value, 64)
    };
    let (code, media, server) = (reply.status.as_u16(), header(CONTENT_TYPE), header(SERVER));
    format!("{code}, content type {media}, server {server}")
}
