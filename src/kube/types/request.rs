//! Bodies of requests that the service makes. A caller's manifest is sent as it is.

use std::collections::BTreeMap;

use serde::Serialize;

/// A namespace to be created.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NewNamespace<'a> {
    api_version: &'static str,
    kind: &'static str,
    metadata: NewMetadata<'a>,
}

#[derive(Clone, Debug, Serialize)]
struct NewMetadata<'a> {
    name: &'a str,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
}

impl<'a> NewNamespace<'a> {
    pub const fn new(name: &'a str, labels: BTreeMap<String, String>, annotations: BTreeMap<String, String>) -> Self {
        Self { api_version: "v1", kind: "Namespace", metadata: NewMetadata { name, labels, annotations } }
    }
}

/// The body of a DELETE.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DeleteOptions {
    pub api_version: &'static str,
    pub kind: &'static str,
    pub propagation_policy: Propagation,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grace_period_seconds: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preconditions: Option<Preconditions>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Propagation {
    Foreground,
    Background,
    Orphan,
}

#[derive(Clone, Debug, Serialize)]
pub struct Preconditions {
    pub uid: String,
}

impl DeleteOptions {
    pub const fn new(propagation_policy: Propagation) -> Self {
        Self {
            api_version: "v1",
            kind: "DeleteOptions",
            propagation_policy,
            grace_period_seconds: None,
            preconditions: None,
        }
    }
}

/// A merge patch that suspends or resumes a job.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Suspension {
    spec: SuspensionSpec,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct SuspensionSpec {
    suspend: bool,
}

impl Suspension {
    pub const fn new(suspend: bool) -> Self {
        Self { spec: SuspensionSpec { suspend } }
    }
}
