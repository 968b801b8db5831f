//! Applies records to the tables: [`Tables`].

use std::collections::HashSet;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Statement, params};

use crate::history::record::{AuditRecord, ListReason, Record};
use crate::history::store::retention::TooOld;
use crate::history::store::run_row::{RunRow, UPSERT, version};
use crate::jobs::status::Status;

/// Records of the run were dropped.
const DROPPED: i64 = 1;
/// The run is gone, and its end was not seen.
pub(super) const END_UNSEEN: i64 = 2;

/// The most records, or jobs of a list, of a transaction.
pub(super) const MAX_GROUP: usize = 512;

/// The statements that write. They are prepared once.
#[derive(Debug)]
pub(super) struct Tables<'c> {
    pub(super) connection: &'c Connection,
    pub(super) too_old: TooOld,
    /// The clusters that were compared, and of which no record was lost since then.
    pub(super) listed: HashSet<Arc<str>>,
    find_cluster: Statement<'c>,
    find: Statement<'c>,
    upsert: Statement<'c>,
    transition: Statement<'c>,
    created_by: Statement<'c>,
    gone: Statement<'c>,
    not_gone: Statement<'c>,
    forget_gone: Statement<'c>,
    audit: Statement<'c>,
}

/// Begins another transaction in the middle of a list.
pub(super) type NextPiece<'a, 'c> = &'a mut dyn FnMut(&mut Tables<'c>) -> rusqlite::Result<()>;

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

/// Where a status comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    Change,
    Create,
    Deletion,
    List(ListReason),
}

impl<'c> Tables<'c> {
    pub(super) fn prepare(connection: &'c Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            connection,
            too_old: TooOld { created_by: 0, ended_before: 0 },
            listed: HashSet::new(),
            find_cluster: connection.prepare("SELECT id FROM clusters WHERE name = ?1")?,
            find: connection.prepare(
                "SELECT id, version, gone IS NOT NULL, exit_code IS NOT NULL, images IS NOT NULL
                 FROM runs WHERE cluster = ?1 AND uid = ?2",
            )?,
            upsert: connection.prepare(UPSERT)?,
            transition: connection.prepare("INSERT OR IGNORE INTO transitions VALUES (?1, ?2, ?3, ?4)")?,
            created_by: connection.prepare(
                "UPDATE runs SET caller = ifnull(caller, nullif(?2, '')), request_id = ifnull(request_id, ?3) WHERE id = ?1",
            )?,
            // Our clock may be behind that of the cluster. A run is not gone before it ended.
            gone: connection.prepare(
                "UPDATE runs SET gone = max(?2, created, ifnull(started, created), ifnull(ended, created)),
                    has_gaps = has_gaps | iif(state IN ('completed', 'failed'), 0, ?3)
                 WHERE id = ?1 AND version <= ?4 AND gone IS NULL RETURNING gone",
            )?,
            not_gone: connection.prepare("UPDATE runs SET gone = NULL, has_gaps = has_gaps & ~?2 WHERE id = ?1")?,
            forget_gone: connection.prepare("DELETE FROM transitions WHERE run = ?1 AND state = 'gone'")?,
            audit: connection.prepare(
                "INSERT INTO audit (time, cluster, namespace, operation, outcome, caller, record)
                 VALUES (?1, ?2, nullif(?3, ''), ?4, ?5, nullif(?6, ''), ?7)",
            )?,
        })
    }

    /// Returns whether the record is written. A change is not, if a record of its cluster was lost: then a list comes.
    pub(super) fn write(&mut self, record: &Record, next_piece: NextPiece<'_, 'c>) -> rusqlite::Result<bool> {
        match record {
            Record::Changed { cluster, .. } | Record::Gone { cluster, .. } if !self.listed.contains(cluster) => {
                return Ok(false);
            }
            Record::Changed { cluster, status } => {
                let cluster = self.cluster(cluster)?;
                self.run(cluster, status, Source::Change)?;
            }
            Record::Created { cluster, status, caller, request_id } => {
                let cluster = self.cluster(cluster)?;
                if let Some(id) = self.run(cluster, status, Source::Create)? {
                    self.created_by.execute(params![id, &**caller, request_id])?;
                }
            }
            Record::Gone { cluster, status, time } => {
                let cluster = self.cluster(cluster)?;
                if let Some(id) = self.run(cluster, status, Source::Deletion)? {
                    self.set_gone(id, *time, version(status), 0)?;
                }
            }
            Record::Listed { cluster, jobs, time, reason, .. } => {
                let id = self.cluster(cluster)?;
                self.compare(id, jobs, *time, *reason, next_piece)?;
                self.listed.insert(Arc::clone(cluster));
            }
            Record::Audit(record) => self.audit(record)?,
            Record::BatchesEnded { .. } | Record::Attempt { .. } | Record::Redelivery { .. } => {}
        }
        Ok(true)
    }

    /// Returns the id of a cluster. Adds it if it is new.
    fn cluster(&mut self, name: &str) -> rusqlite::Result<i64> {
        let known = self.find_cluster.query_row([name], |row| row.get(0)).optional()?;
        let add = "INSERT INTO clusters (name) VALUES (?1) RETURNING id";
        known.map_or_else(|| self.connection.query_row(add, [name], |row| row.get(0)), Ok)
    }

    /// Writes a run, unless a newer version is known. A list is always right: the cluster may be restored from a backup.
    /// Returns the id of the run, or `None` if it is not kept.
    pub(super) fn run(&mut self, cluster: i64, status: &Status, source: Source) -> rusqlite::Result<Option<i64>> {
        if status.is_batch_head() {
            return Ok(None);
        }
        let known = self.find.query_row(params![cluster, &*status.uid], |row| {
            Ok(Known {
                id: row.get(0)?,
                version: row.get(1)?,
                is_gone: row.get(2)?,
                has_exit: row.get(3)?,
                has_images: row.get(4)?,
            })
        });
        let is_over = status.state.is_final() || source == Source::Deletion;
        let is_listed = matches!(source, Source::List(_));
        let was_dropped = source == Source::List(ListReason::Dropped);
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
                    self.add_transitions(known.id, &RunRow::new(status)?)?;
                }
                if is_older || (order.is_eq() && !known.lacks(status)) {
                    return Ok(Some(known.id));
                }
                (Some(known.id), was_dropped && order.is_ne())
            }
        };
        let row = RunRow::new(status)?;
        row.upsert(&mut self.upsert, cluster, if has_gaps { DROPPED } else { 0 })?;
        let id = id.unwrap_or_else(|| self.connection.last_insert_rowid());
        self.add_transitions(id, &row)?;
        Ok(Some(id))
    }

    fn add_transitions(&mut self, id: i64, row: &RunRow<'_>) -> rusqlite::Result<()> {
        for (time, state, reason) in row.transitions() {
            self.transition.execute(params![id, time, state.name(), reason])?;
        }
        Ok(())
    }

    /// Notes that a run is gone, unless that is known, or a newer version is. A run that had not ended gets the gaps.
    pub(super) fn set_gone(&mut self, id: i64, time: i64, version: i64, gaps: i64) -> rusqlite::Result<()> {
        let gone: Option<i64> = self.gone.query_row([id, time, gaps, version], |row| row.get(0)).optional()?;
        if let Some(gone) = gone {
            self.transition.execute(params![id, gone, "gone", None::<&str>])?;
        }
        Ok(())
    }

    fn audit(&mut self, record: &AuditRecord) -> rusqlite::Result<()> {
        let AuditRecord { time, cluster, namespace, operation, outcome, caller, json } = record;
        self.audit.execute(params![time, cluster, namespace, operation, outcome, caller, json])?;
        Ok(())
    }
}

#[cfg(test)]
#[path = "tests/apply_tests.rs"]
mod tests;
