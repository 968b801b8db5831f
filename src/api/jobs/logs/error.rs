//! [`LogError`]: why no more of a log is sent.

use hyper::StatusCode;

use crate::auth::Denied;
use crate::http::response::problem::Problem;
use crate::http::response::stream_body::ClientDisconnected;
use crate::jobs::logs::{LogUnavailable, Missing};
use crate::kube::error::Error as KubeError;

/// Why no more of a log is sent.
#[derive(Debug)]
pub(super) enum LogError {
    Disconnected,
    /// The caller lost its right to read logs.
    Denied(Denied),
    /// The service drains, or the cluster was removed or replaced.
    Draining(Box<Problem>),
    Missing(Missing),
    LogUnavailable {
        pod: String,
        container: String,
        why: LogUnavailable,
    },
    /// The job was deleted during the call.
    JobGone(KubeError),
    /// Lines are missing in what was sent.
    Incomplete(String),
    Kube(KubeError),
}

impl From<ClientDisconnected> for LogError {
    fn from(_: ClientDisconnected) -> Self {
        Self::Disconnected
    }
}

impl From<Missing> for LogError {
    fn from(missing: Missing) -> Self {
        Self::Missing(missing)
    }
}

impl From<KubeError> for LogError {
    fn from(error: KubeError) -> Self {
        Self::Kube(error)
    }
}

impl From<LogError> for Problem {
    fn from(error: LogError) -> Self {
        let not_found = |reason: &str, detail: String| Self::new(StatusCode::NOT_FOUND, reason, detail);
        match error {
            LogError::JobGone(error) | LogError::Kube(error) => error.into(),
            LogError::Incomplete(why) => KubeError::Broken(why).into(),
            LogError::Draining(problem) => *problem,
            LogError::Denied(denied) => denied.into(),
            LogError::Missing(missing) => not_found(missing.reason, missing.message),
            LogError::LogUnavailable { pod, container, why } => match why {
                LogUnavailable::Waiting(waiting) => {
                    let detail = format!("container {container} of pod {pod} has no log: it is waiting: {waiting}");
                    Self::new(StatusCode::CONFLICT, "container_waiting", detail)
                }
                LogUnavailable::NoPrevious => not_found(
                    "no_previous_log",
                    format!("container {container} of pod {pod} had no run before this one"),
                ),
                LogUnavailable::Gone => not_found("pod_not_found", format!("pod {pod} is gone")),
                LogUnavailable::NodeGone(node) => {
                    not_found("pod_not_found", format!("the log of pod {pod} is gone with its node {node}"))
                }
                LogUnavailable::Kubelet(text) => Self::new(
                    StatusCode::BAD_GATEWAY,
                    "log_unavailable",
                    format!("the kubelet has no log of container {container} of pod {pod}: {text}"),
                ),
                LogUnavailable::Refused(error) => error.into(),
            },
            // No one reads this answer.
            LogError::Disconnected => {
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalError", "the caller hung up")
            }
        }
    }
}
