//! A run of a job, as replies show it: [`Run`].

use rusqlite::types::Type;
use rusqlite::{Error, Row};
use serde::de::DeserializeOwned;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A time in seconds since 1970. It is serialized with a numeric offset, and as null outside of the years 0 to 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Returns the time as replies show it, such as `2026-11-29T10:00:00+00:00`.
    pub fn text(self) -> Option<String> {
        let utc = OffsetDateTime::from_unix_timestamp(self.0).ok()?.format(&Rfc3339).ok()?;
        Some([utc.strip_suffix('Z')?, "+00:00"].concat())
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.text().serialize(serializer)
    }
}

#[derive(Debug, Serialize)]
pub struct Run {
    pub cluster: String,
    pub job_name: String,
    pub namespace: String,
    pub uid: String,
    pub state: String,
    pub reason: Option<String>,
    pub message: Option<String>,
    pub exit_code: Option<i32>,
    pub termination_message: Option<String>,
    pub images: Option<Box<RawValue>>,
    pub template: Option<String>,
    pub batch_name: Option<String>,
    pub labels: Box<RawValue>,
    pub creation_timestamp: Timestamp,
    pub start_time: Option<Timestamp>,
    /// Also that of a failed run.
    pub completion_time: Option<Timestamp>,
    pub gone_time: Option<Timestamp>,
    pub queued_ms: Option<i64>,
    pub ran_ms: Option<i64>,
    pub retries: i64,
    pub caller: Option<String>,
    pub request_id: Option<String>,
    pub has_gaps: bool,
    /// Only in get-job-history.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transitions: Option<Vec<Transition>>,
}

#[derive(Debug, Serialize)]
pub struct Transition {
    pub time: Timestamp,
    pub state: String,
    pub reason: Option<String>,
}

/// The columns that [`Run::read`] reads. The first four are those of [`super::filter::RunFilter::matches_row`].
pub(in crate::history) const COLUMNS: &str = "uid, job_name, batch_name, labels, namespace, state, reason, message, exit_code, \
    termination_message, images, template, created, started, ended, gone, queued_s, ran_s, retries, caller, request_id, \
    has_gaps";

impl Run {
    pub(in crate::history) fn read(cluster: &str, row: &Row<'_>) -> rusqlite::Result<Self> {
        let time = |at| Ok::<_, Error>(row.get::<_, Option<i64>>(at)?.map(Timestamp));
        let milliseconds =
            |at| Ok::<_, Error>(row.get::<_, Option<i64>>(at)?.map(|seconds| seconds.saturating_mul(1000)));
        Ok(Self {
            cluster: cluster.to_owned(),
            uid: row.get(0)?,
            job_name: row.get(1)?,
            batch_name: row.get(2)?,
            labels: json(row, 3)?,
            namespace: row.get(4)?,
            state: row.get(5)?,
            reason: row.get(6)?,
            message: row.get(7)?,
            exit_code: row.get(8)?,
            termination_message: row.get(9)?,
            images: json(row, 10)?,
            template: row.get(11)?,
            creation_timestamp: Timestamp(row.get(12)?),
            start_time: time(13)?,
            completion_time: time(14)?,
            gone_time: time(15)?,
            queued_ms: milliseconds(16)?,
            ran_ms: milliseconds(17)?,
            retries: row.get(18)?,
            caller: row.get(19)?,
            request_id: row.get(20)?,
            has_gaps: row.get(21)?,
            transitions: None,
        })
    }
}

/// Parses a column. NULL counts as null.
pub(super) fn json<T: DeserializeOwned>(row: &Row<'_>, at: usize) -> rusqlite::Result<T> {
    let text = row.get_ref(at)?.as_str_or_null()?.unwrap_or("null");
    serde_json::from_str(text).map_err(|error| Error::FromSqlConversionFailure(at, Type::Text, Box::new(error)))
}
