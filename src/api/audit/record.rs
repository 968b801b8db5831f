//! What a record of the audit holds, and its two forms: an entry of the journal, and a line of JSON.

use std::fmt::Write as _;
use std::net::IpAddr;

use hyper::StatusCode;
use log::Level;
use serde::Serialize;
use serde_json::Value as Json;
use time::OffsetDateTime;

use crate::api::audit::Subject;
use crate::api::request_log::milliseconds;
use crate::api::routes::Route;
use crate::api::routes::access::Access;
use crate::kube::names::{JobName, Namespace};
use crate::telemetry::journal::Entry;
use crate::telemetry::log::{priority, timestamp};

/// Marks the records among all entries of a journal. docs/OPERATION.md names it: it stays as it is.
const MESSAGE_ID: &str = "aaea3a039a1f4a6280389f15d80cbc13";

/// Of each value no more bytes than this are told. Names of objects are shorter; a caller's name and what the cluster
/// says could be anything.
const LONGEST: usize = 256;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Outcome {
    Success,
    /// The caller may not, or not now.
    Refused,
    Failed,
}

impl Outcome {
    /// Refusals are told whatever the call, so they are what concerns the caller alone: that the service is not ready,
    /// for example, every probe would tell.
    pub(super) fn of(status: StatusCode, reason: &str) -> Self {
        match status.as_u16() {
            0..=399 => Self::Success,
            401 | 403 | 421 | 429 => Self::Refused,
            503 if reason == "overloaded" => Self::Refused,
            _ => Self::Failed,
        }
    }

    const fn level(self) -> Level {
        match self {
            Self::Success | Self::Failed => Level::Info,
            Self::Refused => Level::Warn,
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

/// How a call ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ending<'a> {
    pub(super) outcome: Outcome,
    /// None if no answer was made any more.
    pub(super) status: Option<StatusCode>,
    pub(super) reason: &'a str,
    /// How many more calls ended so, if this is a count.
    pub(super) repeated: u64,
}

/// What is told of a call: in JSON by these names, in the journal by `EKS_API_` and the same in capitals.
#[derive(Debug, Serialize)]
pub(super) struct Record<'a> {
    request_id: &'a str,
    operation: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    caller: &'a str,
    caller_method: String,
    caller_address: IpAddr,
    cluster: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    object_kind: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    namespace: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    job: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    uid: &'a str,
    outcome: Outcome,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "str::is_empty")]
    reason: &'a str,
    /// How many more there were after the first, which has a record of its own.
    #[serde(skip_serializing_if = "is_zero")]
    repeated: u64,
    duration_ms: f64,
}

/// A record as a line: a collector that knows the log's lines in JSON finds the same names first.
#[derive(Serialize)]
struct Line<'a> {
    time: String,
    level: &'a str,
    message: String,
    r#type: &'a str,
    #[serde(flatten)]
    record: &'a Record<'a>,
}

impl<'a> Record<'a> {
    pub(super) fn new(subject: &Subject<'a>, caller: &'a str, cluster: &'a str, ending: Ending<'a>) -> Self {
        let Subject { line, target, .. } = *subject;
        Self {
            request_id: line.request_id.as_str(),
            operation: line.route.map_or("none", Route::operation),
            caller: bounded(caller),
            caller_method: subject.caller.method().to_string(),
            caller_address: line.peer.ip().to_canonical(),
            cluster,
            object_kind: line.route.map_or("", object_kind),
            namespace: target.namespace.as_ref().map_or("", Namespace::as_str),
            job: target.job.as_ref().map_or("", JobName::as_str),
            uid: target.uid.as_deref().map_or("", bounded),
            outcome: ending.outcome,
            status: ending.status.map(|status| status.as_u16()),
            reason: bounded(ending.reason),
            repeated: ending.repeated,
            duration_ms: milliseconds(line.started.elapsed()),
        }
    }

    /// The sentence that a person reads in a list of entries.
    fn message(&self) -> String {
        let Self { operation, namespace, job, caller, caller_address, .. } = self;
        let mut message = (*operation).to_owned();
        if !namespace.is_empty() {
            let slash = if job.is_empty() { "" } else { "/" };
            message.extend([" ", namespace, slash, job]);
        }
        // In quotes and escaped, as a name could look like the rest of the sentence.
        if !caller.is_empty() {
            let _ = write!(message, " by {caller:?}");
        }
        let _ = write!(message, " from {caller_address}: {}", self.outcome.word());
        if let Some(status) = self.status {
            let _ = write!(message, " ({status})");
        }
        if self.repeated > 0 {
            let _ = write!(message, ", {} more times", self.repeated);
        }
        message
    }

    pub(super) fn entry(&self) -> Entry {
        let mut entry = Entry::default();
        entry.push("MESSAGE", &self.message());
        entry.push("MESSAGE_ID", MESSAGE_ID);
        entry.push("PRIORITY", &self.priority().to_string());
        entry.push("SYSLOG_IDENTIFIER", "eks-api");
        if let Ok(Json::Object(fields)) = serde_json::to_value(self) {
            for (name, value) in fields {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                entry.push(&format!("EKS_API_{}", name.to_ascii_uppercase()), &text);
            }
        }
        entry
    }

    pub(super) fn json(&self, now: OffsetDateTime) -> String {
        let (time, level, message) = (timestamp(now), self.outcome.level().as_str(), self.message());
        serde_json::to_string(&Line { time, level, message, r#type: "audit", record: self }).unwrap_or_default()
    }

    /// As journald counts them.
    pub(super) const fn priority(&self) -> u8 {
        priority(self.outcome.level())
    }
}

/// The kind of object that a call is about: a route's first permission is for that.
fn object_kind(route: Route) -> &'static str {
    match route.access() {
        Access::Cluster(_, [first, ..]) if first.resource == "jobs" => "Job",
        Access::Cluster(_, [first, ..]) if first.resource == "namespaces" => "Namespace",
        Access::Cluster(..) | Access::Open => "",
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

fn bounded(value: &str) -> &str {
    &value[..value.floor_char_boundary(LONGEST)]
}

#[cfg(test)]
#[path = "record_tests.rs"]
mod tests;
