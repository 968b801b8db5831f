//! Applies records to the tables: [`Tables`]. `write` takes a record, `runs` writes a run, `compare` all of a cluster.

mod compare;
mod runs;
mod write;

use std::collections::HashSet;
use std::sync::Arc;

use rusqlite::{Connection, Statement};

use crate::history::outbox::message::EventTime;
use crate::history::outbox::requests::RedeliverError;
use crate::history::outbox::tables::{Outbox, OutboxChanges, OutboxConfig};
use crate::history::record::ListReason;
use crate::history::store::retention::TooOld;
use crate::history::store::run_row::UPSERT;

/// The most records, or jobs of a list, of a transaction.
pub(super) const MAX_GROUP: usize = 512;

/// The statements that write. They are prepared once.
#[derive(Debug)]
pub(super) struct Tables<'c> {
    connection: &'c Connection,
    pub(super) too_old: TooOld,
    /// The clusters that were compared, and of which no record was lost since then.
    pub(super) listed: HashSet<Arc<str>>,
    /// `None` without webhooks.
    pub(super) outbox: Option<Outbox<'c>>,
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

/// The outcome of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Written,
    /// Nothing is written: a list of the cluster comes, there are no webhooks, or the entry has no record.
    LeftOut,
    /// A field has another type.
    Unreadable,
    Redelivered(Result<u64, RedeliverError>),
}

/// A cluster with its id.
#[derive(Clone, Copy)]
struct Cluster<'a> {
    id: i64,
    name: &'a str,
}

/// A run that is gone now.
struct Gone {
    /// By our clock, but not before the run ended.
    time: i64,
    deleted: Option<i64>,
}

impl Gone {
    fn time(&self) -> EventTime {
        self.deleted.map_or(EventTime::OfService(self.time), EventTime::OfCluster)
    }
}

/// Where a status comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    Change,
    Create,
    Deletion,
    List {
        reason: ListReason,
        /// Whether no comparison of the cluster was completed yet.
        is_first: bool,
    },
}

impl<'c> Tables<'c> {
    pub(super) fn prepare(connection: &'c Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            connection,
            too_old: TooOld { created_by: 0, ended_before: 0 },
            listed: HashSet::new(),
            outbox: None,
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
                 WHERE id = ?1 AND version <= ?4 AND gone IS NULL RETURNING gone, deleted",
            )?,
            not_gone: connection.prepare("UPDATE runs SET gone = NULL, has_gaps = has_gaps & ~?2 WHERE id = ?1")?,
            forget_gone: connection.prepare("DELETE FROM transitions WHERE run = ?1 AND state = 'gone'")?,
            audit: connection.prepare(
                "INSERT INTO audit (time, cluster, namespace, operation, outcome, caller, record)
                 VALUES (?1, ?2, nullif(?3, ''), ?4, ?5, nullif(?6, ''), ?7)",
            )?,
        })
    }

    /// As [`Tables::prepare`], with the outbox if there are webhooks.
    pub(super) fn with_outbox(connection: &'c Connection, config: Option<&OutboxConfig>) -> rusqlite::Result<Self> {
        let outbox = config.map(|config| Outbox::prepare(connection, config)).transpose()?;
        if outbox.is_none() {
            // Now nobody notes which batches end. With webhooks again, the first record of a cluster must make no events.
            connection.execute("UPDATE clusters SET knows_batches = 0 WHERE knows_batches <> 0", [])?;
        }
        Ok(Self { outbox, ..Self::prepare(connection)? })
    }

    /// Is called after a commit.
    pub(super) fn take_changes(&mut self) -> OutboxChanges {
        self.outbox.as_mut().map(Outbox::take_changes).unwrap_or_default()
    }

    /// Is called after retention, with whether deliveries were deleted.
    pub(super) fn recount(&mut self, are_deleted: bool) {
        if are_deleted {
            self.outbox.iter_mut().for_each(Outbox::recount);
        }
    }

    /// Is called after a transaction that failed.
    pub(super) fn forget(&mut self) {
        self.listed.clear();
        self.outbox.iter_mut().for_each(Outbox::forget);
    }
}
