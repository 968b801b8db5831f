//! Jobs: [`Job`] has the fields that the watch needs, [`JobInFull`] those of single calls.

use std::collections::BTreeMap;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize, Serializer};

use crate::kube::types::annotations::OwnAnnotations;
use crate::kube::types::meta::{Condition, Metadata, OwnerReference, Status, Time};
use crate::kube::types::pod::{LabelSelector, PodTemplate};
use crate::kube::types::pod_failure_policy::PodFailurePolicy;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Job {
    pub metadata: JobMetadata,
    pub spec: JobSpec,
    pub status: JobStatus,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct JobMetadata {
    pub name: String,
    pub namespace: String,
    pub uid: String,
    pub resource_version: String,
    pub creation_timestamp: Option<Time>,
    pub deletion_timestamp: Option<Time>,
    pub labels: Labels,
    /// The other annotations are not kept.
    pub annotations: OwnAnnotations,
    pub owner_references: Vec<OwnerReference>,
}

/// Labels, sorted by key. They need less memory than a map.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "Option<BTreeMap<Box<str>, Box<str>>>")]
pub struct Labels(pub Vec<(Box<str>, Box<str>)>);

impl Labels {
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| **known == *key).map(|(_, value)| &**value)
    }
}

impl Serialize for Labels {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

impl From<Option<BTreeMap<Box<str>, Box<str>>>> for Labels {
    fn from(labels: Option<BTreeMap<Box<str>, Box<str>>>) -> Self {
        Self(labels.into_iter().flatten().collect())
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct JobSpec {
    pub parallelism: Option<i32>,
    pub completions: Option<i32>,
    pub backoff_limit: Option<i32>,
    pub suspend: Option<bool>,
    pub completion_mode: Option<String>,
    /// The job's controller, if it is not that of Kubernetes.
    pub managed_by: Option<String>,
    pub template: PodTemplate,
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
    /// Ranges such as `0,2-3`, for an indexed job.
    pub completed_indexes: Option<String>,
    pub failed_indexes: Option<String>,
    pub uncounted_terminated_pods: Option<UncountedTerminatedPods>,
}

/// The uids of ended pods that `succeeded` and `failed` do not count yet.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct UncountedTerminatedPods {
    succeeded: Option<Vec<IgnoredAny>>,
    failed: Option<Vec<IgnoredAny>>,
}

impl UncountedTerminatedPods {
    pub fn is_empty(&self) -> bool {
        [&self.succeeded, &self.failed].into_iter().flatten().all(Vec::is_empty)
    }
}

/// A job with its annotations, its template, and the selector of its pods.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct JobInFull {
    pub metadata: Metadata,
    pub spec: JobSpecInFull,
    pub status: JobStatus,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct JobSpecInFull {
    parallelism: Option<i32>,
    completions: Option<i32>,
    backoff_limit: Option<i32>,
    pub suspend: Option<bool>,
    completion_mode: Option<String>,
    managed_by: Option<String>,
    pub selector: Option<LabelSelector>,
    pub template: PodTemplate,
    pub pod_failure_policy: PodFailurePolicy,
}

impl From<JobInFull> for Job {
    fn from(job: JobInFull) -> Self {
        let JobInFull { metadata, spec, status } = job;
        let JobSpecInFull {
            parallelism,
            completions,
            backoff_limit,
            suspend,
            completion_mode,
            managed_by,
            template,
            ..
        } = spec;
        let labels = metadata.labels.into_iter().map(|(key, value)| (key.into(), value.into()));
        let metadata = JobMetadata {
            name: metadata.name,
            namespace: metadata.namespace,
            uid: metadata.uid,
            resource_version: metadata.resource_version,
            creation_timestamp: metadata.creation_timestamp,
            deletion_timestamp: metadata.deletion_timestamp,
            labels: Labels(labels.collect()),
            annotations: OwnAnnotations::from(&metadata.annotations),
            owner_references: metadata.owner_references,
        };
        let spec = JobSpec { parallelism, completions, backoff_limit, suspend, completion_mode, managed_by, template };
        Self { metadata, spec, status }
    }
}

/// The reply to the deletion of a job: the job, while it has finalizers, or a Status.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "kind")]
pub enum DeletedJob {
    #[serde(rename = "Job")]
    Ending(Box<Job>),
    #[serde(rename = "Status")]
    Gone(Status),
}
