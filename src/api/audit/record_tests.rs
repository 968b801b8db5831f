//! The two forms of a record, and what cannot get into them.

use std::time::Instant;

use hyper::header::{HeaderMap, HeaderValue};

use super::*;
use crate::api::context::ObjectRef;
use crate::api::request_log::RequestInfo;
use crate::auth::{Auth, Caller, Credentials};
use crate::http::request::request_id::RequestId;

fn line() -> RequestInfo {
    let id = (hyper::header::HeaderName::from_static("x-request-id"), HeaderValue::from_static("cron-7"));
    RequestInfo {
        request_id: RequestId::parse(&HeaderMap::from_iter([id])),
        route: Some(Route::DeleteJob),
        peer: "[::ffff:10.0.0.7]:4711".parse().unwrap(),
        started: Instant::now(),
    }
}

fn caller(name: &str) -> Caller {
    Auth::None.identify(Credentials { certificate: Some(&name.into()), ..Credentials::default() }).unwrap()
}

fn target(uid: &str) -> ObjectRef {
    let (namespace, job) = (Namespace::parse("demo").ok(), JobName::parse("nightly").ok());
    ObjectRef { namespace, job, uid: Some(uid.into()) }
}

fn told<T>(caller: &Caller, target: &ObjectRef, reason: &str, read: impl Fn(&Record<'_>) -> T) -> T {
    let line = line();
    let ending = Ending { outcome: Outcome::Refused, status: Some(StatusCode::FORBIDDEN), reason, repeated: 0 };
    let name = caller.name();
    let mut record = Record::new(&Subject { line: &line, caller, target }, &name, "prod", ending);
    record.duration_ms = 1.25;
    read(&record)
}

/// The fields of its entry, read as journald does.
fn fields(record: &Record<'_>) -> Vec<(String, String)> {
    let entry = record.entry();
    let (mut bytes, mut fields) = (entry.as_bytes(), Vec::new());
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    while !bytes.is_empty() {
        let end = bytes.iter().position(|byte| *byte == b'\n').unwrap();
        let (name, value);
        if let Some(equals) = bytes[..end].iter().position(|byte| *byte == b'=') {
            (name, value) = (&bytes[..equals], &bytes[equals + 1..end]);
            bytes = &bytes[end + 1..];
        } else {
            let length = u64::from_le_bytes(bytes[end + 1..end + 9].try_into().unwrap());
            let (begin, length) = (end + 9, usize::try_from(length).unwrap());
            (name, value) = (&bytes[..end], &bytes[begin..begin + length]);
            assert_eq!(bytes[begin + length], b'\n');
            bytes = &bytes[begin + length + 1..];
        }
        fields.push((text(name), text(value)));
    }
    fields
}

#[test]
fn an_entry_of_the_journal_has_a_field_for_each_thing_told() {
    let mut told = told(&caller("ops"), &target("3516b51f"), "namespace_not_allowed", fields);
    told.sort();
    let expected = [
        ("EKS_API_CALLER", "ops"),
        ("EKS_API_CALLER_ADDRESS", "10.0.0.7"),
        ("EKS_API_CALLER_METHOD", "certificate"),
        ("EKS_API_CLUSTER", "prod"),
        ("EKS_API_DURATION_MS", "1.25"),
        ("EKS_API_JOB", "nightly"),
        ("EKS_API_NAMESPACE", "demo"),
        ("EKS_API_OBJECT_KIND", "Job"),
        ("EKS_API_OPERATION", "delete_job"),
        ("EKS_API_OUTCOME", "refused"),
        ("EKS_API_REASON", "namespace_not_allowed"),
        ("EKS_API_REQUEST_ID", "cron-7"),
        ("EKS_API_STATUS", "403"),
        ("EKS_API_UID", "3516b51f"),
        ("MESSAGE", "delete_job demo/nightly by \"ops\" from 10.0.0.7: refused (403)"),
        ("MESSAGE_ID", MESSAGE_ID),
        ("PRIORITY", "4"),
        ("SYSLOG_IDENTIFIER", "eks-api"),
    ];
    assert_eq!(told, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    for (name, _) in told {
        let is_taken = name.len() <= 64 && name.bytes().all(|c| c.is_ascii_uppercase() || c == b'_');
        assert!(is_taken && !name.starts_with('_'), "journald would drop {name}");
    }
}

#[test]
fn a_line_of_json_tells_the_same_and_leaves_out_what_is_empty() {
    let now = OffsetDateTime::from_unix_timestamp_nanos(1_768_905_000_123_456_789).unwrap();
    let json = told(&Caller::anonymous(), &ObjectRef::default(), "", |record| record.json(now));
    assert_eq!(
        json,
        r#"{"time":"2026-01-20T10:30:00.123Z","level":"WARN","message":"delete_job from 10.0.0.7: refused (403)","type":"audit","request_id":"cron-7","operation":"delete_job","caller_method":"none","caller_address":"10.0.0.7","cluster":"prod","object_kind":"Job","outcome":"refused","status":403,"duration_ms":1.25}"#
    );
}

#[test]
fn no_value_forges_a_field_or_a_line() {
    let evil = "x\nEKS_API_STATUS=200\nEKS_API_CALLER\n\u{1b}[2J\0\" from ::1: success (200)";
    let (caller, target) = (caller(evil), target(evil));
    let told_fields = told(&caller, &target, evil, fields);
    assert_eq!(told_fields.len(), 18);
    let value = |name: &str| told_fields.iter().find(|(found, _)| found == name).unwrap().1.clone();
    for name in ["EKS_API_CALLER", "EKS_API_UID", "EKS_API_REASON"] {
        assert_eq!(value(name), evil);
    }
    assert_eq!(value("EKS_API_STATUS"), "403");
    let message = value("MESSAGE");
    assert!(
        message.chars().all(|c| !c.is_control())
            && message.ends_with("\\\" from ::1: success (200)\" from 10.0.0.7: refused (403)"),
        "{message}"
    );
    let json = told(&caller, &target, evil, |record| record.json(OffsetDateTime::UNIX_EPOCH));
    assert!(json.chars().all(|c| !c.is_control()), "{json}");
    let object: Json = serde_json::from_str(&json).unwrap();
    assert_eq!((&object["caller"], &object["status"]), (&evil.into(), &403.into()));
}

#[test]
fn a_record_is_small_whatever_is_in_it() {
    for huge in ["ä".repeat(1 << 20), "\u{1}".repeat(1 << 20), "\n".repeat(1 << 20)] {
        let (caller, target) = (caller(&huge), target(&huge));
        let entry = told(&caller, &target, &huge, |record| record.entry().as_bytes().len());
        let json = told(&caller, &target, &huge, |record| record.json(OffsetDateTime::UNIX_EPOCH).len());
        assert!(entry < 8 << 10 && json < 8 << 10, "{entry} {json}");
    }
}

#[test]
fn what_the_caller_may_not_is_refused_and_what_does_not_work_failed() {
    let of = |status: u16, reason| Outcome::of(StatusCode::from_u16(status).unwrap(), reason);
    for status in [200, 201, 204, 304] {
        assert_eq!(of(status, ""), Outcome::Success);
    }
    for (status, reason) in [(401, ""), (403, "Forbidden"), (421, ""), (429, "TooManyRequests"), (503, "overloaded")] {
        assert_eq!(of(status, reason), Outcome::Refused, "{status}");
    }
    for (status, reason) in [(400, "BadRequest"), (404, "NotFound"), (409, "Conflict"), (502, ""), (503, "not_ready")] {
        assert_eq!(of(status, reason), Outcome::Failed, "{status}");
    }
}

#[test]
fn every_call_to_the_cluster_is_about_a_kind_of_object() {
    for route in Route::ALL {
        let expected = match route.operation() {
            name if name.contains("namespace") => "Namespace",
            name if name.contains("job") => "Job",
            _ => "",
        };
        assert_eq!(object_kind(route), expected, "{route:?}");
    }
}
