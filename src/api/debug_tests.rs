//! Tests that no Debug output of a call shows a secret of its caller.

use hyper::header::{AUTHORIZATION, HeaderName, HeaderValue};
use tokio::sync::watch;

use super::*;
use crate::api::jobs::wait::tests::{File, call};
use crate::api::request_guard::RequestGuard;
use crate::auth::Credentials;
use crate::auth::access_review_cache::AccessReviewCache;
use crate::http::request::credentials;
use crate::util::secret::Secret;

const SECRET: &str = "eks-api-hunter2";

#[tokio::test]
async fn b13_no_debug_output_of_a_call_shows_the_key_or_the_token_of_its_caller() {
    let file = File::new("debug");
    let (_drain, draining) = watch::channel(false);
    let mut call = call(&file, draining);
    let reviews = AccessReviewCache::new(Arc::clone(call.shared.api_server()), Duration::from_secs(30)).unwrap();
    let auth = Auth::Kubernetes(Box::new(reviews));
    call.caller = auth.identify(Credentials { bearer: Some(Secret::new(SECRET)), ..Credentials::default() }).unwrap();
    call.session.with_bearer(call.caller.bearer().cloned());
    call.headers.insert(AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {SECRET}")).unwrap());
    call.headers.insert(HeaderName::from_static("x-api-key"), HeaderValue::from_static(SECRET));
    credentials::mark_sensitive(&mut call.headers);
    let line =
        RequestInfo { request_id: call.request_id, route: Some(call.route), peer: call.peer, started: call.started };
    let account = call.account(call.route);
    let shown = [
        format!("{call:?}"),
        format!("{:#?}", call.headers),
        format!("{:?}", call.caller),
        format!("{:?}", call.caller.id(call.peer.ip())),
        format!("{:?}", call.session),
        format!("{:?}", call.shared),
        format!("{auth:?}"),
        format!("{account:?}"),
        format!("{:?}", RequestGuard::new(call, line)),
    ];
    for text in shown {
        assert!(!text.contains(SECRET) && !text.contains("hunter2"), "{text}");
    }
}
