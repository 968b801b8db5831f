//! From a Job to its status object: the fields that scripts read.
//!
//! A status is also what the cache keeps of every job, tens of thousands of them, so it takes little room: numbers
//! rather than texts, and what many jobs have in common only once (see [`Status::share`]).

use std::sync::Arc;

use super::compact::{Count, Seconds, Uid};
use super::json::Json;
use super::pool::Pool;
use super::shape::{JOB_ID, Shape, Text};
use super::state::{State, state};
use crate::kube::name::{JobName, Namespace};
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
    active: Count,
    succeeded: Count,
    failed: Count,
    ready: Count,
    terminating: Count,
    completions: Count,
    parallelism: Count,
    backoff_limit: Count,
    shape: Arc<Shape>,
    /// When each condition changed last.
    transitions: Box<[Seconds]>,
}

impl Status {
    pub fn of(job: &Job) -> Self {
        let (state, decided) = state(&job.status);
        let Job { metadata, spec, status } = job;
        let has_job_id = metadata.labels.get(JOB_ID) == Some(&*metadata.name);
        let labels = metadata.labels.0.iter().filter(|(key, _)| !(has_job_id && **key == *JOB_ID)).cloned();
        let conditions = status.conditions.iter().map(|condition| Text::of(condition, decided));
        let transitions =
            status.conditions.iter().map(|condition| Seconds::of(condition.last_transition_time.as_ref()));
        Self {
            key: [&*metadata.namespace, "/", &*metadata.name].concat().into(),
            uid: Uid::of(&metadata.uid),
            version: metadata.resource_version.parse().unwrap_or_default(),
            created: Seconds::of(metadata.creation_timestamp.as_ref()),
            deleted: Seconds::of(metadata.deletion_timestamp.as_ref()),
            started: Seconds::of(status.start_time.as_ref()),
            completed: Seconds::of(status.completion_time.as_ref()),
            state,
            active: Some(status.active).into(),
            succeeded: Some(status.succeeded).into(),
            failed: Some(status.failed).into(),
            ready: status.ready.into(),
            terminating: status.terminating.into(),
            completions: spec.completions.into(),
            parallelism: spec.parallelism.into(),
            backoff_limit: spec.backoff_limit.into(),
            shape: Arc::new(Shape::new(labels.collect(), has_job_id, conditions.collect())),
            transitions: transitions.collect(),
        }
    }

    /// Lets go of its own copy of what others have too.
    pub fn share(&mut self, pool: &mut Pool<Shape>) {
        pool.share(&mut self.shape);
    }

    /// To be called by its last owner in the cache.
    pub fn release(self, pool: &mut Pool<Shape>) {
        pool.release(&self.shape);
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

    /// The object as callers get it.
    pub fn to_json(&self) -> Vec<u8> {
        let mut json = Json::with_capacity(1024);
        self.write(&mut json);
        json.into_bytes()
    }

    /// Written by hand, as it is what most calls are about: serde writes each quote, key and comma by itself, which took
    /// a third of the time of an answer from the cache.
    pub fn write(&self, json: &mut Json) {
        let (namespace, name) = self.key.split_once('/').unwrap_or_default();
        json.raw(r#"{"job_name":""#).escaped(name);
        json.raw(r#"","namespace":""#).escaped(namespace);
        json.raw(r#"","state":""#).raw(self.state.name());
        json.raw(r#"","active":"#).count(self.active);
        json.raw(r#","succeeded":"#).count(self.succeeded);
        json.raw(r#","failed":"#).count(self.failed);
        json.raw(r#","start_time":"#).time(self.started);
        json.raw(r#","completion_time":"#).time(self.completed);
        json.raw(r#","ready":"#).count(self.ready);
        json.raw(r#","terminating":"#).count(self.terminating);
        json.raw(r#","completions":"#).count(self.completions);
        json.raw(r#","parallelism":"#).count(self.parallelism);
        json.raw(r#","backoff_limit":"#).count(self.backoff_limit);
        let decided = self.shape.conditions.iter().find_map(|condition| condition.decided.as_deref());
        json.raw(",").raw(decided.unwrap_or(r#""reason":null,"message":null"#));
        json.raw(r#","creation_timestamp":"#).time(self.created);
        json.raw(r#","deletion_timestamp":"#).time(self.deleted);
        json.raw(r#","uid":""#).uid(&self.uid);
        json.raw(r#"","resource_version":""#).number(self.version);
        let [before, behind] = &self.shape.members;
        json.raw(r#"","labels":{"#).raw(before);
        if self.shape.has_job_id {
            json.member(JOB_ID, name);
        }
        json.raw(behind).end("}").raw(r#","conditions":["#);
        for (text, time) in self.shape.conditions.iter().zip(&self.transitions) {
            json.raw(&text.object).time(*time).raw("},");
        }
        json.end("]").raw("}");
    }

    pub fn label(&self, key: &str) -> Option<&str> {
        if key == JOB_ID && self.shape.has_job_id {
            return Some(self.name());
        }
        self.shape.labels.iter().find(|(known, _)| **known == *key).map(|(_, value)| &**value)
    }
}

/// What [`Status::key`] is for these names: in place, as every look into the cache needs one.
#[derive(Debug)]
pub struct Key {
    bytes: [u8; 127],
    length: usize,
}

impl Key {
    pub fn of(namespace: &Namespace, name: &JobName) -> Self {
        let mut key = Self { bytes: [0; 127], length: 0 };
        for part in [namespace.as_str(), "/", name.as_str()] {
            key.bytes[key.length..][..part.len()].copy_from_slice(part.as_bytes());
            key.length += part.len();
        }
        key
    }

    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.length]).unwrap_or_default()
    }
}

#[cfg(test)]
#[path = "status_tests.rs"]
mod tests;
