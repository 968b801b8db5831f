//! Applies one record: [`Tables::write`].

use std::sync::Arc;

use rusqlite::{OptionalExtension, params};

use crate::history::outbox::event::EventType;
use crate::history::outbox::message::raw;
use crate::history::record::{AuditRecord, Record};
use crate::history::store::apply::{Cluster, Gone, NextPiece, Outcome, Source, Tables};
use crate::history::store::run_row::version;

impl<'c> Tables<'c> {
    /// A change is left out if a record of its cluster was lost: then a list comes.
    pub(in crate::history::store) fn write(
        &mut self,
        record: &Record,
        next_piece: NextPiece<'_, 'c>,
    ) -> rusqlite::Result<Outcome> {
        match record {
            Record::Changed { cluster, .. } | Record::Gone { cluster, .. } if !self.listed.contains(cluster) => {
                return Ok(Outcome::LeftOut);
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
                let json = status.json();
                // Before anything is written.
                let data = raw(&json)?;
                if let Some(id) = self.run(cluster, status, Source::Deletion)?
                    && let Some(gone) = self.set_gone(id, *time, version(status), 0)?
                    && let Some(outbox) = &mut self.outbox
                {
                    let deleted = Gone { deleted: status.deleted_at.or(gone.deleted), ..gone };
                    outbox.add_of_job(cluster.name, status, EventType::JobDeleted, deleted.time(), data)?;
                }
            }
            Record::Listed { cluster, jobs, time, reason, .. } => {
                let known = self.cluster(cluster)?;
                self.compare(known, jobs, *time, *reason, next_piece)?;
                self.listed.insert(Arc::clone(cluster));
            }
            Record::Audit(record) => self.audit(record)?,
            Record::BatchesEnded { cluster, batches, .. } => {
                let known = self.cluster(cluster)?;
                let (Some(outbox), too_old) = (&mut self.outbox, self.too_old) else { return Ok(Outcome::LeftOut) };
                outbox.add_batch_ends((known.id, cluster), batches, |time| too_old.includes(time, Some(time)))?;
            }
            Record::Attempt { attempt, .. } => {
                let Some(outbox) = &mut self.outbox else { return Ok(Outcome::LeftOut) };
                outbox.write_attempt(attempt)?;
            }
            Record::Redelivery { redelivery, .. } => {
                let Some(outbox) = &mut self.outbox else { return Ok(Outcome::LeftOut) };
                return outbox.redeliver(redelivery).map(Outcome::Redelivered);
            }
        }
        Ok(Outcome::Written)
    }

    /// Returns a cluster. Adds it if it is new.
    fn cluster<'a>(&mut self, name: &'a str) -> rusqlite::Result<Cluster<'a>> {
        let known = self.find_cluster.query_row([name], |row| row.get(0)).optional()?;
        let add = "INSERT INTO clusters (name) VALUES (?1) RETURNING id";
        let id = known.map_or_else(|| self.connection.query_row(add, [name], |row| row.get(0)), Ok)?;
        Ok(Cluster { id, name })
    }

    fn audit(&mut self, record: &AuditRecord) -> rusqlite::Result<()> {
        let AuditRecord { time, cluster, namespace, operation, outcome, caller, json } = record;
        self.audit.execute(params![time, cluster, namespace, operation, outcome, caller, json])?;
        Ok(())
    }
}

#[cfg(test)]
#[path = "../tests/apply_tests.rs"]
mod tests;
