//! Error replies of the service (RFC 9457), and their exit codes: [`Problem`].

use std::time::Duration;

use hyper::StatusCode;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::client::exit::{Exit, NOT_ALLOWED, REFUSED, TRY_LATER, UNAVAILABLE};
use crate::util::text::truncate;

/// The reason of a batch of which some jobs are not created.
pub const BATCH_INCOMPLETE: &str = "batch_incomplete";

/// Reasons that do not pass soon. An incomplete batch is for its own command, which reads what was done. The same query
/// of a history takes as long again. An operator must mend a history that cannot be used.
const FINAL: [&str; 3] = [BATCH_INCOMPLETE, "history_timeout", "history_unavailable"];

#[derive(Debug)]
pub struct Problem {
    pub status: StatusCode,
    /// Empty if the reply is not one of eks-api.
    pub reason: String,
    pub text: String,
    /// The last status of a job that is gone.
    pub last_known: Option<Box<RawValue>>,
    /// The reply as it came.
    pub body: Box<[u8]>,
    /// The pause that the service asks for.
    pub retry_after: Option<Duration>,
}

impl Problem {
    pub fn parse(status: StatusCode, body: &[u8]) -> Self {
        #[derive(Deserialize)]
        struct Document {
            detail: String,
            reason: String,
            request_id: String,
            #[serde(default)]
            last_known: Option<Box<RawValue>>,
        }
        let of = |reason: String, text: String, last_known| Self {
            status,
            reason,
            text,
            last_known,
            body: body.into(),
            retry_after: None,
        };
        let Ok(Document { detail, reason, request_id, last_known }) = serde_json::from_slice(body) else {
            let body = String::from_utf8_lossy(body);
            // HTML is left out.
            let line = body.lines().next().filter(|line| !line.is_empty() && !line.starts_with('<'));
            let line = line.map(|line| format!(": {}", truncate(line, 200))).unwrap_or_default();
            let text = format!("it answers {status}, and not as eks-api does{line}");
            return of(String::new(), text, None);
        };
        // Services before 0.3.0 have one cluster and refuse the parameter.
        let is_old = detail.starts_with("cluster: is not a parameter");
        let advice = if is_old { "; upgrade the service, or leave out --cluster" } else { "" };
        let text = format!("{detail} ({} {reason}, request {request_id}){advice}", status.as_u16());
        of(reason, text, last_known)
    }

    /// Whether a later attempt can succeed soon.
    pub fn is_retryable(&self) -> bool {
        matches!(self.status.as_u16(), 429 | 502..=504) && !FINAL.contains(&self.reason.as_str())
    }

    /// Whether the job or its namespace does not exist. The 404 of a proxy does not count.
    pub fn is_not_found(&self) -> bool {
        self.status == StatusCode::NOT_FOUND && self.reason == "NotFound"
    }

    /// Whether the job, its pod or its log does not exist, or not yet. The 404 of a proxy counts.
    pub fn is_missing(&self) -> bool {
        self.status == StatusCode::NOT_FOUND && !self.is_about_cluster()
    }

    /// Whether the service refuses the cluster. This says nothing about the job.
    fn is_about_cluster(&self) -> bool {
        ["cluster_not_found", "cluster_not_allowed"].contains(&self.reason.as_str())
    }

    /// The end of a run that cannot go on. `consequence` says what did not happen.
    pub fn into_exit(self, consequence: &str) -> Exit {
        let is_ours = !self.reason.is_empty();
        let code = match self.status.as_u16() {
            _ if self.is_about_cluster() => REFUSED,
            403 if is_ours && self.text.contains("exceeded quota") => TRY_LATER,
            401 | 403 => NOT_ALLOWED,
            413 => REFUSED,
            400..=499 if is_ours => REFUSED,
            _ => UNAVAILABLE,
        };
        Exit::new(code, format!("{consequence}: {}", self.text))
    }

    /// The end of a run whose job exists. If the service refuses the cluster now, the job may go on.
    pub fn into_late_exit(self, consequence: &str) -> Exit {
        let is_lost = self.is_about_cluster();
        let exit = self.into_exit(consequence);
        if is_lost { Exit::new(UNAVAILABLE, exit.text) } else { exit }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(status: u16, reason: &str, detail: &str) -> Problem {
        let body = serde_json::json!({ "detail": detail, "reason": reason, "request_id": "r1" }).to_string();
        Problem::parse(StatusCode::from_u16(status).unwrap(), body.as_bytes())
    }

    #[test]
    fn the_exit_code_depends_on_status_and_detail() {
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
            let end = problem(status, reason, detail).into_exit("the job is not created");
            assert_eq!(end.code, code, "{status} {reason} {detail}");
            assert!(
                end.to_string().contains(&format!("the job is not created: {detail} ({status} {reason}, request r1)"))
            );
        }
    }

    #[test]
    fn a_refused_cluster_is_65_and_not_a_job_that_is_gone() {
        let quota = "no cluster \"exceeded quota\"";
        for (status, reason) in [(404, "cluster_not_found"), (403, "cluster_not_allowed")] {
            let refused = || problem(status, reason, quota);
            assert!(!refused().is_not_found() && !refused().is_missing() && !refused().is_retryable(), "{reason}");
            assert_eq!(refused().into_exit("").code, REFUSED, "{reason}");
            assert_eq!(refused().into_late_exit("").code, UNAVAILABLE, "{reason}");
        }
        assert_eq!(problem(403, "Forbidden", "").into_late_exit("").code, NOT_ALLOWED);
        assert!(problem(404, "no_pods", "").is_missing() && problem(404, "NotFound", "").is_missing());
    }

    #[test]
    fn a_reply_that_is_not_one_of_eks_api_is_reported_as_such() {
        for (status, code) in [(404, UNAVAILABLE), (400, UNAVAILABLE), (403, NOT_ALLOWED), (413, REFUSED)] {
            let problem = Problem::parse(StatusCode::from_u16(status).unwrap(), b"<html>not here</html>");
            assert!(!problem.is_not_found() && problem.text.ends_with("not as eks-api does"));
            assert_eq!(problem.into_exit("").code, code, "{status}");
        }
        let plain = Problem::parse(StatusCode::BAD_REQUEST, b"this port speaks TLS: use https://\n");
        assert!(plain.text.ends_with("not as eks-api does: this port speaks TLS: use https://"), "{}", plain.text);
        assert!(problem(404, "NotFound", "").is_not_found() && !problem(404, "path_not_found", "").is_not_found());
    }

    #[test]
    fn webhook_500_only_temporary_errors_are_repeated() {
        for status in [429, 502, 503, 504] {
            assert!(problem(status, "upstream_broken", "").is_retryable(), "{status}");
        }
        for status in [400, 401, 403, 404, 408, 409, 413, 422, 500, 501] {
            assert!(!problem(status, "upstream_refused", "").is_retryable(), "{status}");
        }
        for (status, reason) in [(503, "batch_incomplete"), (504, "history_timeout"), (503, "history_unavailable")] {
            assert!(!problem(status, reason, "").is_retryable(), "{reason}");
        }
    }
}
