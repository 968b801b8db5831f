//! What a caller is told when a call fails: RFC 9457 problems. Owns which message is for whom: `detail` is for the
//! caller and shows nothing of the inside, `cause` is for the operator's log alone.

use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::auth::Denied;
use crate::http::limits::rate_limit::Allowance;
use crate::http::response::reply::merged;
use crate::jobs::create;
use crate::jobs::manifest::Invalid;
use crate::jobs::policy::Forbidden;
use crate::jobs::status::Status;
use crate::kube::error::Error as KubeError;
use crate::kube::refusal::Refusal;
use crate::kube::types::Cause;
use crate::util::text::truncate;

#[derive(Debug)]
pub struct Problem {
    pub status: StatusCode,
    /// Stable and for programs: Kubernetes' own word where it has one, else in `snake_case`.
    pub reason: String,
    pub detail: Box<str>,
    pub causes: Vec<Cause>,
    pub retry_after: Option<Duration>,
    /// What is left of a caller's allowance, if that is the problem.
    pub allowance: Option<Box<Allowance>>,
    /// The last status object of a job that is gone, for a caller who may see it.
    pub last_known: Option<Arc<Status>>,
    pub cause: Option<Box<str>>,
    /// Whether a change may have been made all the same.
    pub is_effect_unknown: bool,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    last_known: Option<Box<RawValue>>,
}

impl Problem {
    pub fn new(status: StatusCode, reason: &str, detail: impl Into<String>) -> Self {
        Self {
            status,
            reason: reason.to_owned(),
            detail: detail.into().into(),
            causes: Vec::new(),
            retry_after: None,
            allowance: None,
            last_known: None,
            cause: None,
            is_effect_unknown: false,
        }
    }

    /// 400: the request's form is wrong; `field` says where.
    pub fn malformed(field: &str, message: &str) -> Self {
        let message = &shortened(message);
        Self::new(StatusCode::BAD_REQUEST, "BadRequest", format!("{field}: {message}")).at(field, message)
    }

    /// 422: the form is right and the value is not.
    pub fn invalid(field: &str, message: &str) -> Self {
        let message = &shortened(message);
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "Invalid", format!("{field}: {message}")).at(field, message)
    }

    pub fn method_not_allowed(allow: &str) -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", format!("this path takes {allow}"))
    }

    pub fn unavailable(reason: &str, detail: impl Into<String>, retry_after: Duration) -> Self {
        Self { retry_after: Some(retry_after), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, reason, detail) }
    }

    fn at(mut self, field: &str, message: &str) -> Self {
        self.causes.push(Cause { reason: String::new(), field: field.to_owned(), message: message.to_owned() });
        self
    }

    fn because(self, cause: impl Into<String>) -> Self {
        Self { cause: Some(cause.into().into()), ..self }
    }

    /// The document that is sent.
    pub fn document(&self, request_id: &str) -> Vec<u8> {
        let document = Document {
            r#type: "about:blank",
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            detail: &self.detail,
            reason: &self.reason,
            causes: &self.causes,
            request_id,
            last_known: self.last_known.as_deref().and_then(gone),
        };
        serde_json::to_vec(&document).unwrap_or_default()
    }
}

/// The status object of a job that is gone.
fn gone(status: &Status) -> Option<Box<RawValue>> {
    let object = merged(&status.json(), br#"{"gone":true}"#);
    RawValue::from_string(String::from_utf8(object).ok()?).ok()
}

/// A message may repeat what the caller sent, which can be as large as a body.
fn shortened(message: &str) -> String {
    const LONGEST: usize = 1000;
    let shown = truncate(message, LONGEST);
    if shown.len() < message.len() { format!("{shown}…") } else { message.to_owned() }
}

impl From<Forbidden> for Problem {
    fn from(forbidden: Forbidden) -> Self {
        let reason = match forbidden {
            Forbidden::NotAllowed { .. } => "namespace_not_allowed",
            Forbidden::Protected { .. } | Forbidden::System { .. } => "namespace_protected",
        };
        Self::new(StatusCode::FORBIDDEN, reason, forbidden.to_string())
    }
}

impl From<Denied> for Problem {
    fn from(denied: Denied) -> Self {
        let (status, reason) = match &denied {
            Denied::Missing(_) | Denied::Unknown(_) => (StatusCode::UNAUTHORIZED, "Unauthorized"),
            Denied::NotNamed => (StatusCode::FORBIDDEN, "certificate_not_named"),
            Denied::Role { .. } => (StatusCode::FORBIDDEN, "role_not_sufficient"),
            Denied::Namespace { .. } => (StatusCode::FORBIDDEN, "namespace_not_allowed"),
            Denied::Cluster(_) => (StatusCode::FORBIDDEN, "Forbidden"),
            Denied::Unanswered(error) => {
                let detail = "the cluster could not be asked whether you may do this; try again";
                return match **error {
                    KubeError::NotReady { .. } => Self::unavailable("not_ready", detail, Duration::from_secs(5)),
                    KubeError::Timeout => Self::new(StatusCode::GATEWAY_TIMEOUT, "upstream_timeout", detail),
                    _ => Self::new(StatusCode::BAD_GATEWAY, "review_failed", detail),
                }
                .because(error.to_string());
            }
        };
        Self::new(status, reason, denied.to_string())
    }
}

impl From<Invalid> for Problem {
    fn from(invalid: Invalid) -> Self {
        if invalid.malformed {
            Self::malformed(invalid.field, &invalid.message)
        } else {
            Self::invalid(invalid.field, &invalid.message)
        }
    }
}

impl From<create::Error> for Problem {
    fn from(error: create::Error) -> Self {
        match error {
            create::Error::Kube(error) | create::Error::Missing(error) => error.into(),
            create::Error::Namespace(error) => {
                let problem = Self::from(error);
                let detail = format!("the namespace does not exist and could not be created: {}", problem.detail);
                Self { detail: detail.into(), ..problem }
            }
            create::Error::KeyReused { .. } => {
                Self::new(StatusCode::CONFLICT, "idempotency_key_reused", error.to_string())
            }
            create::Error::BeingDeleted { .. } => Self::new(StatusCode::CONFLICT, "AlreadyExists", error.to_string()),
        }
    }
}

impl From<KubeError> for Problem {
    fn from(error: KubeError) -> Self {
        let (cause, is_effect_unknown) = (error.to_string(), error.is_ambiguous());
        let bad_gateway = |reason: &str, detail: &str| Self::new(StatusCode::BAD_GATEWAY, reason, detail);
        let problem = match error {
            KubeError::NotReady { check, .. } => {
                Self::unavailable("not_ready", format!("not ready yet: {check}"), Duration::from_secs(5))
            }
            KubeError::Refused(refusal) => return Self { is_effect_unknown, ..Self::refused(*refusal) },
            KubeError::Unauthorized { .. } => bad_gateway("upstream_unauthorized", &cause),
            KubeError::CallerUnauthorized => {
                return Self::new(StatusCode::UNAUTHORIZED, "Unauthorized", cause);
            }
            KubeError::Unreachable(_) => {
                bad_gateway("upstream_unreachable", "the cluster's API server cannot be reached")
            }
            KubeError::Broken(_) => {
                bad_gateway("upstream_broken", "the connection to the API server broke before its reply came")
            }
            KubeError::BadReply(_) => bad_gateway("upstream_bad_reply", "the API server's reply cannot be read"),
            KubeError::NotKubernetes(_) => bad_gateway("upstream_bad_reply", &cause),
            KubeError::Timeout => {
                let detail = "the API server did not answer in time";
                Self::new(StatusCode::GATEWAY_TIMEOUT, "upstream_timeout", detail)
            }
        };
        Self { is_effect_unknown, ..problem.because(cause) }
    }
}

impl Problem {
    /// What Kubernetes says about the caller's request keeps its words. What it says of itself is told as its answer.
    fn refused(refusal: Refusal) -> Self {
        let is_clusters = refusal.code >= 500;
        let Refusal { code, answered, status, mut retry_after, .. } = refusal;
        let reason = if status.reason.is_empty() { "upstream_refused" } else { &status.reason };
        let detail = match (is_clusters, status.message.is_empty()) {
            (true, false) => format!("the API server answered {answered}: {}", status.message),
            (_, true) => format!("the API server answered {answered}"),
            _ => status.message,
        };
        if matches!(code, 429 | 503) {
            retry_after = retry_after.or(Some(Duration::from_secs(1)));
        }
        let mut problem = Self::new(StatusCode::from_u16(code).unwrap_or(StatusCode::BAD_GATEWAY), reason, detail);
        problem.causes = status.details.map(|details| details.causes).unwrap_or_default();
        Self { retry_after, ..problem }
    }

    /// The problem of a change: it says so if it is unknown whether the change was made.
    #[must_use]
    pub fn of_change(self) -> Self {
        if !self.is_effect_unknown {
            return self;
        }
        let detail = format!("{}; the change may have taken effect: look before you repeat it", self.detail);
        Self { detail: detail.into(), ..self }
    }
}

#[cfg(test)]
#[path = "problem_tests.rs"]
mod tests;
