//! Writes a run with its transitions and their events: [`Tables::run`].

use rusqlite::{OptionalExtension, Row, params};

use crate::history::outbox::event::EventType;
use crate::history::outbox::message::{EventTime, raw};
use crate::history::record::ListReason;
use crate::history::store::apply::{Cluster, Gone, Source, Tables};
use crate::history::store::run_row::{RunRow, Transition, version};
use crate::jobs::state::State;
use crate::jobs::status::Status;

/// Records of the run were dropped.
const DROPPED: i64 = 1;
/// The run is gone, and its end was not seen.
pub(super) const END_UNSEEN: i64 = 2;

/// The part of a known run that decides about a record.
struct Known {
    id: i64,
    version: i64,
    is_gone: bool,
    has_exit: bool,
    has_images: bool,
}

impl Known {
    /// Whether the status has something that does not change the version, and that is not known.
    fn lacks(&self, status: &Status) -> bool {
        (status.exit().is_some() && !self.has_exit) || (status.images().is_some() && !self.has_images)
    }
}

impl Tables<'_> {
    /// Writes a run, unless a newer version is known. A list is always right: the cluster may be restored from a backup.
    /// Returns the id of the run, or `None` if it is not kept.
    pub(super) fn run(
        &mut self,
        cluster: Cluster<'_>,
        status: &Status,
        source: Source,
    ) -> rusqlite::Result<Option<i64>> {
        if status.is_batch_head() {
            return Ok(None);
        }
        let known = self.find.query_row(params![cluster.id, &*status.uid], |row| {
            Ok(Known {
                id: row.get(0)?,
                version: row.get(1)?,
                is_gone: row.get(2)?,
                has_exit: row.get(3)?,
                has_images: row.get(4)?,
            })
        });
        let is_over = status.state.is_final() || source == Source::Deletion;
        let is_listed = matches!(source, Source::List { .. });
        let was_dropped = matches!(source, Source::List { reason: ListReason::Dropped, .. });
        let (id, has_gaps) = match known.optional()? {
            None if is_over && self.too_old.includes(status.created, status.ended_at) => return Ok(None),
            None => (None, was_dropped),
            Some(known) => {
                let order = version(status).cmp(&known.version);
                // A create may be recorded after the deletion.
                if known.is_gone && (is_listed || (source == Source::Change && order.is_ge())) {
                    self.not_gone.execute([known.id, END_UNSEEN])?;
                    self.forget_gone.execute([known.id])?;
                }
                let is_older = order.is_lt() && !is_listed;
                if is_older {
                    self.add_transitions(cluster, known.id, &RunRow::new(status)?, true)?;
                }
                if is_older || (order.is_eq() && !known.lacks(status)) {
                    return Ok(Some(known.id));
                }
                (Some(known.id), was_dropped && order.is_ne())
            }
        };
        let row = RunRow::new(status)?;
        // Before the first comparison nobody knows what happened when: that would be a flood.
        let makes_events = id.is_some() || !matches!(source, Source::List { is_first: true, .. });
        row.upsert(&mut self.upsert, cluster.id, if has_gaps { DROPPED } else { 0 })?;
        let id = id.unwrap_or_else(|| self.connection.last_insert_rowid());
        self.add_transitions(cluster, id, &row, makes_events)?;
        Ok(Some(id))
    }

    /// Writes the transitions that are new, and their events.
    fn add_transitions(
        &mut self,
        cluster: Cluster<'_>,
        id: i64,
        row: &RunRow<'_>,
        makes_events: bool,
    ) -> rusqlite::Result<()> {
        for Transition { time, state, reason, event_time } in row.transitions() {
            let is_new = self.transition.execute(params![id, time, state.name(), reason])? > 0;
            let Some(outbox) = self.outbox.as_mut().filter(|_| makes_events) else { continue };
            let (status, time) = (row.status, EventTime::OfCluster(event_time));
            if is_new {
                outbox.add_of_job(cluster.name, status, event_type(state), time, raw(&row.json)?)?;
            } else if state == State::Failed && status.exit().is_some() {
                outbox.add_exit(cluster.name, status, time, raw(&row.json)?)?;
            }
        }
        Ok(())
    }

    /// Notes that a run is gone, unless that is known, or a newer version is. A run that had not ended gets the gaps.
    pub(super) fn set_gone(&mut self, id: i64, time: i64, version: i64, gaps: i64) -> rusqlite::Result<Option<Gone>> {
        let read = |row: &Row<'_>| Ok(Gone { time: row.get(0)?, deleted: row.get(1)? });
        let gone = self.gone.query_row([id, time, gaps, version], read).optional()?;
        if let Some(gone) = &gone {
            self.transition.execute(params![id, gone.time, "gone", None::<&str>])?;
        }
        Ok(gone)
    }
}

const fn event_type(state: State) -> EventType {
    match state {
        State::Pending => EventType::JobCreated,
        State::Running => EventType::JobStarted,
        State::Suspended => EventType::JobSuspended,
        State::Completed => EventType::JobCompleted,
        State::Failed => EventType::JobFailed,
    }
}
