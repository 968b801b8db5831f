//! Tests that neither a handler nor a Debug output sees a secret of the caller.

use hyper::header::{AUTHORIZATION, HeaderName, HeaderValue};

use super::*;
use crate::api::jobs::wait::tests::{KeysFile, request};
use crate::api::request_guard::RequestGuard;
use crate::auth::access_review_cache::AccessReviewCache;
use crate::auth::{Auth, Credentials};
use crate::http::request::credentials::mark_sensitive;
use crate::util::secret::Secret;

const SECRET: &str = "eks-api-hunter2";

#[tokio::test]
async fn b13_no_debug_output_of_a_request_shows_the_key_or_the_token_of_its_caller() {
    let file = KeysFile::new("debug");
    let mut ctx = request(&file);
    let reviews = AccessReviewCache::new(std::time::Duration::from_secs(30)).unwrap();
    let auth = Auth::Kubernetes(Box::new(reviews));
    ctx.info.caller =
        auth.identify(Credentials { bearer: Some(Secret::new(SECRET)), ..Credentials::default() }).unwrap();
    ctx.headers.insert(AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {SECRET}")).unwrap());
    ctx.headers.insert(HeaderName::from_static("x-api-key"), HeaderValue::from_static(SECRET));
    mark_sensitive(&mut ctx.headers);
    let (marked, RequestContext { route, info, parameters, headers, state, cluster, .. }) =
        (format!("{:#?}", ctx.headers), ctx);
    let ctx = RequestContext::new(state, cluster, route, info, parameters, headers);
    let shown = [
        marked,
        format!("{ctx:?}"),
        format!("{:?}", ctx.caller()),
        format!("{:?}", ctx.caller_id()),
        format!("{:?}", ctx.client),
        format!("{:?}", ctx.state),
        format!("{auth:?}"),
        format!("{:?}", ctx.info_as(Route::CreateNamespace)),
        format!("{:?}", RequestGuard::new(Box::new(ctx))),
    ];
    for text in shown {
        assert!(!text.contains(SECRET) && !text.contains("hunter2"), "{text}");
    }
}

#[tokio::test]
async fn a_handler_sees_no_header_with_a_secret() {
    let file = KeysFile::new("headers");
    let RequestContext { route, info, parameters, state, cluster, .. } = request(&file);
    let names = ["authorization", "x-api-key", "proxy-authorization", "cookie", "last-event-id"];
    let line = |name| (HeaderName::from_static(name), HeaderValue::from_static(SECRET));
    let ctx = RequestContext::new(state, cluster, route, info, parameters, names.map(line).into_iter().collect());
    let left: Vec<&str> = ctx.headers.keys().map(HeaderName::as_str).collect();
    assert_eq!(left, ["last-event-id"]);
}
