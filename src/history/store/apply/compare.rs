//! Compares the runs of a cluster with its jobs: [`Tables::compare`].

use std::collections::HashSet;
use std::sync::Arc;

use rusqlite::Error;

use crate::history::outbox::event::{Event, EventType};
use crate::history::outbox::message::Message;
use crate::history::query::job::GoneRuns;
use crate::history::record::ListReason;
use crate::history::store::apply::runs::END_UNSEEN;
use crate::history::store::apply::{Cluster, Gone, MAX_GROUP, NextPiece, Source, Tables};
use crate::jobs::status::Status;

impl<'c> Tables<'c> {
    /// Writes all jobs of a cluster. The other runs are gone. Retention keeps unfinished runs if it knows of a comparison.
    pub(super) fn compare(
        &mut self,
        cluster: Cluster<'_>,
        jobs: &[Arc<Status>],
        time: i64,
        reason: ListReason,
        next_piece: NextPiece<'_, 'c>,
    ) -> rusqlite::Result<()> {
        let note = "UPDATE clusters SET compared = ?2 WHERE id = ?1 RETURNING knows_jobs = 0";
        let is_first = self.connection.query_row(note, [cluster.id, time], |row| row.get(0))?;
        for piece in jobs.chunks(MAX_GROUP) {
            for status in piece {
                match self.run(cluster, status, Source::List { reason, is_first }) {
                    // The run stays as it is.
                    Ok(_) | Err(Error::ToSqlConversionFailure(_)) => {}
                    Err(error) => return Err(error),
                }
            }
            next_piece(self)?;
        }
        self.connection.execute("UPDATE clusters SET knows_jobs = 1 WHERE id = ?1", [cluster.id])?;
        let mut runs = GoneRuns::prepare(self.connection)?;
        for piece in self.missing(cluster.id, jobs)?.chunks(MAX_GROUP) {
            for id in piece {
                let Some(gone) = self.set_gone(*id, time, i64::MAX, END_UNSEEN)? else { continue };
                match self.add_deleted(&mut runs, cluster, *id, &gone) {
                    // A text of the row is damaged. The run has no event, and the others go on.
                    Err(error) if error.sqlite_error().is_none() => {}
                    added => added?,
                }
            }
            next_piece(self)?;
        }
        Ok(())
    }

    /// Writes the event of a run that is gone, with its last known status.
    fn add_deleted(
        &mut self,
        runs: &mut GoneRuns<'_>,
        cluster: Cluster<'_>,
        id: i64,
        gone: &Gone,
    ) -> rusqlite::Result<()> {
        let Some(outbox) = &mut self.outbox else { return Ok(()) };
        let run = runs.find(id)?;
        let labels: Vec<_> = run.labels.0.iter().map(|(key, value)| (&**key, &**value)).collect();
        let (event_type, namespace) = (EventType::JobDeleted, run.namespace.as_str());
        let event = Event { event_type, cluster: cluster.name, namespace, labels: &labels, notify: None };
        if !outbox.is_wanted(&event) {
            return Ok(());
        }
        let data = runs.status(cluster.name, id)?;
        outbox.add(&Message { event, uid: &run.uid, object: &run.job_name, time: gone.time(), data: &data })
    }

    /// Returns the runs of a cluster that are not gone yet, and that are not listed.
    fn missing(&self, cluster: i64, jobs: &[Arc<Status>]) -> rusqlite::Result<Vec<i64>> {
        let listed: HashSet<&str> = jobs.iter().map(|status| &*status.uid).collect();
        let mut existing = self.connection.prepare("SELECT id, uid FROM runs WHERE cluster = ?1 AND gone IS NULL")?;
        let mut rows = existing.query([cluster])?;
        let mut missing: Vec<i64> = Vec::new();
        while let Some(row) = rows.next()? {
            // A uid that is damaged is in no list.
            if !row.get_ref(1)?.as_str().is_ok_and(|uid| listed.contains(uid)) {
                missing.push(row.get(0)?);
            }
        }
        Ok(missing)
    }
}
