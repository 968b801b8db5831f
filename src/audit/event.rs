//! [`AuditEvent`]: the fields of an audit record, as a journald entry and as a line of JSON.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::ops::Not;

use log::Level;
use serde::Serialize;
use serde_json::Value as Json;
use time::OffsetDateTime;

use crate::audit::request_info::RequestInfo;
#[cfg(feature = "history")]
use crate::history::record::AuditRecord;
use crate::telemetry::journal::Entry;
use crate::telemetry::log::{priority, timestamp};

/// Identifies the audit records in the journal. It is documented in docs/OPERATION.md and never changes.
const MESSAGE_ID: &str = "aaea3a039a1f4a6280389f15d80cbc13";

/// The most bytes of a value. Object names are shorter; a caller's name and a reason can have any length.
const MAX_VALUE_LEN: usize = 256;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Outcome {
    Success,
    /// The caller may not make this call, or not now.
    Refused,
    Failed,
}

impl Outcome {
    /// `Refused` covers only what concerns the caller. A service that is not ready would fill the audit with probes.
    pub(super) fn new(status: u16, reason: &str) -> Self {
        match status {
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

    const fn name(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

/// An audit record. JSON uses the names of the fields; journald uses them in capitals after `EKS_API_`.
#[derive(Debug, Serialize)]
pub(super) struct AuditEvent<'a> {
    request_id: &'a str,
    operation: &'a str,
    #[serde(skip_serializing_if = "String::is_empty")]
    caller: String,
    caller_method: String,
    caller_address: IpAddr,
    cluster: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    object_kind: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    namespace: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    job: &'a str,
    #[serde(skip_serializing_if = "String::is_empty")]
    template: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    webhook: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    uid: &'a str,
    /// Whether nothing was changed, as the caller wanted a check only.
    #[serde(skip_serializing_if = "Not::not")]
    dry_run: bool,
    outcome: Outcome,
    /// None if the call got no answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "str::is_empty")]
    reason: &'a str,
    /// How many calls with the same refusal followed the first one, which has its own record.
    #[serde(skip_serializing_if = "is_zero")]
    repeated: u64,
    duration_ms: f64,
}

/// A record as one line. Its first fields have the names that the log's JSON lines use.
#[derive(Serialize)]
struct Line<'a> {
    time: String,
    level: &'a str,
    message: String,
    r#type: &'a str,
    #[serde(flatten)]
    event: &'a AuditEvent<'a>,
}

/// A record as the history keeps it.
#[cfg(feature = "history")]
#[derive(Serialize)]
struct Kept<'a> {
    time: String,
    #[serde(flatten)]
    event: &'a AuditEvent<'a>,
}

impl<'a> AuditEvent<'a> {
    pub(super) fn new(
        info: &'a RequestInfo,
        outcome: Outcome,
        status: Option<u16>,
        reason: &'a str,
        repeated: u64,
    ) -> Self {
        Self {
            request_id: &info.request_id,
            operation: info.operation,
            caller: truncated(&info.caller.name()).to_owned(),
            caller_method: info.caller.method().to_string(),
            caller_address: info.peer.ip().to_canonical(),
            cluster: truncated(&info.cluster),
            object_kind: info.object_kind,
            namespace: info.namespace(),
            job: info.job(),
            template: info.template(),
            webhook: info.webhook(),
            uid: info.object.uid.as_deref().map_or("", truncated),
            dry_run: info.is_dry_run,
            outcome,
            status,
            reason: truncated(reason),
            repeated,
            duration_ms: info.duration_ms(),
        }
    }

    /// Returns the sentence that an operator reads in a list of entries.
    fn message(&self) -> String {
        let Self { operation, namespace, job, webhook, caller, caller_address, outcome, .. } = self;
        let mut message = (*operation).to_owned();
        if self.dry_run {
            message.push_str(" (dry run)");
        }
        if !namespace.is_empty() {
            let slash = if job.is_empty() { "" } else { "/" };
            message.extend([" ", namespace, slash, job]);
        }
        if !webhook.is_empty() {
            message.extend([" ", webhook]);
        }
        if !caller.is_empty() {
            // Quoted and escaped: a name could imitate the rest of the sentence.
            let _ = write!(message, " by {caller:?}");
        }
        let _ = write!(message, " from {caller_address}: {}", outcome.name());
        if let Some(status) = self.status {
            let _ = write!(message, " ({status})");
        }
        if self.repeated > 0 {
            let _ = write!(message, ", {} more times", self.repeated);
        }
        message
    }

    pub(super) fn journal_entry(&self) -> Entry {
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
        serde_json::to_string(&Line { time, level, message, r#type: "audit", event: self }).unwrap_or_default()
    }

    #[cfg(feature = "history")]
    pub(super) fn record(&self, now: OffsetDateTime) -> AuditRecord {
        let milliseconds = now.unix_timestamp_nanos() / 1_000_000;
        AuditRecord {
            time: i64::try_from(milliseconds).unwrap_or_default(),
            cluster: self.cluster.to_owned(),
            namespace: self.namespace.to_owned(),
            operation: self.operation.to_owned(),
            outcome: self.outcome.name().to_owned(),
            caller: self.caller.clone(),
            json: serde_json::to_string(&Kept { time: timestamp(now), event: self }).unwrap_or_default(),
        }
    }

    /// Returns the syslog priority, which journald uses too.
    pub(super) const fn priority(&self) -> u8 {
        priority(self.outcome.level())
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

fn truncated(value: &str) -> &str {
    &value[..value.floor_char_boundary(MAX_VALUE_LEN)]
}

#[cfg(test)]
#[path = "event_tests.rs"]
mod tests;
