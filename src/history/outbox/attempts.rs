//! Writes the attempts to deliver: [`Attempts`].

use rusqlite::{Connection, OptionalExtension, Statement, params};

use crate::history::outbox::pending::Pending;
use crate::history::outbox::requests::{Attempt, Next};

/// An attempt has one time, so that it counts once if it is written twice.
const UPDATE: &str = "UPDATE deliveries SET state = ?2, next_attempt = iif(?3, next_attempt, ?4),
        attempts = attempts + (last_attempt IS NOT ?5 AND NOT ?3), last_attempt = ?5, last_status = ?6, last_error = ?7
    WHERE id = ?1";

const NOTE: &str = "INSERT INTO webhooks (name, last_attempt, last_status, last_success)
    VALUES (?1, ?2, ?3, iif(?4, ?2, NULL))
    ON CONFLICT (name) DO UPDATE SET last_attempt = ?2, last_status = ?3, last_success = iif(?4, ?2, last_success)";

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
            find: connection.prepare("SELECT webhook, state = 'pending' FROM deliveries WHERE id = ?1")?,
            update: connection.prepare(UPDATE)?,
            note: connection.prepare(NOTE)?,
        })
    }

    /// A delivery that was dropped meanwhile stays so, unless the attempt has delivered it.
    pub(super) fn write(&mut self, attempt: &Attempt, pending: &mut Pending<'_>) -> rusqlite::Result<()> {
        let Attempt { delivery, time, status, error, next } = attempt;
        let found = self.find.query_row([delivery], |row| Ok((row.get::<_, String>(0)?, row.get::<_, bool>(1)?)));
        let Some((webhook, is_pending)) = found.optional()? else { return Ok(()) };
        let (state, next_attempt) = match next {
            Next::Delivered => ("delivered", None),
            Next::Failed => ("failed", None),
            Next::Retry(time) => ("pending", Some(time)),
            Next::Keep => ("pending", None),
        };
        let (is_delivered, is_kept) = (*next == Next::Delivered, *next == Next::Keep);
        self.note.execute(params![webhook, time, status, is_delivered])?;
        if is_pending && state != "pending" {
            pending.change(&webhook, |count| count.saturating_sub(1))?;
        }
        if is_pending || is_delivered {
            self.update.execute(params![delivery, state, is_kept, next_attempt, time, status, error])?;
        }
        Ok(())
    }
}
