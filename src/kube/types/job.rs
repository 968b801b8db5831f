//! Jobs. What every job that the watch tells of is read for is little; what few calls need is in a type of its own.

use std::fmt;

use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::kube::types::{Condition, LabelSelector, Metadata, PodFailurePolicy, PodTemplate, Status, Time};

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
}

/// Labels in the order of their keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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

impl<'de> Deserialize<'de> for Labels {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;

        impl<'de> Visitor<'de> for Pairs {
            type Value = Labels;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("labels")
            }

            fn visit_unit<E>(self) -> Result<Labels, E> {
                Ok(Labels::default())
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Labels, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                pairs.sort_unstable();
                Ok(Labels(pairs))
            }
        }

        deserializer.deserialize_any(Pairs)
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
    /// The controller of the job, where it is not Kubernetes' own.
    pub managed_by: Option<String>,
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
    /// Ranges such as `0,2-3`, of an indexed job.
    pub completed_indexes: Option<String>,
    pub failed_indexes: Option<String>,
    pub uncounted_terminated_pods: Option<UncountedTerminatedPods>,
}

/// The uids of pods that ended and that `succeeded` and `failed` do not count yet.
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
        let JobSpecInFull { parallelism, completions, backoff_limit, suspend, completion_mode, managed_by, .. } = spec;
        let labels = metadata.labels.into_iter().map(|(key, value)| (key.into(), value.into()));
        let metadata = JobMetadata {
            name: metadata.name,
            namespace: metadata.namespace,
            uid: metadata.uid,
            resource_version: metadata.resource_version,
            creation_timestamp: metadata.creation_timestamp,
            deletion_timestamp: metadata.deletion_timestamp,
            labels: Labels(labels.collect()),
        };
        let spec = JobSpec { parallelism, completions, backoff_limit, suspend, completion_mode, managed_by };
        Self { metadata, spec, status }
    }
}

/// What comes back from deleting a job: the job, as long as something has to end first, or a word that it is gone.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "kind")]
pub enum DeletedJob {
    #[serde(rename = "Job")]
    Ending(Box<Job>),
    #[serde(rename = "Status")]
    Gone(Status),
}
