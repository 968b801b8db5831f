//! Converts the result of a handler into a response.

pub mod list_body;
pub mod problem;
pub mod reply;
pub mod sse;
pub mod stream_body;

use hyper::Response;
use hyper::StatusCode;
use hyper::header::{
    ACCEPT_ENCODING, ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE,
};

use crate::http::limits::allowance::Allowance;
use crate::http::request::body_format::UNSUPPORTED_ENCODING;
use crate::http::request::media::Media;
use crate::http::request::request_id::{self, RequestId};
use crate::http::response::problem::Problem;
use crate::http::response::reply::Reply;
use crate::http::response::stream_body::ReplyBody;

/// One scheme for tokens and API keys. An API key may also come as X-API-Key.
const CHALLENGE: HeaderValue = HeaderValue::from_static("Bearer realm=\"eks-api\"");

pub type HttpResponse = Response<ReplyBody>;

/// `media` is the type of a successful reply. `allow` is the value of the header Allow, if the reply needs one.
pub fn response(
    request_id: &RequestId,
    result: Result<Reply, Problem>,
    media: Media,
    allow: Option<&str>,
    allowance: Option<Allowance>,
) -> HttpResponse {
    let (status, media_type, body, headers, retry_after, allowance) = match result {
        Ok(Reply { status, headers, body }) => (status, media.name(), body, headers, None, allowance),
        Err(problem) => {
            let document = ReplyBody::Whole(problem.document(request_id.as_str()).into());
            let allowance = problem.allowance.map(|allowance| *allowance).or(allowance);
            let mut headers = HeaderMap::new();
            if problem.reason == UNSUPPORTED_ENCODING {
                headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
            }
            (problem.status, "application/problem+json", document, headers, problem.retry_after, allowance)
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
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(WWW_AUTHENTICATE, CHALLENGE);
    }
    if let Some(allowance) = allowance {
        allowance.write(headers);
    }
    if let Some(time) = retry_after {
        headers.insert(RETRY_AFTER, time.as_secs().max(1).into());
    }
    response
}
