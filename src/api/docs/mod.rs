//! /openapi.json and /docs: the description of the API, for programs and for people.

pub mod openapi;
pub mod swagger_ui;

use std::sync::OnceLock;

use hyper::body::Bytes;
use hyper::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, ETAG, HeaderValue, LOCATION,
    REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Method, StatusCode};
use ring::digest::{SHA256, digest};

use crate::api::context::RequestContext;
use crate::api::routes::Route;
use crate::auth::Auth;
use crate::http::request::etag::{self, IfNoneMatch};
use crate::http::request::media;
use crate::http::response::problem::Problem;
use crate::http::response::reply::Reply;
use crate::http::response::stream_body::ReplyBody;
use crate::kube::watcher::Version;

/// The page loads scripts and data from this service only, and no other site can embed it. The style sheet has its
/// images as data URLs.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);
const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");
const NO_REFERRER: HeaderValue = HeaderValue::from_static("no-referrer");

pub(super) fn openapi(ctx: &RequestContext) -> Result<Reply, Problem> {
    check_enabled(ctx)?;
    let document = match *ctx.state.auth {
        Auth::None => openapi::WITHOUT_CREDENTIALS.as_str(),
        _ => openapi::DOCUMENT,
    };
    Ok(file(ctx, document.as_bytes()))
}

/// Answers a request without a route. The root leads to the documentation, also
/// behind a proxy that adds a path.
pub(super) fn unknown_path(method: &Method, path: &str, is_enabled: bool) -> Result<Reply, Problem> {
    let detail = match (is_enabled, cfg!(feature = "docs")) {
        (true, true) if path == "/" && [Method::GET, Method::HEAD].contains(method) => {
            return Ok(Reply::empty(StatusCode::FOUND).with(LOCATION, HeaderValue::from_static("docs")));
        }
        (true, true) => "there is nothing at this path; see /docs",
        (true, false) => "there is nothing at this path; see /openapi.json",
        (false, _) => {
            "there is nothing at this path; eks-api openapi prints the paths (EKS_API_DOCS=false disables /docs)"
        }
    };
    Err(Problem::new(StatusCode::NOT_FOUND, "path_not_found", detail))
}

/// Returns a file of Swagger UI.
pub(super) fn page(ctx: &RequestContext) -> Result<Reply, Problem> {
    check_enabled(ctx)?;
    let found =
        swagger_ui::file(ctx.route).ok_or_else(|| disabled("this program was built without the documentation"))?;
    if found.is_gzip && !media::accepts_gzip(&ctx.headers) {
        let detail = "this file is only sent compressed: send Accept-Encoding: gzip (curl --compressed)";
        return Err(Problem::new(StatusCode::NOT_ACCEPTABLE, "NotAcceptable", detail));
    }
    let reply = file(ctx, found.content).with(X_CONTENT_TYPE_OPTIONS, NOSNIFF);
    Ok(if found.is_gzip {
        reply.with(CONTENT_ENCODING, HeaderValue::from_static("gzip")).with(VARY, ACCEPT_ENCODING.into())
    } else {
        reply.with(CONTENT_SECURITY_POLICY, POLICY).with(REFERRER_POLICY, NO_REFERRER)
    })
}

fn check_enabled(ctx: &RequestContext) -> Result<(), Problem> {
    if ctx.state.docs { Ok(()) } else { Err(disabled("EKS_API_DOCS=false disables the documentation")) }
}

fn disabled(detail: &str) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "path_not_found", detail)
}

/// Returns a file of the program. A cache may keep it and has to ask each time whether it changed.
fn file(ctx: &RequestContext, content: &'static [u8]) -> Reply {
    let version = version(ctx.route, content).to_string();
    let is_known = IfNoneMatch::parse(&ctx.headers).is_some_and(|tags| tags.has(&version));
    let reply = if is_known {
        Reply::empty(StatusCode::NOT_MODIFIED)
    } else {
        Reply { body: ReplyBody::Whole(Bytes::from_static(content)), ..Reply::empty(StatusCode::OK) }
    };
    reply.with(ETAG, etag::quote(&version)).with(CACHE_CONTROL, HeaderValue::from_static("no-cache"))
}

/// Returns a hash of the content. Each file is hashed once: callers can read it as often as they like.
fn version(route: Route, content: &'static [u8]) -> Version {
    static VERSIONS: [OnceLock<Version>; Route::ALL.len()] = [const { OnceLock::new() }; Route::ALL.len()];
    let hash =
        || digest(&SHA256, content).as_ref().iter().take(8).fold(0, |number, byte| number << 8 | Version::from(*byte));
    *VERSIONS[route as usize].get_or_init(hash)
}
