//! The runs under one name, with their transitions: [`list`]. The last status of a job that is gone: [`last_known`].

use rusqlite::{Connection, Row, Statement};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use crate::history::query::filter::RunFilter;
use crate::history::query::run::{self, Run, Timestamp, Transition, json};
use crate::history::query::runs::list_as;
use crate::history::query::{Bounds, Cursor, Page};
use crate::history::record::unreadable;
use crate::kube::types::Labels;

/// States of the same second are in the order in which a job has them. `gone` is the last, whatever its time.
const TRANSITIONS: &str = "SELECT time, state, reason FROM transitions WHERE run = ?1
    ORDER BY state = 'gone', time,
        CASE state WHEN 'pending' THEN 0 WHEN 'suspended' THEN 1 WHEN 'running' THEN 2 ELSE 3 END";

/// The columns after [`run::COLUMNS`] that a status object has.
const COUNTS: &str = "active, succeeded, failed, completions, parallelism, backoff_limit, version";

/// Returns the runs of a job name after a place, the newest first, each with its transitions.
pub fn list(
    connection: &Connection,
    filter: &RunFilter,
    after: Option<Cursor>,
    limit: usize,
) -> rusqlite::Result<Page<Run>> {
    let mut transitions = connection.prepare(TRANSITIONS)?;
    list_as(connection, filter, after, Bounds::new(limit), run::COLUMNS, |id, row| {
        let read =
            |row: &Row<'_>| Ok(Transition { time: Timestamp(row.get(0)?), state: row.get(1)?, reason: row.get(2)? });
        let transitions = transitions.query_map([id], read)?.collect::<rusqlite::Result<_>>()?;
        Ok(Some(Run { transitions: Some(transitions), ..Run::read(&filter.cluster, row)? }))
    })
}

/// The status object of a job that is gone: the fields that the history keeps.
#[derive(Serialize)]
struct LastKnown {
    cluster: String,
    job_name: String,
    namespace: String,
    state: String,
    active: i64,
    succeeded: i64,
    failed: i64,
    start_time: Option<Timestamp>,
    /// None of a failed job, as in Kubernetes.
    completion_time: Option<Timestamp>,
    completions: Option<i64>,
    parallelism: Option<i64>,
    backoff_limit: Option<i64>,
    template: Option<String>,
    reason: Option<String>,
    message: Option<String>,
    exit_code: Option<i32>,
    termination_message: Option<String>,
    creation_timestamp: Timestamp,
    uid: String,
    resource_version: String,
    labels: Box<RawValue>,
    gone: bool,
}

impl LastKnown {
    fn read(cluster: &str, row: &Row<'_>, with_exit: bool) -> rusqlite::Result<Self> {
        let run = Run::read(cluster, row)?;
        let first = run::COLUMNS.split(',').count();
        Ok(Self {
            active: row.get(first)?,
            succeeded: row.get(first + 1)?,
            failed: row.get(first + 2)?,
            completions: row.get(first + 3)?,
            parallelism: row.get(first + 4)?,
            backoff_limit: row.get(first + 5)?,
            resource_version: row.get::<_, i64>(first + 6)?.to_string(),
            completion_time: run.completion_time.filter(|_| run.state == "completed"),
            cluster: run.cluster,
            job_name: run.job_name,
            namespace: run.namespace,
            state: run.state,
            start_time: run.start_time,
            template: run.template,
            reason: run.reason,
            message: run.message,
            exit_code: run.exit_code.filter(|_| with_exit),
            termination_message: run.termination_message.filter(|_| with_exit),
            creation_timestamp: run.creation_timestamp,
            uid: run.uid,
            labels: run.labels,
            gone: true,
        })
    }
}

/// Reads runs that are gone, for the webhooks. The statements are prepared once.
#[derive(Debug)]
pub(in crate::history) struct GoneRuns<'c> {
    find: Statement<'c>,
    status: Statement<'c>,
}

/// The part of a run that decides which endpoints get its event.
#[derive(Debug)]
pub(in crate::history) struct GoneRun {
    pub(in crate::history) uid: String,
    pub(in crate::history) namespace: String,
    pub(in crate::history) job_name: String,
    pub(in crate::history) labels: Labels,
}

impl<'c> GoneRuns<'c> {
    pub(in crate::history) fn prepare(connection: &'c Connection) -> rusqlite::Result<Self> {
        let status = ["SELECT ", run::COLUMNS, ", ", COUNTS, " FROM runs WHERE id = ?1"].concat();
        Ok(Self {
            find: connection.prepare("SELECT uid, namespace, job_name, labels FROM runs WHERE id = ?1")?,
            status: connection.prepare(&status)?,
        })
    }

    pub(in crate::history) fn find(&mut self, id: i64) -> rusqlite::Result<GoneRun> {
        self.find.query_row([id], |row| {
            Ok(GoneRun { uid: row.get(0)?, namespace: row.get(1)?, job_name: row.get(2)?, labels: json(row, 3)? })
        })
    }

    /// As [`last_known`], of one run.
    pub(in crate::history) fn status(&mut self, cluster: &str, id: i64) -> rusqlite::Result<Box<RawValue>> {
        self.status.query_row([id], |row| to_raw_value(&LastKnown::read(cluster, row, true)?).map_err(unreadable))
    }
}

/// Returns the status object of the newest run, with `gone: true`. It has the fields that the history keeps. The caller
/// knows that the job is gone; the history may not know it yet.
pub fn last_known(
    connection: &Connection,
    filter: &RunFilter,
    with_exit: bool,
) -> rusqlite::Result<Option<Box<RawValue>>> {
    let columns = [run::COLUMNS, COUNTS].join(", ");
    let page = list_as(connection, filter, None, Bounds::new(1), &columns, |_, row| {
        LastKnown::read(&filter.cluster, row, with_exit).map(Some)
    })?;
    let status = page.rows.first().map(to_raw_value).transpose();
    status.map_err(unreadable)
}
