//! Tests of the two forms of a record, and of what a value cannot do to them.

use std::time::Instant;

use super::*;
use crate::audit::request_info::ObjectRef;
use crate::auth::{Auth, Caller, Credentials};
use crate::kube::names::{JobName, Namespace};
use crate::util::template_name::TemplateName;

fn caller(name: &str) -> Caller {
    Auth::None.identify(Credentials { certificate: Some(&name.into()), ..Credentials::default() }).unwrap()
}

fn object(uid: &str) -> ObjectRef {
    let (namespace, job) = (Namespace::parse("demo").ok(), JobName::parse("nightly").ok());
    ObjectRef { namespace, job, template: TemplateName::parse("cronjob/etl"), webhook: None, uid: Some(uid.into()) }
}

fn refused<T>(caller: &Caller, object: &ObjectRef, reason: &str, read: impl Fn(&AuditEvent<'_>) -> T) -> T {
    let info = RequestInfo {
        request_id: "cron-7".to_owned(),
        operation: "delete_job",
        object_kind: "Job",
        is_change: true,
        is_dry_run: false,
        cluster: "prod".into(),
        peer: "[::ffff:10.0.0.7]:4711".parse().unwrap(),
        caller: caller.clone(),
        object: object.clone(),
        started: Instant::now(),
    };
    let mut event = AuditEvent::new(&info, Outcome::Refused, Some(403), reason, 0);
    event.duration_ms = 1.25;
    read(&event)
}

/// Reads the fields of the entry as journald does.
fn fields(event: &AuditEvent<'_>) -> Vec<(String, String)> {
    let entry = event.journal_entry();
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
fn a_journald_entry_has_a_field_for_each_value() {
    let mut found = refused(&caller("ops"), &object("3516b51f"), "namespace_not_allowed", fields);
    found.sort();
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
        ("EKS_API_TEMPLATE", "cronjob/etl"),
        ("EKS_API_UID", "3516b51f"),
        ("MESSAGE", "delete_job demo/nightly by \"ops\" from 10.0.0.7: refused (403)"),
        ("MESSAGE_ID", MESSAGE_ID),
        ("PRIORITY", "4"),
        ("SYSLOG_IDENTIFIER", "eks-api"),
    ];
    assert_eq!(found, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    for (name, _) in found {
        let is_taken = name.len() <= 64 && name.bytes().all(|c| c.is_ascii_uppercase() || c == b'_');
        assert!(is_taken && !name.starts_with('_'), "journald would drop {name}");
    }
}

#[test]
fn a_json_line_has_the_same_fields_without_the_empty_ones() {
    let now = OffsetDateTime::from_unix_timestamp_nanos(1_768_905_000_123_456_789).unwrap();
    let json = refused(&Caller::Anonymous, &ObjectRef::default(), "", |event| event.json(now));
    assert_eq!(
        json,
        r#"{"time":"2026-01-20T10:30:00.123Z","level":"WARN","message":"delete_job from 10.0.0.7: refused (403)","type":"audit","request_id":"cron-7","operation":"delete_job","caller_method":"none","caller_address":"10.0.0.7","cluster":"prod","object_kind":"Job","outcome":"refused","status":403,"duration_ms":1.25}"#
    );
}

#[cfg(feature = "history")]
#[test]
fn the_history_keeps_the_fields_of_the_json_line_without_those_of_the_log() {
    let now = OffsetDateTime::from_unix_timestamp_nanos(1_768_905_000_123_456_789).unwrap();
    let record = refused(&caller("ops"), &object("3516b51f"), "namespace_not_allowed", |event| event.record(now));
    let json = r#"{"time":"2026-01-20T10:30:00.123Z","request_id":"cron-7","operation":"delete_job","caller":"ops","caller_method":"certificate","caller_address":"10.0.0.7","cluster":"prod","object_kind":"Job","namespace":"demo","job":"nightly","template":"cronjob/etl","uid":"3516b51f","outcome":"refused","status":403,"reason":"namespace_not_allowed","duration_ms":1.25}"#;
    let [cluster, namespace, operation, outcome, caller] =
        ["prod", "demo", "delete_job", "refused", "ops"].map(str::to_owned);
    let json = json.to_owned();
    assert_eq!(record, AuditRecord { time: 1_768_905_000_123, cluster, namespace, operation, outcome, caller, json });
    let record = refused(&Caller::Anonymous, &ObjectRef::default(), "", |event| event.record(now));
    assert_eq!((record.namespace, record.caller), (String::new(), String::new()));
}

#[test]
fn no_value_forges_a_field_or_a_line() {
    let evil = "x\nEKS_API_STATUS=200\nEKS_API_CALLER\n\u{1b}[2J\0\" from ::1: success (200)";
    let (caller, object) = (caller(evil), object(evil));
    let entry = refused(&caller, &object, evil, fields);
    assert_eq!(entry.len(), 19);
    let value = |name: &str| entry.iter().find(|(found, _)| found == name).unwrap().1.clone();
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
    let json = refused(&caller, &object, evil, |event| event.json(OffsetDateTime::UNIX_EPOCH));
    assert!(json.chars().all(|c| !c.is_control()), "{json}");
    let parsed: Json = serde_json::from_str(&json).unwrap();
    assert_eq!((&parsed["caller"], &parsed["status"]), (&evil.into(), &403.into()));
}

#[test]
fn a_record_is_small_whatever_its_values_are() {
    for huge in ["ä".repeat(1 << 20), "\u{1}".repeat(1 << 20), "\n".repeat(1 << 20)] {
        let (caller, object) = (caller(&huge), object(&huge));
        let entry = refused(&caller, &object, &huge, |event| event.journal_entry().as_bytes().len());
        let json = refused(&caller, &object, &huge, |event| event.json(OffsetDateTime::UNIX_EPOCH).len());
        assert!(entry < 8 << 10 && json < 8 << 10, "{entry} {json}");
    }
}

#[test]
fn a_call_that_the_caller_may_not_make_is_refused_and_any_other_error_is_failed() {
    let of = Outcome::new;
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
