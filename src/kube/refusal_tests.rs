//! Each class of error replies: the caller's status and the number of attempts.

use hyper::StatusCode;
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER, SERVER};
use serde_json::json;

use super::*;
use crate::kube::client::reply::error;
use crate::kube::client::transport::RawReply;
use crate::kube::error::Error;

const DENIED: &str = r#"admission webhook "policy.example.com" denied the request: image must come from elsewhere"#;
const QUOTA: &str =
    "Operation cannot be fulfilled on resourcequotas \"compute\": the object has been modified; please apply again";

fn reply(code: u16, body: &str) -> RawReply {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
    headers.insert(SERVER, HeaderValue::from_static("awselb/2.0"));
    RawReply { status: StatusCode::from_u16(code).unwrap(), headers, body: Bytes::from(body.to_owned()) }
}

fn answered(code: u16, reason: &str, message: &str) -> Error {
    let status = json!({ "kind": "Status", "code": code, "reason": reason, "message": message });
    error(&reply(code, &status.to_string()))
}

fn refusal(code: u16, reason: &str, message: &str) -> Refusal {
    match answered(code, reason, message) {
        Error::Refused(refusal) => *refusal,
        other => panic!("{other:?}"),
    }
}

#[test]
fn webhook_noreason_each_code_keeps_its_code_and_message_and_is_final() {
    for (code, reason) in [
        (400, "BadRequest"),
        (403, "Forbidden"),
        (404, "NotFound"),
        (409, "Conflict"),
        (413, "RequestEntityTooLarge"),
        (422, "Invalid"),
        (402, ""),
        (405, ""),
        (451, ""),
    ] {
        let refusal = refusal(code, "", DENIED);
        assert_eq!((refusal.code, refusal.status.reason.as_str(), refusal.max_tries()), (code, reason, 1));
        assert_eq!(refusal.status.message, DENIED);
        assert!(!refusal.is_ambiguous());
    }
    let named = refusal(403, "PolicyViolation", DENIED);
    assert_eq!(named.status.reason, "PolicyViolation", "a reason of the cluster's own is kept");
}

#[test]
fn webhook_500_a_denial_with_any_code_is_final_and_the_callers() {
    let vap = "ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no";
    for (code, reason, message, expected) in [
        (500, "", DENIED, (422, "Invalid")),
        (500, "InternalError", DENIED, (422, "Invalid")),
        (502, "", DENIED, (422, "Invalid")),
        (503, "ServiceUnavailable", DENIED, (422, "Invalid")),
        (504, "Timeout", DENIED, (422, "Invalid")),
        (599, "", DENIED, (422, "Invalid")),
        (500, "", "resourceVersion should not be set on objects to be created", (422, "Invalid")),
        (401, "", DENIED, (403, "Forbidden")),
        (401, "Unauthorized", vap, (403, "Forbidden")),
    ] {
        let refusal = refusal(code, reason, message);
        assert_eq!((refusal.code, refusal.status.reason.as_str()), expected, "{code} {reason}");
        assert_eq!((refusal.answered, refusal.max_tries(), refusal.is_ambiguous()), (code, 1, false));
    }
}

#[test]
fn etcd_too_large_is_final_and_says_413() {
    let grpc = "rpc error: code = ResourceExhausted desc = trying to send message larger than max (3 vs. 2)";
    for message in ["etcdserver: request is too large", grpc] {
        let refusal = refusal(500, "", message);
        let actual = (refusal.code, refusal.status.reason.as_str(), refusal.max_tries(), refusal.is_ambiguous());
        assert_eq!(actual, (413, "RequestEntityTooLarge", 1, false), "{message}");
    }
}

#[test]
fn quota_conflict_alone_of_all_conflicts_is_repeated() {
    let conflict = |message| refusal(409, "Conflict", message).max_tries();
    assert_eq!(conflict(QUOTA), 3);
    assert_eq!(conflict("Operation cannot be fulfilled on jobs.batch \"a\": the object has been modified"), 1);
    assert_eq!(refusal(409, "AlreadyExists", "resourcequotas \"a\" already exists").max_tries(), 1);
}

#[test]
fn a_failure_of_the_cluster_is_repeated_and_says_whether_it_may_have_had_an_effect() {
    for (code, reason, expected, is_ambiguous) in [
        (500, "InternalError", 502, false),
        (500, "", 502, true),
        (500, "ServerTimeout", 502, true),
        (502, "", 502, true),
        (503, "ServiceUnavailable", 503, false),
        (504, "Timeout", 504, true),
        (507, "", 502, true),
    ] {
        let refusal = refusal(code, reason, "etcdserver: leader changed");
        assert_eq!((refusal.code, refusal.max_tries()), (expected, 5), "{code} {reason}");
        assert_eq!(refusal.is_ambiguous(), is_ambiguous, "{code} {reason}");
    }
}

#[test]
fn a_401_is_our_tokens_unless_something_denied_the_request() {
    let unauthorized = answered(401, "Unauthorized", "Unauthorized");
    assert!(matches!(unauthorized, Error::Unauthorized { is_passing: false }), "{unauthorized:?}");
}

#[test]
fn a_body_that_is_no_status_names_what_answered_and_shows_nothing_of_it() {
    for code in [302, 400, 401, 403, 404, 500, 502, 503, 504] {
        for body in ["<html>10.0.0.7</html>", "", "{}", r#"{"kind":"Job"}"#, "[1]", "null", r#""Status""#] {
            let error = error(&reply(code, body));
            let Error::NotKubernetes(what) = &error else { panic!("{code} {body}: {error:?}") };
            assert_eq!(*what, format!("{code}, content type text/html, server awselb/2.0"));
            assert!(error.is_ambiguous());
        }
    }
}

#[test]
fn flow_control_in_plain_text_is_the_api_servers_own() {
    let mut reply = reply(429, "Too many requests, please try again later.\n");
    reply.headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
    let Error::Refused(refusal) = error(&reply) else { panic!("not a refusal") };
    assert_eq!((refusal.code, refusal.max_tries()), (429, 3));
    assert_eq!(
        (refusal.status.reason.as_str(), refusal.retry_after),
        ("TooManyRequests", Some(Duration::from_secs(1)))
    );
}
