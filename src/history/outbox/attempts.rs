//! Writes the attempts to deliver: [`Attempts`].

use rusqlite::{Connection, OptionalExtension, Row, Statement, params};

use crate::history::outbox::pending::Pending;
use crate::history::outbox::requests::{Attempt, Next};

/// The row may have changed since it was read: it is due again, or has another attempt. The file may be another one, in
/// which the id belongs to another message. An attempt that is written twice has the same time.
const FIND: &str = "SELECT webhook, state = 'pending', attempts = ?3 OR (attempts = ?3 + 1 AND last_attempt = ?4)
    FROM deliveries d CROSS JOIN events ON events.id = event WHERE d.id = ?1 AND message_id = ?2";

/// An attempt has one time, so that it counts once if it is written twice.
const UPDATE: &str = "UPDATE deliveries SET state = ?2, next_attempt = iif(?3, next_attempt, ?4),
        attempts = attempts + (last_attempt IS NOT ?5 AND NOT ?3), last_attempt = ?5, last_status = ?6, last_error = ?7
    WHERE id = ?1";

/// An older attempt may be written later.
const NOTE: &str = "INSERT INTO webhooks (name, last_attempt, last_status, last_success)
    VALUES (?1, ?2, ?3, iif(?4, ?2, NULL))
    ON CONFLICT (name) DO UPDATE SET last_attempt = max(last_attempt, ?2),
        last_status = iif(?2 >= last_attempt, ?3, last_status),
        last_success = iif(?4, max(ifnull(last_success, ?2), ?2), last_success)";

#[derive(Debug)]
pub(super) struct Attempts<'c> {
    find: Statement<'c>,
    update: Statement<'c>,
    /// Notes the last attempt of the endpoint.
    note: Statement<'c>,
}

impl<'c> Attempts<'c> {
    pub(super) fn prepare(connection: &'c Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            find: connection.prepare(FIND)?,
            update: connection.prepare(UPDATE)?,
            note: connection.prepare(NOTE)?,
        })
    }

    /// A delivery that was dropped or made due again meanwhile stays so, unless the attempt has delivered it.
    pub(super) fn write(&mut self, attempt: &Attempt, pending: &mut Pending<'_>) -> rusqlite::Result<()> {
        let Attempt { delivery, message_id, attempts, time, status, error, next } = attempt;
        let read = |row: &Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, bool>(1)?, row.get::<_, bool>(2)?));
        let found = self.find.query_row(params![delivery, message_id, attempts, time], read).optional()?;
        let Some((webhook, is_pending, is_as_read)) = found else { return Ok(()) };
        let (state, next_attempt) = match next {
            Next::Delivered => ("delivered", None),
            Next::Failed => ("failed", None),
            Next::Retry(time) => ("pending", Some(time)),
            Next::Keep => ("pending", None),
        };
        let (is_delivered, is_kept) = (*next == Next::Delivered, *next == Next::Keep);
        self.note.execute(params![webhook, time, status, is_delivered])?;
        if !(is_delivered || (is_pending && is_as_read)) {
            return Ok(());
        }
        if is_pending && state != "pending" {
            pending.change(&webhook, |count| count.saturating_sub(1))?;
        }
        self.update.execute(params![delivery, state, is_kept, next_attempt, time, status, error])?;
        Ok(())
    }
}
