//! The one place that turns a handler's result into a response.

use hyper::Response;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};

use super::error::Problem;
use super::media::Media;
use super::reply::Reply;
use super::request_id::{self, RequestId};
use super::stream::ReplyBody;

pub type HttpResponse = Response<ReplyBody>;

/// `media` is what the route replies with, and `allow` what its path takes, where the reply is to say so.
pub fn response(
    request_id: &RequestId,
    result: Result<Reply, Problem>,
    media: Media,
    allow: Option<&str>,
) -> HttpResponse {
    let (status, media_type, body, headers, retry_after) = match result {
        Ok(Reply { status, headers, body }) => (status, media.name(), body, headers, None),
        Err(problem) => {
            let document = ReplyBody::Whole(problem.document(request_id.as_str()).into());
            (problem.status, "application/problem+json", document, HeaderMap::new(), problem.retry_after)
        }
    };
    let is_empty = matches!(&body, ReplyBody::Whole(bytes) if bytes.is_empty());
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    let headers = response.headers_mut();
    if !is_empty {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    }
    if let Some(id) = request_id.header() {
        headers.insert(request_id::HEADER, id);
    }
    if let Some(allow) = allow.and_then(|allow| HeaderValue::from_str(allow).ok()) {
        headers.insert(ALLOW, allow);
    }
    if let Some(time) = retry_after {
        headers.insert(RETRY_AFTER, time.as_secs().max(1).into());
    }
    response
}
