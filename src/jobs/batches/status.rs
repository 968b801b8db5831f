//! The status object of a batch: [`BatchStatus`].

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::jobs::batches::Batch;
use crate::jobs::batches::state::{BatchState, MemberCounts, state};
use crate::jobs::state::State;
use crate::jobs::status::Status;
use crate::kube::types::Time;

/// The most failed members that the status lists.
const MAX_FAILED: usize = 20;

/// The status object in the replies of get-batch-status and list-batches.
#[derive(Debug, Serialize)]
pub struct BatchStatus {
    batch_name: String,
    namespace: String,
    cluster: String,
    #[serde(serialize_with = "name")]
    pub state: BatchState,
    size: usize,
    counts: Counts,
    failed_jobs: Vec<FailedJob>,
    start_time: Option<Time>,
    completion_time: Option<Time>,
    creation_timestamp: Option<Time>,
    uid: Box<str>,
    ttl_seconds_after_finished: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    members: Option<Vec<Member>>,
}

#[derive(Debug, Serialize)]
struct Counts {
    pending: usize,
    running: usize,
    suspended: usize,
    completed: usize,
    failed: usize,
    missing: usize,
}

#[derive(Debug, Serialize)]
struct FailedJob {
    index: usize,
    id: Option<Box<str>>,
    job_name: String,
    reason: Option<String>,
    exit_code: Option<i32>,
}

/// A member in the details.
#[derive(Debug, Serialize)]
struct Member {
    index: usize,
    id: Option<Box<str>>,
    job_name: String,
    /// A state of a job, or `missing`.
    state: &'static str,
    uid: Option<Box<str>>,
    reason: Option<String>,
    exit_code: Option<i32>,
    start_time: Option<Time>,
    completion_time: Option<Time>,
}

/// The field that only the job's own status object has.
#[derive(Default, Deserialize)]
struct Reason {
    reason: Option<String>,
}

fn name<S: serde::Serializer>(state: &BatchState, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(state.name())
}

impl BatchStatus {
    /// `may_grow` is whether missing members may still be submitted.
    pub fn new(cluster: &str, batch: &Batch, may_grow: bool, with_details: bool) -> Self {
        let counts = MemberCounts::of(batch.members.iter().map(|member| Some(member.as_ref()?.state)));
        let state = state(batch.is_deleting(), &counts, may_grow);
        let id = |index| Some(batch.description()?.id(index)?.into());
        let failed = batch.members.iter().enumerate().filter_map(|(index, member)| Some((index, member.as_ref()?)));
        let failed = failed.filter(|(_, member)| member.state == State::Failed).take(MAX_FAILED);
        let failed_jobs = failed.map(|(index, member)| FailedJob {
            index,
            id: id(index),
            job_name: member.name().to_owned(),
            reason: reason(member),
            exit_code: member.exit().map(|exit| exit.code),
        });
        let members =
            || batch.members.iter().enumerate().map(|(index, job)| member(batch, index, id(index), job.as_ref()));
        Self {
            batch_name: batch.head.name().to_owned(),
            namespace: batch.head.namespace().to_owned(),
            cluster: cluster.to_owned(),
            state,
            size: batch.members.len(),
            counts: Counts {
                pending: counts.get(State::Pending),
                running: counts.get(State::Running),
                suspended: counts.get(State::Suspended),
                completed: counts.get(State::Completed),
                failed: counts.get(State::Failed),
                missing: counts.missing,
            },
            failed_jobs: failed_jobs.collect(),
            start_time: batch.known().filter_map(|member| member.started_at).min().and_then(time),
            completion_time: ended_at(batch).filter(|_| state.is_final()).and_then(time),
            creation_timestamp: time(batch.head.created),
            uid: batch.head.uid.clone(),
            ttl_seconds_after_finished: batch.description().and_then(|known| known.ttl_seconds_after_finished),
            members: with_details.then(|| members().collect()),
        }
    }
}

/// Returns the end of the last member, in seconds since 1970. `None` if one has not ended, or none is known.
pub fn ended_at(batch: &Batch) -> Option<i64> {
    let mut last = None;
    for member in batch.known() {
        last = last.max(Some(member.ended_at?));
    }
    last
}

fn member(batch: &Batch, index: usize, id: Option<Box<str>>, job: Option<&Arc<Status>>) -> Member {
    let is_failed = |job: &&Arc<Status>| job.state == State::Failed;
    Member {
        index,
        id,
        job_name: format!("{}-{index:04}", batch.head.name()),
        state: job.map_or("missing", |job| job.state.name()),
        uid: job.map(|job| job.uid.clone()),
        reason: job.filter(is_failed).and_then(|job| reason(job)),
        exit_code: job.and_then(|job| job.exit()).map(|exit| exit.code),
        start_time: job.and_then(|job| job.started_at).and_then(time),
        completion_time: job.and_then(|job| job.ended_at).and_then(time),
    }
}

fn reason(job: &Status) -> Option<String> {
    serde_json::from_slice::<Reason>(&job.json()).unwrap_or_default().reason
}

fn time(seconds: i64) -> Option<Time> {
    OffsetDateTime::from_unix_timestamp(seconds).ok()?.format(&Rfc3339).ok().map(Time)
}
