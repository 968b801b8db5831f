//! Writes events and their deliveries, and what becomes of them: [`Outbox`].

use std::collections::BTreeMap;
use std::mem;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Statement, params};
use serde_json::value::RawValue;

use crate::config::moment;
use crate::history::outbox::attempts::Attempts;
use crate::history::outbox::batches::BatchEnds;
use crate::history::outbox::event::{Event, EventType, Subscriptions};
use crate::history::outbox::message::{EventTime, Message};
use crate::history::outbox::pending::Pending;
use crate::history::outbox::redelivery::Redeliveries;
use crate::history::outbox::requests::{Attempt, RedeliverError, Redelivery};
use crate::history::record::BatchEnd;
use crate::jobs::status::Status;

/// The most pending deliveries of an endpoint.
const MAX_PENDING: u64 = 10_000;

/// A failed job whose exit code is not known yet waits this long for it, in milliseconds.
const EXIT_WAIT: i64 = 500;

/// Which endpoints get events, and how many deliveries of one may be pending.
#[derive(Clone, Debug)]
pub(in crate::history) struct OutboxConfig {
    pub(in crate::history) subscriptions: Arc<dyn Subscriptions>,
    pub(in crate::history) max_pending: u64,
}

impl OutboxConfig {
    pub(in crate::history) fn new(subscriptions: Arc<dyn Subscriptions>) -> Self {
        Self { subscriptions, max_pending: MAX_PENDING }
    }
}

/// The changes of a transaction.
#[derive(Debug, Default)]
pub(in crate::history) struct News {
    /// Whether deliveries are new, or due again.
    pub(in crate::history) is_due: bool,
    /// How many deliveries of each endpoint failed because too many were pending.
    pub(in crate::history) dropped: BTreeMap<Arc<str>, u64>,
}

/// The statements that write events and deliveries. They are prepared once.
#[derive(Debug)]
pub(in crate::history) struct Outbox<'c> {
    connection: &'c Connection,
    subscriptions: Arc<dyn Subscriptions>,
    /// Whether this transaction makes deliveries due.
    is_due: bool,
    pending: Pending<'c>,
    attempts: Attempts<'c>,
    redeliveries: Redeliveries<'c>,
    batch_ends: BatchEnds<'c>,
    add_event: Statement<'c>,
    add_delivery: Statement<'c>,
    change_body: Statement<'c>,
    hasten: Statement<'c>,
}

impl<'c> Outbox<'c> {
    pub(in crate::history) fn prepare(connection: &'c Connection, config: &OutboxConfig) -> rusqlite::Result<Self> {
        Ok(Self {
            connection,
            subscriptions: Arc::clone(&config.subscriptions),
            is_due: false,
            pending: Pending::prepare(connection, config.max_pending)?,
            attempts: Attempts::prepare(connection)?,
            redeliveries: Redeliveries::prepare(connection)?,
            batch_ends: BatchEnds::prepare(connection)?,
            add_event: connection.prepare(
                "INSERT OR IGNORE INTO events (message_id, type, cluster, namespace, object, time, written, body)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )?,
            add_delivery: connection.prepare(
                "INSERT INTO deliveries (event, webhook, state, written, next_attempt)
                 VALUES (?1, ?2, 'pending', ?3, ?4)",
            )?,
            change_body: connection.prepare(
                "UPDATE events SET body = ?2 WHERE message_id = ?1
                    AND NOT EXISTS (SELECT 1 FROM deliveries WHERE event = events.id AND attempts > 0) RETURNING id",
            )?,
            hasten: connection
                .prepare("UPDATE deliveries SET next_attempt = ?2 WHERE event = ?1 AND next_attempt > ?2")?,
        })
    }

    /// As [`Outbox::add`], of a job.
    pub(in crate::history) fn add_of_job(
        &mut self,
        cluster: &str,
        status: &Status,
        event_type: EventType,
        time: EventTime,
        data: &RawValue,
    ) -> rusqlite::Result<()> {
        let labels: Vec<_> = status.labels().collect();
        let pause = if event_type == EventType::JobFailed && status.exit().is_none() { EXIT_WAIT } else { 0 };
        self.add_after(&message_of_job(cluster, status, &labels, event_type, time, data), pause)
    }

    /// Adds the exit code to the event of a failed job, if there is one and it is not sent.
    pub(in crate::history) fn add_exit(
        &mut self,
        cluster: &str,
        status: &Status,
        time: EventTime,
        data: &RawValue,
    ) -> rusqlite::Result<()> {
        let message = message_of_job(cluster, status, &[], EventType::JobFailed, time, data);
        let changed = self.change_body.query_row(params![message.id(), message.body()?], |row| row.get::<_, i64>(0));
        if let Some(event) = changed.optional()? {
            self.is_due |= self.hasten.execute([event, moment::now()])? > 0;
        }
        Ok(())
    }

    /// Writes an event that an endpoint wants, with its deliveries. Does nothing if the event was written before.
    pub(in crate::history) fn add(&mut self, message: &Message<'_>) -> rusqlite::Result<()> {
        self.add_after(message, 0)
    }

    /// As [`Outbox::add`], with a pause before the first attempt.
    fn add_after(&mut self, message: &Message<'_>, pause: i64) -> rusqlite::Result<()> {
        let Event { event_type, cluster, namespace, .. } = message.event;
        let endpoints = self.subscriptions.endpoints(&message.event);
        if endpoints.is_empty() {
            return Ok(());
        }
        let (id, body, written) = (message.id(), message.body()?, moment::now());
        let columns =
            params![id, event_type.name(), cluster, namespace, message.object, message.time.seconds(), written, body];
        if self.add_event.execute(columns)? == 0 {
            return Ok(());
        }
        let event = self.connection.last_insert_rowid();
        for webhook in &endpoints {
            self.pending.add(webhook)?;
            self.add_delivery.execute(params![event, webhook, written, written.saturating_add(pause)])?;
        }
        self.is_due = true;
        Ok(())
    }

    /// Writes the ends of batches that are new. The first ones of a cluster make no events.
    pub(in crate::history) fn add_batch_ends(
        &mut self,
        (cluster, cluster_name): (i64, &str),
        ends: &[BatchEnd],
        is_too_old: impl Fn(i64) -> bool,
    ) -> rusqlite::Result<()> {
        let are_first = self.batch_ends.are_first(cluster)?;
        for end in ends.iter().filter(|end| !is_too_old(end.time)) {
            // A batch whose status cannot be read is left out.
            let Ok(data) = serde_json::from_str::<&RawValue>(&end.json) else { continue };
            let Some(event_type) = self.batch_ends.add(cluster, end)? else { continue };
            if are_first {
                continue;
            }
            let labels: Vec<_> = end.labels.iter().map(|(key, value)| (&**key, &**value)).collect();
            let (namespace, notify) = (&*end.namespace, end.notify.as_deref());
            let event = Event { event_type, cluster: cluster_name, namespace, labels: &labels, notify };
            self.add(&Message { event, uid: &end.uid, object: &end.name, time: EventTime::Told(end.time), data })?;
        }
        Ok(())
    }

    pub(in crate::history) fn write_attempt(&mut self, attempt: &Attempt) -> rusqlite::Result<()> {
        self.attempts.write(attempt, &mut self.pending)
    }

    pub(in crate::history) fn redeliver(
        &mut self,
        redelivery: &Redelivery,
    ) -> rusqlite::Result<Result<u64, RedeliverError>> {
        let redelivered = self.redeliveries.write(redelivery, &mut self.pending, moment::now())?;
        self.is_due |= redelivered.is_ok_and(|number| number > 0);
        Ok(redelivered)
    }

    /// Is called after a commit.
    pub(in crate::history) fn take_news(&mut self) -> News {
        News { is_due: mem::take(&mut self.is_due), dropped: self.pending.take_dropped() }
    }

    /// Is called after pending deliveries were deleted.
    pub(in crate::history) fn recount(&mut self) {
        self.pending.recount();
    }

    /// Is called after a transaction that failed.
    pub(in crate::history) fn forget(&mut self) {
        self.is_due = false;
        self.pending.forget();
    }
}

fn message_of_job<'a>(
    cluster: &'a str,
    status: &'a Status,
    labels: &'a [(&'a str, &'a str)],
    event_type: EventType,
    time: EventTime,
    data: &'a RawValue,
) -> Message<'a> {
    let event = Event { event_type, cluster, namespace: status.namespace(), labels, notify: status.notify() };
    Message { event, uid: &status.uid, object: status.name(), time, data }
}
