//! The columns of a job: [`RunRow`].

use rusqlite::{Statement, params};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::history::record::unreadable;
use crate::jobs::batches::membership::{MEMBER_LABEL, Membership};
use crate::jobs::state::State;
use crate::jobs::status::Status;
use crate::kube::client::Body;
use crate::kube::types::Time;

/// A run that exists keeps its id, and the values that are known already.
pub(super) const UPSERT: &str = "
    INSERT INTO runs (cluster, uid, version, namespace, job_name, state, created, started, ended, reason, message,
        deleted, exit_code, termination_message, template, batch_name, labels, images, queued_s, ran_s, retries, active,
        succeeded, failed, completions, parallelism, backoff_limit, has_gaps)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23,
        ?24, ?25, ?26, ?27, ?28)
    ON CONFLICT (cluster, uid) DO UPDATE SET
        version = excluded.version, state = excluded.state, started = excluded.started, ended = excluded.ended,
        reason = excluded.reason, message = excluded.message, deleted = excluded.deleted,
        exit_code = ifnull(exit_code, excluded.exit_code),
        termination_message = ifnull(termination_message, excluded.termination_message),
        template = excluded.template, batch_name = excluded.batch_name, labels = excluded.labels,
        images = ifnull(images, excluded.images), queued_s = excluded.queued_s, ran_s = excluded.ran_s,
        retries = excluded.retries, active = excluded.active, succeeded = excluded.succeeded, failed = excluded.failed,
        completions = excluded.completions, parallelism = excluded.parallelism,
        backoff_limit = excluded.backoff_limit, has_gaps = has_gaps | excluded.has_gaps";

/// A job with what only its status object has.
pub(super) struct RunRow<'a> {
    pub(super) status: &'a Status,
    pub(super) json: Body,
    object: Object,
}

/// A transition that a status object tells.
#[derive(Clone, Copy)]
pub(super) struct Transition<'a> {
    pub(super) time: i64,
    pub(super) state: State,
    pub(super) reason: Option<&'a str>,
    /// The time that identifies the event: that of the condition, which can differ from the end.
    pub(super) event_time: i64,
}

/// The fields of the status object.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Object {
    active: i64,
    succeeded: i64,
    failed: i64,
    completions: Option<i64>,
    parallelism: Option<i64>,
    backoff_limit: Option<i64>,
    template: Option<String>,
    reason: Option<String>,
    message: Option<String>,
    labels: Option<Box<RawValue>>,
    conditions: Vec<Condition>,
}

#[derive(Deserialize)]
struct Condition {
    r#type: String,
    status: String,
    reason: Option<String>,
    last_transition_time: Option<Time>,
}

impl<'a> RunRow<'a> {
    /// Fails with [`rusqlite::Error::ToSqlConversionFailure`] if the status object has a field of another type.
    pub(super) fn new(status: &'a Status) -> rusqlite::Result<Self> {
        let json = status.json();
        let object = serde_json::from_slice(&json).map_err(unreadable)?;
        Ok(Self { status, json, object })
    }

    /// Executes [`UPSERT`].
    pub(super) fn upsert(&self, statement: &mut Statement<'_>, cluster: i64, has_gaps: i64) -> rusqlite::Result<()> {
        let Self { status, object, .. } = self;
        let created = Some(status.created).filter(|created| *created > 0);
        let seconds = |from: Option<i64>, to: Option<i64>| from.zip(to).map(|(from, to)| (to - from).max(0));
        let exit = status.exit();
        let is_member = matches!(status.batch(), Some(Membership::Member { .. }));
        let batch = status.labels().find(|(key, _)| is_member && *key == MEMBER_LABEL).map(|(_, value)| value);
        let retries = (object.failed - i64::from(status.state == State::Failed)).max(0);
        statement.execute(params![
            cluster,
            &*status.uid,
            version(status),
            status.namespace(),
            status.name(),
            status.state.name(),
            status.created,
            status.started_at,
            status.ended_at,
            object.reason,
            object.message,
            status.deleted_at,
            exit.map(|exit| exit.code),
            exit.and_then(|exit| exit.message.as_deref()),
            object.template,
            batch,
            object.labels.as_ref().map_or("{}", |labels| labels.get()),
            status.images(),
            seconds(created, status.started_at),
            seconds(status.started_at, status.ended_at),
            retries,
            object.active,
            object.succeeded,
            object.failed,
            object.completions,
            object.parallelism,
            object.backoff_limit,
            has_gaps,
        ])?;
        Ok(())
    }

    /// Returns the transitions that the object tells, in the order in which a job has them.
    pub(super) fn transitions(&self) -> impl Iterator<Item = Transition<'_>> {
        let Self { status, object, .. } = self;
        let suspended = object.since("Suspended");
        let decided = match status.state {
            State::Completed => object.since("Complete"),
            State::Failed => object.since("Failed"),
            _ => None,
        };
        let at = |time, state| Transition { time, state, reason: None, event_time: time };
        let known = [
            Some(status.created).filter(|created| *created > 0).map(|time| at(time, State::Pending)),
            status.started_at.filter(|_| status.state != State::Pending).map(|time| at(time, State::Running)),
            suspended.map(|(time, reason)| Transition { reason, ..at(time, State::Suspended) }),
            status.ended_at.map(|time| Transition {
                reason: object.reason.as_deref(),
                event_time: decided.map_or(time, |(time, _)| time),
                ..at(time, status.state)
            }),
        ];
        known.into_iter().flatten()
    }
}

impl Object {
    /// Returns since when a condition is true, and why.
    fn since(&self, condition: &str) -> Option<(i64, Option<&str>)> {
        let holds = self.conditions.iter().find(|known| known.r#type == condition && known.status == "True")?;
        let time = holds.last_transition_time.as_ref()?.parse()?.unix_timestamp();
        Some((time, holds.reason.as_deref()))
    }
}

/// Returns the resource version as `SQLite` keeps it. None is that large.
pub(super) fn version(status: &Status) -> i64 {
    status.version.try_into().unwrap_or(i64::MAX)
}
