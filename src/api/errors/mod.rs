//! Converts the errors of the lower rooms into problems.

use std::time::Duration;

use hyper::StatusCode;

use crate::auth::Denied;
use crate::http::response::problem::Problem;
use crate::jobs::create;
use crate::jobs::manifest::Invalid;
use crate::jobs::policy::Forbidden;
use crate::kube::error::Error as KubeError;
use crate::kube::refusal::Refusal;

impl From<Forbidden> for Problem {
    fn from(forbidden: Forbidden) -> Self {
        Self::new(StatusCode::FORBIDDEN, forbidden.reason, forbidden.message)
    }
}

impl From<Denied> for Problem {
    fn from(denied: Denied) -> Self {
        let (status, reason) = match &denied {
            Denied::Missing(_) | Denied::Unknown(_) => (StatusCode::UNAUTHORIZED, "Unauthorized"),
            Denied::NotNamed => (StatusCode::FORBIDDEN, "certificate_not_named"),
            Denied::Template { .. } => (StatusCode::FORBIDDEN, "template_not_allowed"),
            Denied::Role { .. } | Denied::NotForRoleRun(_) => (StatusCode::FORBIDDEN, "role_not_sufficient"),
            Denied::Namespace { .. } => (StatusCode::FORBIDDEN, "namespace_not_allowed"),
            Denied::ClusterNotAllowed(_) => (StatusCode::FORBIDDEN, "cluster_not_allowed"),
            Denied::Cluster(_) => (StatusCode::FORBIDDEN, "Forbidden"),
            Denied::ReviewFailed(error) => {
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
        if invalid.is_too_large {
            let detail = format!("{}: {}", invalid.field, invalid.message);
            Self::new(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", detail)
        } else if invalid.malformed {
            Self::malformed(&invalid.field, &invalid.message)
        } else {
            Self::invalid(&invalid.field, &invalid.message)
        }
    }
}

impl From<create::Error> for Problem {
    fn from(error: create::Error) -> Self {
        match error {
            create::Error::Kube(error) | create::Error::NamespaceMissing(error) => error.into(),
            create::Error::NamespaceNotCreated(error) => {
                let problem = Self::from(error);
                let detail = format!("the namespace does not exist and could not be created: {}", problem.detail);
                Self { detail: detail.into(), ..problem }
            }
            create::Error::KeyReused { .. } => {
                Self::new(StatusCode::CONFLICT, "idempotency_key_reused", error.to_string())
            }
            create::Error::BeingDeleted { .. } => {
                let problem = Self::new(StatusCode::CONFLICT, "AlreadyExists", error.to_string());
                Self { is_temporary: true, ..problem }
            }
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
            KubeError::Refused(refusal) => {
                let is_temporary = refusal.is_temporary();
                return Self { is_effect_unknown, is_temporary, ..refused(*refusal) };
            }
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
        Self { is_effect_unknown, is_temporary: true, ..problem.because(cause) }
    }
}

/// Keeps Kubernetes' message about the caller's request. A message about Kubernetes itself is marked as the API server's.
fn refused(refusal: Refusal) -> Problem {
    let is_server_error = refusal.code >= 500;
    let Refusal { code, answered, status, mut retry_after, .. } = refusal;
    let reason = if status.reason.is_empty() { "upstream_refused" } else { &status.reason };
    let detail = match (is_server_error, status.message.is_empty()) {
        (true, false) => format!("the API server answered {answered}: {}", status.message),
        (_, true) => format!("the API server answered {answered}"),
        _ => status.message,
    };
    if matches!(code, 429 | 503) {
        retry_after = retry_after.or(Some(Duration::from_secs(1)));
    }
    let mut problem = Problem::new(StatusCode::from_u16(code).unwrap_or(StatusCode::BAD_GATEWAY), reason, detail);
    problem.causes = status.details.map(|details| details.causes.into()).unwrap_or_default();
    Problem { retry_after, ..problem }
}

#[cfg(test)]
#[path = "errors_tests.rs"]
mod tests;
