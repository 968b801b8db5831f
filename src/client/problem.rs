//! What the service says is wrong (RFC 9457), and what that means for a run: whether it is repeated, and the exit code.

use hyper::StatusCode;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::client::exit::{Exit, NOT_ALLOWED, REFUSED, TRY_LATER, UNAVAILABLE};

#[derive(Debug)]
pub struct Problem {
    pub status: StatusCode,
    /// The service's word for programs; empty if the answer is not the service's.
    pub reason: String,
    pub text: String,
    /// The last status of a job that is gone.
    pub last_known: Option<Box<RawValue>>,
}

impl Problem {
    pub fn of(status: StatusCode, body: &[u8]) -> Self {
        #[derive(Deserialize)]
        struct Document {
            detail: String,
            reason: String,
            request_id: String,
            #[serde(default)]
            last_known: Option<Box<RawValue>>,
        }
        let Ok(Document { detail, reason, request_id, last_known }) = serde_json::from_slice(body) else {
            let said = String::from_utf8_lossy(body);
            // A page is not for people who read a log, but a sentence is.
            let said = said.lines().next().filter(|line| !line.is_empty() && !line.starts_with('<'));
            let said: String = said.into_iter().flat_map(|line| ": ".chars().chain(line.chars().take(200))).collect();
            let text = format!("it answers {status}, and not as eks-api does{said}");
            return Self { status, reason: String::new(), text, last_known: None };
        };
        let text = format!("{detail} ({} {reason}, request {request_id})", status.as_u16());
        Self { status, reason, text, last_known }
    }

    /// Whether a later attempt can succeed. The service has decided what is final: that has another status.
    pub fn is_passing(&self) -> bool {
        matches!(self.status.as_u16(), 429 | 502..=504)
    }

    /// Whether the job, or its namespace, is gone. A proxy's 404 does not say that.
    pub fn is_gone(&self) -> bool {
        self.status == StatusCode::NOT_FOUND && self.reason == "NotFound"
    }

    /// The end of a run that cannot go on after this.
    pub fn end(self, so: &str) -> Exit {
        let is_ours = !self.reason.is_empty();
        let code = match self.status.as_u16() {
            403 if is_ours && self.text.contains("exceeded quota") => TRY_LATER,
            401 | 403 => NOT_ALLOWED,
            413 => REFUSED,
            400..=499 if is_ours => REFUSED,
            _ => UNAVAILABLE,
        };
        Exit::new(code, format!("{so}: {}", self.text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(status: u16, reason: &str, detail: &str) -> Problem {
        let body = serde_json::json!({ "detail": detail, "reason": reason, "request_id": "r1" }).to_string();
        Problem::of(StatusCode::from_u16(status).unwrap(), body.as_bytes())
    }

    #[test]
    fn exit_codes_tell_what_is_refused_forbidden_or_to_be_tried_later() {
        let quota = "jobs.batch \"a\" is forbidden: exceeded quota: one, requested: count/jobs.batch=1";
        for (status, reason, detail, code) in [
            (400, "BadRequest", "", REFUSED),
            (409, "AlreadyExists", "", REFUSED),
            (413, "RequestEntityTooLarge", "", REFUSED),
            (422, "Invalid", "denied the request", REFUSED),
            (422, "Invalid", quota, REFUSED),
            (401, "Unauthorized", "", NOT_ALLOWED),
            (403, "Forbidden", "jobs.batch is forbidden", NOT_ALLOWED),
            (403, "Forbidden", quota, TRY_LATER),
            (500, "InternalError", "", UNAVAILABLE),
        ] {
            let end = problem(status, reason, detail).end("the job is not created");
            assert_eq!(end.code, code, "{status} {reason} {detail}");
            assert!(
                end.to_string().contains(&format!("the job is not created: {detail} ({status} {reason}, request r1)"))
            );
        }
    }

    #[test]
    fn an_answer_that_is_not_the_services_is_said_to_be_one() {
        for (status, code) in [(404, UNAVAILABLE), (400, UNAVAILABLE), (403, NOT_ALLOWED), (413, REFUSED)] {
            let problem = Problem::of(StatusCode::from_u16(status).unwrap(), b"<html>not here</html>");
            assert!(!problem.is_gone() && problem.text.ends_with("not as eks-api does"));
            assert_eq!(problem.end("").code, code, "{status}");
        }
        let plain = Problem::of(StatusCode::BAD_REQUEST, b"this port speaks TLS: use https://\n");
        assert!(plain.text.ends_with("not as eks-api does: this port speaks TLS: use https://"), "{}", plain.text);
        assert!(problem(404, "NotFound", "").is_gone() && !problem(404, "path_not_found", "").is_gone());
    }

    #[test]
    fn webhook_500_what_the_service_calls_final_is_not_repeated() {
        for status in [429, 502, 503, 504] {
            assert!(problem(status, "upstream_broken", "").is_passing(), "{status}");
        }
        for status in [400, 401, 403, 404, 408, 409, 413, 422, 500, 501] {
            assert!(!problem(status, "upstream_refused", "").is_passing(), "{status}");
        }
    }
}
