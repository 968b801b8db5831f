//! The fields of Kubernetes' objects that the service reads or writes, and no others. Every field may be missing:
//! old and new API servers differ, and a reply must never be lost over a field that nobody needs.

mod job;
pub mod json;
mod namespace;
mod pod;
mod pod_failure_policy;
pub mod request;

use std::collections::BTreeMap;

pub use job::{DeletedJob, Job, JobInFull, JobMetadata, JobStatus, Labels};
pub use namespace::{Namespace, NamespaceStatus};
pub use pod::{Container, ContainerStatus, Event, LabelSelector, Pod, PodStatus, PodTemplate, StateDetail};
pub use pod_failure_policy::{PodFailurePolicy, PodFailurePolicyRule};
use serde::{Deserialize, Serialize, Serializer};
use time::OffsetDateTime;
use time::UtcOffset;
use time::format_description::well_known::Rfc3339;

/// A time as Kubernetes sends it (RFC 3339, `Z`), shown with a numeric offset as the service's contract says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(transparent)]
pub struct Time(pub String);

impl Time {
    pub fn parse(&self) -> Option<OffsetDateTime> {
        OffsetDateTime::parse(&self.0, &Rfc3339).ok()
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let utc = self.parse().and_then(|time| time.checked_to_offset(UtcOffset::UTC)?.format(&Rfc3339).ok());
        match utc.as_deref().and_then(|text| text.strip_suffix('Z')) {
            Some(utc) => serializer.collect_str(&format_args!("{utc}+00:00")),
            None => serializer.serialize_none(),
        }
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Metadata {
    pub name: String,
    pub namespace: String,
    pub uid: String,
    pub resource_version: String,
    pub creation_timestamp: Option<Time>,
    pub deletion_timestamp: Option<Time>,
    /// For how long a deletion lets the object's end take. The deletion time is that much later than the request.
    pub deletion_grace_period_seconds: Option<i64>,
    pub labels: BTreeMap<String, String>,
    pub annotations: BTreeMap<String, String>,
    pub owner_references: Vec<OwnerReference>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct OwnerReference {
    pub uid: String,
    pub controller: Option<bool>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all(deserialize = "camelCase"), default)]
pub struct Condition {
    pub r#type: String,
    pub status: String,
    pub reason: Option<String>,
    pub message: Option<String>,
    pub last_transition_time: Option<Time>,
}

/// A reply of which only the success matters.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Ignored {}

/// A list, or a page of one.
#[derive(Clone, Debug, Deserialize)]
pub struct List<T> {
    #[serde(default)]
    pub metadata: ListMetadata,
    /// An empty list can come as null: it is Go's nil slice.
    pub items: Option<Vec<T>>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ListMetadata {
    pub resource_version: String,
    /// Where the next page begins; empty on the last one.
    pub r#continue: String,
}

/// What the API server says instead of, or after, an effect
/// (<https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/>).
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Status {
    pub kind: String,
    pub message: String,
    pub reason: String,
    pub details: Option<StatusDetails>,
    pub code: u16,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct StatusDetails {
    pub name: String,
    pub kind: String,
    pub uid: String,
    pub causes: Vec<Cause>,
    pub retry_after_seconds: Option<u64>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct Cause {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reason: String,
    pub field: String,
    pub message: String,
}
