//! Tests of which calls are recorded, and where the records go.

use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::time::Instant;

use super::*;
use crate::audit::request_info::ObjectRef;
use crate::auth::Caller;

/// Binds a socket in place of journald's.
fn journald(name: &str) -> (UnixDatagram, PathBuf) {
    let path = std::env::temp_dir().join(format!("eks-api-audit-{name}-{}", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_nonblocking(true).unwrap();
    (socket, path)
}

fn record(audit: &Audit, is_change: bool, status: u16, reason: &str) {
    let info = RequestInfo {
        request_id: "1".to_owned(),
        operation: if is_change { "create_job" } else { "list_jobs" },
        object_kind: "Job",
        is_change,
        is_dry_run: false,
        cluster: "lab".into(),
        peer: "127.0.0.1:4711".parse().unwrap(),
        caller: Caller::Anonymous,
        object: ObjectRef::default(),
        started: Instant::now(),
    };
    audit.record_outcome(&info, status, reason);
}

fn counts(audit: &Audit) -> [u64; 3] {
    [&audit.written, &audit.fell_back, &audit.lost].map(Counter::value)
}

fn received(socket: &UnixDatagram) -> Option<String> {
    let mut buffer = [0; 4096];
    let length = socket.recv(&mut buffer).ok()?;
    Some(String::from_utf8(buffer[..length].to_vec()).unwrap())
}

#[test]
fn every_change_is_recorded_and_a_read_if_it_is_refused() {
    let (socket, path) = journald("which");
    let audit = Audit::new(Some(Journal::at(&path).unwrap()));
    for (is_change, status, reason, outcome) in [
        (true, 201, "", Some("success")),
        (true, 400, "BadRequest", Some("failed")),
        (true, 500, "InternalError", Some("failed")),
        (true, 403, "Forbidden", Some("refused")),
        (false, 200, "", None),
        (false, 204, "", None),
        (false, 404, "NotFound", None),
        (false, 405, "MethodNotAllowed", None),
        (false, 502, "upstream_broken", None),
        (false, 503, "not_ready", None),
        (false, 503, "overloaded", Some("refused")),
        (false, 401, "Unauthorized", Some("refused")),
        (false, 429, "TooManyRequests", Some("refused")),
    ] {
        record(&audit, is_change, status, reason);
        let entry = received(&socket);
        let expected = outcome.map(|outcome| format!("EKS_API_OUTCOME={outcome}\n"));
        assert_eq!(entry.is_some(), expected.is_some(), "{is_change} {status}: {entry:?}");
        assert!(entry.zip(expected).is_none_or(|(entry, expected)| entry.contains(&expected)), "{is_change} {status}");
    }
    assert_eq!(counts(&audit), [7, 0, 0]);
    std::fs::remove_file(path).unwrap();
}

#[test]
fn a_record_that_journald_does_not_take_goes_to_stderr() {
    let (socket, path) = journald("gone");
    let audit = Audit::new(Some(Journal::at(&path).unwrap()));
    record(&audit, true, 201, "");
    assert!(received(&socket).is_some());
    drop(socket);
    record(&audit, true, 201, "");
    assert_eq!(counts(&audit), [2, 1, 0]);
    std::fs::remove_file(path).unwrap();
}

#[test]
fn without_journald_no_record_falls_back() {
    let audit = Audit::new(None);
    record(&audit, true, 201, "");
    assert_eq!(counts(&audit), [1, 0, 0]);
}
