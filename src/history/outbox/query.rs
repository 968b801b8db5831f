//! The queries about deliveries.

use std::collections::HashSet;

use rusqlite::{Connection, Error, OptionalExtension, Row, params};
use serde::Serialize;

use crate::history::outbox::requests::Scope;
use crate::history::query::filter::are_equal;
use crate::history::query::run::Timestamp;
use crate::history::query::{Bounds, Cursor, Page, page};

/// Excludes nothing by its time, so that the first row that is not due yet is found.
const DUE: &str = "SELECT id, next_attempt, attempts, event FROM deliveries INDEXED BY deliveries_due
    WHERE webhook = ?1 AND state = 'pending' ORDER BY next_attempt, id";

/// The number and the oldest. The index has both.
const PENDING: &str = "SELECT count(*), min(written) FROM deliveries INDEXED BY deliveries_pending
    WHERE webhook = ?1 AND state = 'pending'";

const PENDING_OF_SCOPE: &str = "SELECT d.written, cluster, namespace
    FROM deliveries d INDEXED BY deliveries_pending CROSS JOIN events ON events.id = event
    WHERE webhook = ?1 AND state = 'pending' ORDER BY d.written";

/// A delivery whose time has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    pub id: i64,
    /// The webhook-id.
    pub message_id: String,
    pub body: String,
    /// The attempts that were made.
    pub attempts: u32,
}

/// The deliveries of an endpoint that are due, the longest due first.
#[derive(Clone, Debug, Default)]
pub struct DueDeliveries {
    pub deliveries: Vec<Due>,
    /// When the next one is due that is not among them, in milliseconds since 1970. `None` if there is none.
    pub next: Option<i64>,
}

/// Returns the deliveries that are due, except those with these ids.
pub fn due(
    connection: &Connection,
    webhook: &str,
    now: i64,
    except: &[i64],
    limit: usize,
) -> rusqlite::Result<DueDeliveries> {
    let except: HashSet<i64> = except.iter().copied().collect();
    let mut by_time = connection.prepare(DUE)?;
    let mut by_id = connection.prepare("SELECT message_id, body FROM events WHERE id = ?1")?;
    let mut rows = by_time.query([webhook])?;
    let mut due = DueDeliveries::default();
    while let Some(row) = rows.next()? {
        let (id, next_attempt) = (row.get(0)?, row.get(1)?);
        if except.contains(&id) {
            continue;
        }
        if next_attempt > now || due.deliveries.len() == limit {
            due.next = Some(next_attempt);
            break;
        }
        let (message_id, body) =
            by_id.query_row([row.get::<_, i64>(3)?], |event| Ok((event.get(0)?, event.get(1)?)))?;
        due.deliveries.push(Due { id, message_id, body, attempts: row.get(2)? });
    }
    Ok(due)
}

/// The deliveries of an endpoint, in numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    pub pending: u64,
    /// When the event of the oldest pending delivery was written.
    pub oldest_pending: Option<Timestamp>,
    pub has_last_failed: bool,
    pub last_status: Option<u16>,
    pub last_success: Option<Timestamp>,
}

/// Returns the summary of an endpoint. Only deliveries of the scope count as pending.
pub fn summary(connection: &Connection, webhook: &str, scope: &Scope) -> rusqlite::Result<Summary> {
    let note = "SELECT last_status, last_success, last_success IS NOT last_attempt FROM webhooks WHERE name = ?1";
    let last = connection.query_row(note, [webhook], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    let (last_status, last_success, has_last_failed) = last.optional()?.unwrap_or_default();
    let (mut pending, mut oldest) = (0, None::<i64>);
    if scope.is_all() {
        let read = |row: &Row<'_>| Ok((row.get::<_, u32>(0)?.into(), row.get(1)?));
        (pending, oldest) = connection.query_row(PENDING, [webhook], read)?;
    } else {
        let mut statement = connection.prepare(PENDING_OF_SCOPE)?;
        let mut rows = statement.query([webhook])?;
        while let Some(row) = rows.next()? {
            if scope.covers(row.get_ref(1)?.as_str()?, row.get_ref(2)?.as_str()?) {
                pending += 1;
                oldest = oldest.or(row.get(0)?);
            }
        }
    }
    Ok(Summary {
        pending,
        oldest_pending: oldest.map(in_seconds),
        has_last_failed,
        last_status,
        last_success: Option::map(last_success, in_seconds),
    })
}

fn in_seconds(milliseconds: i64) -> Timestamp {
    Timestamp(milliseconds.div_euclid(1000))
}

/// A delivery, as list-deliveries shows it.
#[derive(Debug, Serialize)]
pub struct Delivery {
    /// The webhook-id.
    pub delivery_id: String,
    pub webhook: String,
    pub r#type: String,
    pub cluster: String,
    pub namespace: String,
    /// Of an event of a job.
    pub job_name: Option<String>,
    /// Of an event of a batch.
    pub batch_name: Option<String>,
    /// `pending`, `delivered` or `failed`.
    pub state: String,
    pub attempts: u32,
    /// The time of the event, as the cluster writes it. By our clock for job.deleted without a deletionTimestamp.
    pub timestamp: Timestamp,
    pub created_time: Timestamp,
    pub last_attempt: Option<Timestamp>,
    pub next_attempt: Option<Timestamp>,
    pub last_status: Option<u16>,
    pub last_error: Option<String>,
}

/// The deliveries that list-deliveries shows.
#[derive(Clone, Debug, Default)]
pub struct DeliveryFilter {
    pub webhook: Option<String>,
    pub state: Option<String>,
    /// In milliseconds since 1970, of the writing.
    pub since: Option<i64>,
    pub scope: Scope,
}

/// Returns the deliveries after a place, the newest first.
pub fn list(
    connection: &Connection,
    filter: &DeliveryFilter,
    after: Option<Cursor>,
    limit: usize,
) -> rusqlite::Result<Page<Delivery>> {
    list_bounded(connection, filter, after, Bounds::new(limit))
}

fn list_bounded(
    connection: &Connection,
    filter: &DeliveryFilter,
    after: Option<Cursor>,
    bounds: Bounds,
) -> rusqlite::Result<Page<Delivery>> {
    let mut deliveries = connection.prepare(&filter.sql())?;
    let mut by_id =
        connection.prepare("SELECT cluster, namespace, type, object, time, message_id FROM events WHERE id = ?1")?;
    let start = Cursor::start(after, None);
    let since = filter.since.unwrap_or(i64::MIN);
    page(deliveries.query(params![filter.webhook, since, start.time, start.id])?, bounds, |row| {
        if !are_equal(row, 3, &[&filter.state])? {
            return Ok(None);
        }
        let mut events = by_id.query([row.get::<_, i64>(2)?])?;
        match events.next()? {
            Some(event) if filter.scope.covers(event.get_ref(0)?.as_str()?, event.get_ref(1)?.as_str()?) => {
                Delivery::read(row, event).map(Some)
            }
            _ => Ok(None),
        }
    })
}

impl DeliveryFilter {
    /// Reads by the index that has the fewest rows. The state is tested by the caller, so that each row counts.
    fn sql(&self) -> String {
        let (index, condition) = match (&self.webhook, self.state.as_deref()) {
            (Some(_), Some("pending")) => ("deliveries_pending", "webhook = ?1 AND state = 'pending'"),
            (Some(_), Some("failed")) => ("deliveries_failed", "webhook = ?1 AND state = 'failed'"),
            (Some(_), _) => ("deliveries_by_webhook", "webhook = ?1"),
            (None, _) => ("deliveries_by_written", "?1 IS NULL"),
        };
        format!(
            "SELECT id, written, event, state, webhook, attempts, next_attempt, last_attempt, last_status, last_error
             FROM deliveries INDEXED BY {index}
             WHERE {condition} AND written >= ?2 AND (written, id) < (?3, ?4) ORDER BY written DESC, id DESC"
        )
    }
}

impl Delivery {
    fn read(row: &Row<'_>, event: &Row<'_>) -> rusqlite::Result<Self> {
        let time = |at| Ok::<_, Error>(row.get::<_, Option<i64>>(at)?.map(in_seconds));
        let (r#type, object): (String, String) = (event.get(2)?, event.get(3)?);
        let (job_name, batch_name) =
            if r#type.starts_with("batch.") { (None, Some(object)) } else { (Some(object), None) };
        Ok(Self {
            delivery_id: event.get(5)?,
            webhook: row.get(4)?,
            r#type,
            cluster: event.get(0)?,
            namespace: event.get(1)?,
            job_name,
            batch_name,
            state: row.get(3)?,
            attempts: row.get(5)?,
            timestamp: Timestamp(event.get(4)?),
            created_time: in_seconds(row.get(1)?),
            last_attempt: time(7)?,
            next_attempt: time(6)?,
            last_status: row.get(8)?,
            last_error: row.get(9)?,
        })
    }
}

#[cfg(test)]
#[path = "tests/query_tests.rs"]
mod tests;
