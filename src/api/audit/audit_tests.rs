//! Which calls are recorded, and where their records go.

use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use hyper::StatusCode;
use hyper::header::HeaderMap;

use super::*;
use crate::api::routes::Route;
use crate::http::request::request_id::RequestId;

/// A socket in place of journald's, and its path.
fn journald(name: &str) -> (UnixDatagram, PathBuf) {
    let path = std::env::temp_dir().join(format!("eks-api-audit-{name}-{}", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_nonblocking(true).unwrap();
    (socket, path)
}

fn call(audit: &Audit, route: Option<Route>, status: StatusCode, reason: &str) {
    let line = RequestInfo {
        request_id: RequestId::parse(&HeaderMap::new()),
        route,
        peer: "127.0.0.1:4711".parse().unwrap(),
        started: Instant::now(),
    };
    let result = if status.as_u16() < 400 {
        Ok(Reply::empty(status))
    } else {
        Err(Problem::unavailable(reason, "why", Duration::ZERO)).map_err(|problem| Problem { status, ..problem })
    };
    let subject = Subject { line: &line, caller: &Caller::anonymous(), target: &ObjectRef::default() };
    audit.ended(&subject, &result);
}

fn received(socket: &UnixDatagram) -> Option<String> {
    let mut buffer = [0; 4096];
    let length = socket.recv(&mut buffer).ok()?;
    Some(String::from_utf8(buffer[..length].to_vec()).unwrap())
}

#[test]
fn changes_are_recorded_whatever_their_end_and_reads_if_they_are_refused() {
    use StatusCode as Code;
    let (socket, path) = journald("which");
    let audit = Audit::new(Some(Journal::at(&path).unwrap()), "lab");
    let (change, read) = (Some(Route::CreateJob), Some(Route::ListJobs));
    for (route, status, reason, outcome) in [
        (change, Code::CREATED, "", Some("success")),
        (change, Code::BAD_REQUEST, "BadRequest", Some("failed")),
        (change, Code::INTERNAL_SERVER_ERROR, "InternalError", Some("failed")),
        (change, Code::FORBIDDEN, "Forbidden", Some("refused")),
        (read, Code::OK, "", None),
        (read, Code::NOT_FOUND, "NotFound", None),
        (read, Code::BAD_GATEWAY, "upstream_broken", None),
        (read, Code::SERVICE_UNAVAILABLE, "not_ready", None),
        (read, Code::SERVICE_UNAVAILABLE, "overloaded", Some("refused")),
        (read, Code::UNAUTHORIZED, "Unauthorized", Some("refused")),
        (read, Code::TOO_MANY_REQUESTS, "TooManyRequests", Some("refused")),
        (None, Code::NOT_FOUND, "path_not_found", None),
        (None, Code::METHOD_NOT_ALLOWED, "MethodNotAllowed", None),
        (None, Code::NO_CONTENT, "", None),
        (None, Code::UNAUTHORIZED, "Unauthorized", Some("refused")),
    ] {
        call(&audit, route, status, reason);
        let told = received(&socket);
        let expected = outcome.map(|outcome| format!("EKS_API_OUTCOME={outcome}\n"));
        assert_eq!(told.is_some(), expected.is_some(), "{route:?} {status}: {told:?}");
        assert!(told.zip(expected).is_none_or(|(told, expected)| told.contains(&expected)), "{route:?} {status}");
    }
    assert_eq!(audit.tally(), Tally { written: 8, fell_back: 0, lost: 0 });
    std::fs::remove_file(path).unwrap();
}

#[test]
fn what_the_journal_does_not_take_is_a_line_of_stderr_and_counted() {
    let (socket, path) = journald("gone");
    let audit = Audit::new(Some(Journal::at(&path).unwrap()), "lab");
    call(&audit, Some(Route::CreateJob), StatusCode::CREATED, "");
    assert!(received(&socket).is_some());
    drop(socket);
    call(&audit, Some(Route::CreateJob), StatusCode::CREATED, "");
    assert_eq!(audit.tally(), Tally { written: 2, fell_back: 1, lost: 0 });
    std::fs::remove_file(path).unwrap();
}

#[test]
fn without_a_journal_no_record_falls_back() {
    let audit = Audit::new(None, "lab");
    call(&audit, Some(Route::CreateJob), StatusCode::CREATED, "");
    assert_eq!(audit.tally(), Tally { written: 1, fell_back: 0, lost: 0 });
}
