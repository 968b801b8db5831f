//! /openapi.json and /docs: what the service offers, for programs and for people. What is in the files is `openapi`'s
//! and `swagger_ui`'s.

pub mod openapi;
pub mod swagger_ui;

use std::sync::OnceLock;

use hyper::StatusCode;
use hyper::body::Bytes;
use hyper::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, ETAG, HeaderValue, REFERRER_POLICY,
    VARY, X_CONTENT_TYPE_OPTIONS,
};
use ring::digest::{SHA256, digest};

use crate::api::context::RequestContext;
use crate::api::routes::Route;
use crate::http::request::etag::{self, IfNoneMatch};
use crate::http::request::media;
use crate::http::response::problem::Problem;
use crate::http::response::reply::Reply;
use crate::http::response::stream_body::ReplyBody;
use crate::kube::watcher::Version;

/// The page runs no script and asks for nothing but what this service itself sends, and no other site shows it as a
/// part of its own. Images in the style sheet are written into it.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);
const AS_LABELLED: HeaderValue = HeaderValue::from_static("nosniff");
const NO_REFERRER: HeaderValue = HeaderValue::from_static("no-referrer");

pub(super) fn openapi(call: &RequestContext) -> Result<Reply, Problem> {
    is_shown(call)?;
    Ok(file(call, openapi::DOCUMENT.as_bytes()))
}

/// A file of Swagger UI.
pub(super) fn page(call: &RequestContext) -> Result<Reply, Problem> {
    is_shown(call)?;
    let found = swagger_ui::file(call.route).ok_or_else(|| none("this program was built without the documentation"))?;
    if found.is_gzip && !media::accepts_gzip(&call.headers) {
        let detail = "this is sent compressed only: send Accept-Encoding: gzip (curl --compressed)";
        return Err(Problem::new(StatusCode::NOT_ACCEPTABLE, "NotAcceptable", detail));
    }
    let reply = file(call, found.content).with(X_CONTENT_TYPE_OPTIONS, AS_LABELLED);
    Ok(if found.is_gzip {
        reply.with(CONTENT_ENCODING, HeaderValue::from_static("gzip")).with(VARY, ACCEPT_ENCODING.into())
    } else {
        reply.with(CONTENT_SECURITY_POLICY, POLICY).with(REFERRER_POLICY, NO_REFERRER)
    })
}

fn is_shown(call: &RequestContext) -> Result<(), Problem> {
    if call.shared.docs { Ok(()) } else { Err(none("the documentation is switched off by EKS_API_DOCS=false")) }
}

fn none(detail: &str) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "path_not_found", detail)
}

/// What is part of the program: it changes with it, and a cache may keep it as long as it asks each time.
fn file(call: &RequestContext, content: &'static [u8]) -> Reply {
    let version = version(call.route, content).to_string();
    let is_known = IfNoneMatch::parse(&call.headers).is_some_and(|known| known.has(&version));
    let reply = if is_known {
        Reply::empty(StatusCode::NOT_MODIFIED)
    } else {
        Reply { body: ReplyBody::Whole(Bytes::from_static(content)), ..Reply::empty(StatusCode::OK) }
    };
    reply.with(ETAG, etag::quote(&version)).with(CACHE_CONTROL, HeaderValue::from_static("no-cache"))
}

/// A number that is another for other content. It is found once for each route: whoever may read the files may do so as
/// often as they like, and nobody else is served meanwhile.
fn version(route: Route, content: &'static [u8]) -> Version {
    static FOUND: [OnceLock<Version>; Route::ALL.len()] = [const { OnceLock::new() }; Route::ALL.len()];
    let find =
        || digest(&SHA256, content).as_ref().iter().take(8).fold(0, |number, byte| number << 8 | Version::from(*byte));
    *FOUND[route as usize].get_or_init(find)
}
