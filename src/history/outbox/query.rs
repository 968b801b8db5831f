//! The queries about deliveries.

use rusqlite::Connection;
use serde::Serialize;

use crate::history::outbox::requests::Scope;
use crate::history::query::run::Timestamp;
use crate::history::query::{Cursor, Page};

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
    let _ = (connection, webhook, now, except, limit);
    Ok(DueDeliveries::default())
}

/// What the outbox knows of an endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    pub pending: u64,
    /// When the event of the oldest pending delivery was written.
    pub oldest_pending: Option<Timestamp>,
    /// Whether the last attempt has failed, and a delivery waits for its next one.
    pub is_retrying: bool,
    pub last_status: Option<u16>,
    pub last_success: Option<Timestamp>,
}

/// Returns the summary of an endpoint. Only deliveries of the scope count as pending.
pub fn summary(connection: &Connection, webhook: &str, scope: &Scope) -> rusqlite::Result<Summary> {
    let _ = (connection, webhook, scope);
    Ok(Summary::default())
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
    /// The time of the event, as the cluster tells it.
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
    let _ = (connection, filter, after, limit);
    Ok(Page { rows: Vec::new(), next: None })
}
