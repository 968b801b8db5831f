//! From a Job to its status object: the fields that scripts read.
//!
//! A status is also what the cache keeps of every job, tens of thousands of them, so it takes little room: numbers
//! rather than texts, and what many jobs have in common only once (see [`Status::share`]).

use std::sync::Arc;

use serde::ser::{Serialize, SerializeMap, SerializeStruct, Serializer};

use super::compact::{Count, Pool, Seconds, Uid};
use super::state::{State, state};
use crate::kube::types::Job;
use crate::kube::watch::Version;

/// The status object, as get-job-status, list-jobs and watch-jobs show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// `namespace/name`.
    key: Box<str>,
    pub uid: Uid,
    pub version: Version,
    pub created: Seconds,
    pub deleted: Seconds,
    started: Seconds,
    completed: Seconds,
    pub state: State,
    /// Whether there is a label `job-id` that repeats the name. It is not kept with the others.
    has_job_id: bool,
    active: Count,
    succeeded: Count,
    failed: Count,
    ready: Count,
    terminating: Count,
    completions: Count,
    parallelism: Count,
    backoff_limit: Count,
    labels: Arc<[Label]>,
    conditions: Arc<[Text]>,
    /// When each condition changed last.
    transitions: Box<[Seconds]>,
}

type Label = (Box<str>, Box<str>);

/// A condition without its time. Thousands of jobs have the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Text {
    r#type: Box<str>,
    status: Box<str>,
    reason: Option<Box<str>>,
    message: Option<Box<str>>,
    /// Whether it decided the state.
    decided: bool,
}

const JOB_ID: &str = "job-id";

impl Status {
    pub fn of(job: &Job) -> Self {
        let (state, decided) = state(&job.status);
        let Job { metadata, spec, status } = job;
        let has_job_id = metadata.labels.get(JOB_ID) == Some(&*metadata.name);
        let labels = metadata.labels.0.iter().filter(|(key, _)| !(has_job_id && **key == *JOB_ID));
        let text = |text: &Option<String>| text.as_deref().map(Box::from);
        let conditions = status.conditions.iter().map(|condition| Text {
            r#type: condition.r#type.as_str().into(),
            status: condition.status.as_str().into(),
            reason: text(&condition.reason),
            message: text(&condition.message),
            decided: decided.is_some_and(|decided| std::ptr::eq(decided, condition)),
        });
        let transitions =
            status.conditions.iter().map(|condition| Seconds::of(condition.last_transition_time.as_ref()));
        Self {
            key: key(&metadata.namespace, &metadata.name).into(),
            uid: Uid::of(&metadata.uid),
            version: metadata.resource_version.parse().unwrap_or_default(),
            created: Seconds::of(metadata.creation_timestamp.as_ref()),
            deleted: Seconds::of(metadata.deletion_timestamp.as_ref()),
            started: Seconds::of(status.start_time.as_ref()),
            completed: Seconds::of(status.completion_time.as_ref()),
            state,
            has_job_id,
            active: Some(status.active).into(),
            succeeded: Some(status.succeeded).into(),
            failed: Some(status.failed).into(),
            ready: status.ready.into(),
            terminating: status.terminating.into(),
            completions: spec.completions.into(),
            parallelism: spec.parallelism.into(),
            backoff_limit: spec.backoff_limit.into(),
            labels: labels.cloned().collect(),
            conditions: conditions.collect(),
            transitions: transitions.collect(),
        }
    }

    /// Lets go of its own copy of what others have too.
    pub fn share(&mut self, pool: &mut Pools) {
        pool.labels.share(&mut self.labels);
        pool.conditions.share(&mut self.conditions);
    }

    pub fn key(&self) -> &str {
        &self.key
    }

    pub fn namespace(&self) -> &str {
        self.key.split_once('/').map_or("", |(namespace, _)| namespace)
    }

    pub fn name(&self) -> &str {
        self.key.split_once('/').map_or("", |(_, name)| name)
    }

    pub fn label(&self, key: &str) -> Option<&str> {
        if key == JOB_ID && self.has_job_id {
            return Some(self.name());
        }
        self.labels.iter().find(|(known, _)| **known == *key).map(|(_, value)| &**value)
    }
}

/// What [`Status::key`] is for these names.
pub fn key(namespace: &str, name: &str) -> String {
    [namespace, "/", name].concat()
}

/// What the statuses of one cache have in common.
#[derive(Debug, Default)]
pub struct Pools {
    labels: Pool<Label>,
    conditions: Pool<Text>,
}

impl Serialize for Status {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let decided = self.conditions.iter().find(|condition| condition.decided);
        let mut object = serializer.serialize_struct("Status", 22)?;
        object.serialize_field("job_name", self.name())?;
        object.serialize_field("namespace", self.namespace())?;
        object.serialize_field("state", self.state.name())?;
        object.serialize_field("active", &self.active)?;
        object.serialize_field("succeeded", &self.succeeded)?;
        object.serialize_field("failed", &self.failed)?;
        object.serialize_field("start_time", &self.started)?;
        object.serialize_field("completion_time", &self.completed)?;
        object.serialize_field("ready", &self.ready)?;
        object.serialize_field("terminating", &self.terminating)?;
        object.serialize_field("completions", &self.completions)?;
        object.serialize_field("parallelism", &self.parallelism)?;
        object.serialize_field("backoff_limit", &self.backoff_limit)?;
        object.serialize_field("reason", &decided.and_then(|condition| condition.reason.as_deref()))?;
        object.serialize_field("message", &decided.and_then(|condition| condition.message.as_deref()))?;
        object.serialize_field("creation_timestamp", &self.created)?;
        object.serialize_field("deletion_timestamp", &self.deleted)?;
        object.serialize_field("uid", &self.uid)?;
        object.serialize_field("resource_version", &Quoted(self.version))?;
        object.serialize_field("labels", &Labels(self))?;
        object.serialize_field("conditions", &Conditions(self))?;
        object.end()
    }
}

struct Quoted(Version);

impl Serialize for Quoted {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

struct Labels<'a>(&'a Status);

impl Serialize for Labels<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let status = self.0;
        let mut map = serializer.serialize_map(None)?;
        let mut own = status.has_job_id.then_some((JOB_ID, status.name()));
        for (key, value) in status.labels.iter() {
            if let Some((own_key, own_value)) = own.filter(|(own_key, _)| *own_key < &**key) {
                map.serialize_entry(own_key, own_value)?;
                own = None;
            }
            map.serialize_entry(key, value)?;
        }
        if let Some((own_key, own_value)) = own {
            map.serialize_entry(own_key, own_value)?;
        }
        map.end()
    }
}

struct Conditions<'a>(&'a Status);

#[derive(serde::Serialize)]
struct WithTime<'a> {
    r#type: &'a str,
    status: &'a str,
    reason: Option<&'a str>,
    message: Option<&'a str>,
    last_transition_time: Seconds,
}

impl Serialize for Conditions<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.conditions.iter().zip(&self.0.transitions).map(|(text, time)| WithTime {
            r#type: &text.r#type,
            status: &text.status,
            reason: text.reason.as_deref(),
            message: text.message.as_deref(),
            last_transition_time: *time,
        }))
    }
}

#[cfg(test)]
#[path = "status_tests.rs"]
mod tests;
