//! Writes the ends of batches, each once: [`BatchEnds`].

use rusqlite::{Connection, Statement, params};

use crate::history::outbox::event::EventType;
use crate::history::record::BatchEnd;
use crate::jobs::batches::state::BatchState;

#[derive(Debug)]
pub(super) struct BatchEnds<'c> {
    know: Statement<'c>,
    are_known: Statement<'c>,
    has_ended: Statement<'c>,
    add: Statement<'c>,
}

impl<'c> BatchEnds<'c> {
    pub(super) fn prepare(connection: &'c Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            know: connection.prepare("UPDATE clusters SET knows_batches = 1 WHERE id = ?1")?,
            are_known: connection.prepare("SELECT 1 FROM clusters WHERE id = ?1 AND knows_batches = 1")?,
            has_ended: connection.prepare(
                "SELECT 1 FROM batch_ends WHERE cluster = ?1 AND uid = ?2 AND (state <> 'incomplete' OR time >= ?3)",
            )?,
            add: connection
                .prepare("INSERT OR IGNORE INTO batch_ends (cluster, uid, state, time) VALUES (?1, ?2, ?3, ?4)")?,
        })
    }

    /// Notes that all batches of the cluster that had ended are written.
    pub(super) fn know(&mut self, cluster: i64) -> rusqlite::Result<()> {
        self.know.execute([cluster]).map(drop)
    }

    pub(super) fn are_known(&mut self, cluster: i64) -> rusqlite::Result<bool> {
        self.are_known.exists([cluster])
    }

    /// Returns the event of an end that is new. Members that are deleted after the end make a batch incomplete, or an
    /// incomplete one end earlier: that makes no event.
    pub(super) fn add(&mut self, cluster: i64, end: &BatchEnd) -> rusqlite::Result<Option<EventType>> {
        let event_type = match end.state {
            BatchState::Completed => EventType::BatchCompleted,
            BatchState::Failed => EventType::BatchFailed,
            BatchState::Incomplete => EventType::BatchIncomplete,
            BatchState::Running | BatchState::Suspended | BatchState::Deleting => return Ok(None),
        };
        let is_incomplete = end.state == BatchState::Incomplete;
        if is_incomplete && self.has_ended.exists(params![cluster, end.uid, end.time])? {
            return Ok(None);
        }
        let is_new = self.add.execute(params![cluster, end.uid, end.state.name(), end.time])? > 0;
        Ok(is_new.then_some(event_type))
    }
}
