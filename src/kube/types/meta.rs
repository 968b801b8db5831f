//! Fields that all objects share, lists, and the API server's Status.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, Serializer};
use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};

/// A time as Kubernetes sends it (RFC 3339, `Z`). It is serialized with a numeric offset, as docs/API.md says.
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
    /// The deletion timestamp is this much later than the request to delete.
    pub deletion_grace_period_seconds: Option<i64>,
    pub labels: BTreeMap<String, String>,
    pub annotations: BTreeMap<String, String>,
    pub owner_references: Vec<OwnerReference>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct OwnerReference {
    pub kind: String,
    pub name: String,
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

/// A reply of which only the status is used.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Ignored {}

/// A list, or a page of one.
#[derive(Clone, Debug, Deserialize)]
pub struct List<T> {
    #[serde(default)]
    pub metadata: ListMetadata,
    /// An empty list may be null, as a nil slice of Go.
    pub items: Option<Vec<T>>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ListMetadata {
    pub resource_version: String,
    /// The token of the next page, empty on the last one.
    pub r#continue: String,
}

/// The API server's reply to a failed request, or to a deletion
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
