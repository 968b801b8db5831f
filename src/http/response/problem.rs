//! Errors for callers: RFC 9457 problems. `detail` is for the caller and reveals nothing internal; `cause` is for the log.

use std::collections::BTreeMap;
use std::time::Duration;

use hyper::StatusCode;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::http::limits::allowance::Allowance;
use crate::kube::types::Cause;
use crate::util::text::{shown_name, truncate};

#[derive(Debug)]
pub struct Problem {
    pub status: StatusCode,
    /// Stable, for programs: Kubernetes' own reason if there is one, else in `snake_case`.
    pub reason: String,
    pub detail: Box<str>,
    pub causes: Box<[Cause]>,
    pub retry_after: Option<Duration>,
    /// The caller's allowance, if a rate limit refused the call.
    pub allowance: Option<Box<Allowance>>,
    /// Further members of the document, such as `last_known`. Their names differ from those of RFC 9457 and ours.
    pub members: Option<Box<BTreeMap<String, Box<RawValue>>>>,
    pub cause: Option<Box<str>>,
    /// Whether a change may have taken effect.
    pub is_effect_unknown: bool,
    /// Whether the same call may succeed later.
    pub is_temporary: bool,
}

#[derive(Serialize)]
struct Document<'a> {
    r#type: &'static str,
    title: &'a str,
    status: u16,
    detail: &'a str,
    reason: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    causes: &'a [Cause],
    request_id: &'a str,
    #[serde(flatten)]
    members: Option<&'a BTreeMap<String, Box<RawValue>>>,
}

impl Problem {
    pub fn new(status: StatusCode, reason: &str, detail: impl Into<String>) -> Self {
        Self {
            status,
            reason: reason.to_owned(),
            detail: detail.into().into(),
            causes: Box::default(),
            retry_after: None,
            allowance: None,
            members: None,
            cause: None,
            is_effect_unknown: false,
            is_temporary: false,
        }
    }

    /// 400: the request's form is wrong at `field`.
    pub fn malformed(field: &str, message: &str) -> Self {
        let message = &shortened(message);
        Self::new(StatusCode::BAD_REQUEST, "BadRequest", format!("{field}: {message}")).at(field, message)
    }

    /// 422: the form is right and the value of `field` is wrong.
    pub fn invalid(field: &str, message: &str) -> Self {
        let message = &shortened(message);
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "Invalid", format!("{field}: {message}")).at(field, message)
    }

    /// 404: no cluster has this name. Only for callers who may use all clusters.
    pub fn cluster_not_found(name: &str) -> Self {
        let name = shown_name(name);
        let detail = format!("there is no cluster {name}; call /api/eks-list-clusters for the names");
        Self::new(StatusCode::NOT_FOUND, "cluster_not_found", detail)
    }

    /// 501: the service keeps no history.
    pub fn no_history() -> Self {
        let detail = "this service keeps no history: its operator can set EKS_API_STATE_DIR";
        Self::new(StatusCode::NOT_IMPLEMENTED, "no_history", detail)
    }

    /// 501: the service has no webhooks.
    pub fn no_webhooks() -> Self {
        let detail = "this service has no webhooks: its operator can set EKS_API_WEBHOOKS_FILE";
        Self::new(StatusCode::NOT_IMPLEMENTED, "no_webhooks", detail)
    }

    pub fn method_not_allowed(allow: &str) -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", format!("this path takes {allow}"))
    }

    pub fn unavailable(reason: &str, detail: impl Into<String>, retry_after: Duration) -> Self {
        let problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, reason, detail);
        Self { retry_after: Some(retry_after), is_temporary: true, ..problem }
    }

    /// 500: a fault of the service itself.
    pub fn internal(cause: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalError", "the service failed").because(cause)
    }

    fn at(self, field: &str, message: &str) -> Self {
        let cause = Cause { reason: String::new(), field: field.to_owned(), message: message.to_owned() };
        Self { causes: [cause].into(), ..self }
    }

    /// Adds the cause for the log.
    #[must_use]
    pub fn because(self, cause: impl Into<String>) -> Self {
        Self { cause: Some(cause.into().into()), ..self }
    }

    /// The problem of a change: it says so if it is unknown whether the change took effect.
    #[must_use]
    pub fn of_change(self) -> Self {
        if !self.is_effect_unknown {
            return self;
        }
        let detail = format!("{}; the change may have taken effect: look before you repeat it", self.detail);
        Self { detail: detail.into(), ..self }
    }

    /// The JSON document for the caller.
    pub fn document(&self, request_id: &str) -> Vec<u8> {
        let document = Document {
            r#type: "about:blank",
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            detail: &self.detail,
            reason: &self.reason,
            causes: &self.causes,
            request_id,
            members: self.members.as_deref(),
        };
        serde_json::to_vec(&document).unwrap_or_default()
    }
}

/// Truncates a message. It can repeat the caller's input, which can be as large as a body.
fn shortened(message: &str) -> String {
    const MAX_CHARS: usize = 1000;
    let shown = truncate(message, MAX_CHARS);
    if shown.len() < message.len() { format!("{shown}…") } else { message.to_owned() }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_document_has_the_members_of_rfc_9457_and_ours() {
        let document: Value =
            serde_json::from_slice(&Problem::invalid("job_name", "is bad").document("req-1")).unwrap();
        let expected = json!({
            "type": "about:blank",
            "title": "Unprocessable Entity",
            "status": 422,
            "detail": "job_name: is bad",
            "reason": "Invalid",
            "causes": [{ "field": "job_name", "message": "is bad" }],
            "request_id": "req-1",
        });
        assert_eq!(document, expected);
    }
}
