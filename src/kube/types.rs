//! The fields of Kubernetes' objects that the service reads or writes, and no others. Every field may be missing:
//! old and new API servers differ, and a reply must never be lost over a field that nobody needs.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, Serializer};

/// A time as Kubernetes sends it (RFC 3339, `Z`), shown with a numeric offset as the service's contract says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(transparent)]
pub struct Time(pub String);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.strip_suffix('Z') {
            Some(utc) => serializer.collect_str(&format_args!("{utc}+00:00")),
            None => serializer.serialize_str(&self.0),
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
    pub labels: BTreeMap<String, String>,
    pub annotations: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Job {
    pub metadata: Metadata,
    pub spec: JobSpec,
    pub status: JobStatus,
}

/// The little of a job that tells which one it is: most of the reply to a create is what was sent, and is not taken up.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct MadeJob {
    pub metadata: Identity,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Identity {
    pub name: String,
    pub namespace: String,
    pub uid: String,
    pub creation_timestamp: Option<Time>,
}

impl From<Job> for MadeJob {
    fn from(job: Job) -> Self {
        let Metadata { name, namespace, uid, creation_timestamp, .. } = job.metadata;
        Self { metadata: Identity { name, namespace, uid, creation_timestamp } }
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct JobSpec {
    pub parallelism: Option<i32>,
    pub completions: Option<i32>,
    pub backoff_limit: Option<i32>,
    pub selector: Selector,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Selector {
    pub match_labels: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct JobStatus {
    pub active: i32,
    pub succeeded: i32,
    pub failed: i32,
    pub ready: Option<i32>,
    pub terminating: Option<i32>,
    pub start_time: Option<Time>,
    pub completion_time: Option<Time>,
    pub conditions: Vec<Condition>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
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

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Namespace {
    pub metadata: Metadata,
    pub status: NamespaceStatus,
}

/// A namespace has an object here, a Status, which can come instead of one, a word.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum NamespaceStatus {
    Namespace { phase: Option<String> },
    Word(String),
}

impl Default for NamespaceStatus {
    fn default() -> Self {
        Self::Namespace { phase: None }
    }
}

impl NamespaceStatus {
    pub fn phase(&self) -> Option<&str> {
        match self {
            Self::Namespace { phase } => phase.as_deref(),
            Self::Word(_) => None,
        }
    }
}

/// A list of which only the items are of interest.
#[derive(Clone, Debug, Deserialize)]
pub struct List<T> {
    /// An empty list can come as null: it is Go's nil slice.
    pub items: Option<Vec<T>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Pod {
    pub metadata: Metadata,
    pub spec: PodSpec,
    pub status: PodStatus,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodSpec {
    pub node_name: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodStatus {
    pub phase: Option<String>,
    pub reason: Option<String>,
    pub message: Option<String>,
    pub start_time: Option<Time>,
    pub conditions: Vec<Condition>,
    pub init_container_statuses: Vec<ContainerStatus>,
    pub container_statuses: Vec<ContainerStatus>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ContainerStatus {
    pub name: String,
    pub restart_count: i32,
    pub state: ContainerState,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ContainerState {
    pub waiting: Option<StateDetail>,
    pub running: Option<StateDetail>,
    pub terminated: Option<StateDetail>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct StateDetail {
    pub reason: Option<String>,
    pub message: Option<String>,
    pub exit_code: Option<i32>,
    pub started_at: Option<Time>,
    pub finished_at: Option<Time>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Event {
    pub r#type: Option<String>,
    pub reason: Option<String>,
    pub message: Option<String>,
    pub count: Option<i32>,
    pub first_timestamp: Option<Time>,
    pub last_timestamp: Option<Time>,
    pub event_time: Option<Time>,
}

/// What the API server says instead of, or after, an effect
/// (<https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/>).
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Status {
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
