//! [`RequestInfo`]: what the request log and the audit say about a request.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::auth::Caller;
use crate::kube::names::{JobName, Namespace};
use crate::util::template_name::TemplateName;

/// The operation of a request that matches no route.
pub const NO_OPERATION: &str = "none";

/// One request, or a part of it that the audit records separately.
#[derive(Clone, Debug)]
pub struct RequestInfo {
    pub request_id: String,
    /// The name of the operation, or [`NO_OPERATION`].
    pub operation: &'static str,
    /// The kind of object that the operation reads or changes; empty if there is none.
    pub object_kind: &'static str,
    /// Whether the operation changes something.
    pub is_change: bool,
    /// Whether it only checks the change.
    pub is_dry_run: bool,
    /// The name of the cluster: of the default one until another is known.
    pub cluster: Arc<str>,
    pub peer: SocketAddr,
    pub caller: Caller,
    pub object: ObjectRef,
    pub started: Instant,
}

/// The object that a call names. A field is empty until its value is known.
#[derive(Clone, Debug, Default)]
pub struct ObjectRef {
    pub namespace: Option<Namespace>,
    pub job: Option<JobName>,
    /// The template of a job that the call creates.
    pub template: Option<TemplateName>,
    /// The endpoint of a call about webhooks.
    pub webhook: Option<String>,
    /// The uid that the API server returned after a change.
    pub uid: Option<String>,
}

impl RequestInfo {
    pub fn namespace(&self) -> &str {
        self.object.namespace.as_ref().map_or("", Namespace::as_str)
    }

    pub fn job(&self) -> &str {
        self.object.job.as_ref().map_or("", JobName::as_str)
    }

    /// Returns the template, or an empty text.
    pub fn template(&self) -> String {
        self.object.template.as_ref().map_or_else(String::new, ToString::to_string)
    }

    pub fn webhook(&self) -> &str {
        self.object.webhook.as_deref().unwrap_or_default()
    }

    pub fn duration_ms(&self) -> f64 {
        milliseconds(self.started.elapsed())
    }
}

/// Returns a time in milliseconds, rounded to the microsecond.
pub fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}
