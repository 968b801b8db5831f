//! The status object of a batch: [`BatchStatus`].

use serde::{Deserialize, Serialize, Serializer};
use time::OffsetDateTime;

use crate::jobs::batches::Batch;
use crate::jobs::batches::state::End;
use crate::jobs::state::State;
use crate::jobs::status::Status;

/// The most failed members that the status lists.
const MAX_FAILED: usize = 20;

/// The parts of a batch that a reply shows.
#[derive(Clone, Copy, Debug)]
pub struct View {
    /// Every member. Without them only failed ones, and not all.
    pub with_members: bool,
    /// The exit codes, which only callers that may list pods may see.
    pub with_exits: bool,
}

/// The status object in the replies of get-batch-status and list-batches.
#[derive(Debug, Serialize)]
pub struct BatchStatus<'a> {
    batch_name: &'a str,
    namespace: &'a str,
    cluster: &'a str,
    state: &'static str,
    size: usize,
    counts: Counts,
    failed_jobs: Vec<FailedJob<'a>>,
    start_time: Option<Seconds>,
    completion_time: Option<Seconds>,
    creation_timestamp: Option<Seconds>,
    uid: &'a str,
    ttl_seconds_after_finished: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    members: Option<Vec<Member<'a>>>,
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
struct FailedJob<'a> {
    index: usize,
    id: Option<&'a str>,
    job_name: &'a str,
    reason: Option<String>,
    exit_code: Option<i32>,
}

/// A member in the details.
#[derive(Debug, Serialize)]
struct Member<'a> {
    index: usize,
    id: Option<&'a str>,
    job_name: String,
    /// A state of a job, or `missing`.
    state: &'static str,
    uid: Option<&'a str>,
    reason: Option<String>,
    exit_code: Option<i32>,
    start_time: Option<Seconds>,
    completion_time: Option<Seconds>,
}

/// The field that only the job's own status object has.
#[derive(Default, Deserialize)]
struct Reason {
    reason: Option<String>,
}

impl<'a> BatchStatus<'a> {
    /// `may_grow` is whether missing members may still be submitted.
    pub fn new(cluster: &'a str, batch: &'a Batch, may_grow: bool, view: View) -> Self {
        let (counts, state) = (batch.counts(), batch.state(may_grow));
        let description = batch.description();
        let failed = batch.members.iter().enumerate().filter_map(|(index, member)| Some((index, member.as_ref()?)));
        let failed = failed.filter(|(_, member)| member.state == State::Failed).take(MAX_FAILED);
        let failed_jobs = failed.map(|(index, member)| FailedJob {
            index,
            id: batch.id(index),
            job_name: member.name(),
            reason: reason(member),
            exit_code: exit_code(member, view),
        });
        let members = || (0..batch.members.len()).map(|index| member(batch, index, view)).collect();
        Self {
            batch_name: batch.head.name(),
            namespace: batch.head.namespace(),
            cluster,
            state: state.name(),
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
            start_time: batch.known().filter_map(|member| member.started_at).min().map(Seconds),
            completion_time: ended_at(batch).filter(|_| state.is_final()).map(Seconds),
            creation_timestamp: Some(batch.head.created).filter(|created| *created != 0).map(Seconds),
            uid: &batch.head.uid,
            ttl_seconds_after_finished: description.and_then(|known| known.ttl_seconds_after_finished),
            members: view.with_members.then(members),
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

/// Returns the end of a batch, if it has ended. `may_grow` is whether missing members may still be submitted.
pub fn end(batch: &Batch, may_grow: bool) -> Option<End> {
    let state = batch.state(may_grow);
    state.is_final().then(|| (state, ended_at(batch).unwrap_or(batch.head.created)))
}

fn member(batch: &Batch, index: usize, view: View) -> Member<'_> {
    let job = batch.members.get(index).and_then(Option::as_ref);
    Member {
        index,
        id: batch.id(index),
        job_name: job.map_or_else(|| format!("{}-{index:04}", batch.head.name()), |job| job.name().to_owned()),
        state: job.map_or("missing", |job| job.state.name()),
        uid: job.map(|job| &*job.uid),
        reason: job.filter(|job| job.state == State::Failed).and_then(|job| reason(job)),
        exit_code: job.and_then(|job| exit_code(job, view)),
        start_time: job.and_then(|job| job.started_at).map(Seconds),
        completion_time: job.and_then(|job| job.ended_at).map(Seconds),
    }
}

fn exit_code(job: &Status, view: View) -> Option<i32> {
    job.exit().filter(|_| view.with_exits).map(|exit| exit.code)
}

fn reason(job: &Status) -> Option<String> {
    serde_json::from_slice::<Reason>(&job.json()).unwrap_or_default().reason
}

/// A time in seconds since 1970. It is serialized as [`crate::kube::types::Time`] is.
#[derive(Clone, Copy, Debug)]
struct Seconds(i64);

impl Serialize for Seconds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Ok(time) = OffsetDateTime::from_unix_timestamp(self.0) else { return serializer.serialize_none() };
        let (year, month, day) = time.to_calendar_date();
        let (hour, minute, second) = time.to_hms();
        let month = u8::from(month);
        serializer.collect_str(&format_args!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}+00:00"))
    }
}
