//! Makes deliveries due again: [`Redeliveries`].

use std::collections::BTreeMap;

use rusqlite::{Connection, Row, Statement, params};

use crate::history::outbox::pending::Pending;
use crate::history::outbox::requests::{RedeliverError, Redelivery, Which};

const SINCE: &str = "SELECT d.id, webhook, state = 'pending', cluster, namespace
    FROM deliveries d INDEXED BY deliveries_by_webhook CROSS JOIN events ON events.id = event
    WHERE webhook = ?1 AND d.written >= ?2";

const OF_MESSAGE: &str = "SELECT d.id, webhook, state = 'pending', cluster, namespace
    FROM events CROSS JOIN deliveries d ON event = events.id
    WHERE message_id = ?1 AND webhook = ifnull(?2, webhook)";

#[derive(Debug)]
pub(super) struct Redeliveries<'c> {
    since: Statement<'c>,
    of_message: Statement<'c>,
    update: Statement<'c>,
    /// The most rows that are read.
    max_rows: u64,
}

/// A delivery to send again.
struct Found {
    id: i64,
    webhook: String,
    is_pending: bool,
}

impl<'c> Redeliveries<'c> {
    pub(super) fn prepare(connection: &'c Connection, max_rows: u64) -> rusqlite::Result<Self> {
        Ok(Self {
            since: connection.prepare(SINCE)?,
            of_message: connection.prepare(OF_MESSAGE)?,
            update: connection.prepare(
                "UPDATE deliveries SET state = 'pending', attempts = 0, next_attempt = ?2, last_error = NULL
                 WHERE id = ?1",
            )?,
            max_rows,
        })
    }

    /// Returns how many deliveries are due again. Those that are pending already are among them.
    pub(super) fn write(
        &mut self,
        redelivery: &Redelivery,
        pending: &mut Pending<'_>,
        now: i64,
    ) -> rusqlite::Result<Result<u64, RedeliverError>> {
        let Some(found) = self.find(redelivery)? else {
            let room = if let Which::Since { webhook, .. } = &redelivery.which { pending.room(webhook)? } else { 0 };
            return Ok(Err(RedeliverError::TooMany { matching: self.max_rows, room }));
        };
        let mut more: BTreeMap<&str, u64> = BTreeMap::new();
        for delivery in found.iter().filter(|delivery| !delivery.is_pending) {
            *more.entry(&delivery.webhook).or_default() += 1;
        }
        for (webhook, matching) in &more {
            let room = pending.room(webhook)?;
            if *matching > room {
                return Ok(Err(RedeliverError::TooMany { matching: *matching, room }));
            }
        }
        for (webhook, matching) in &more {
            pending.change(webhook, |count| count + matching)?;
        }
        for delivery in &found {
            self.update.execute([delivery.id, now])?;
        }
        Ok(Ok(found.len().try_into().unwrap_or(u64::MAX)))
    }

    /// Returns `None` if there are too many rows to read them in one transaction.
    fn find(&mut self, redelivery: &Redelivery) -> rusqlite::Result<Option<Vec<Found>>> {
        let mut rows = match &redelivery.which {
            Which::Since { webhook, time } => self.since.query(params![webhook, time])?,
            Which::Message { id, webhook } => self.of_message.query(params![id, webhook])?,
        };
        let mut found = Vec::new();
        for _ in 0..self.max_rows {
            let Some(row) = rows.next()? else { return Ok(Some(found)) };
            found.extend(selected(row, redelivery)?);
        }
        Ok(None)
    }
}

fn selected(row: &Row<'_>, redelivery: &Redelivery) -> rusqlite::Result<Option<Found>> {
    let webhook: String = row.get(1)?;
    let is_in_scope = redelivery.scope.covers(row.get_ref(3)?.as_str()?, row.get_ref(4)?.as_str()?);
    let is_selected = is_in_scope && redelivery.endpoints.contains(&webhook);
    Ok(is_selected.then_some(Found { id: row.get(0)?, webhook, is_pending: row.get(2)? }))
}
