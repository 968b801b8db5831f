//! Compares the runs of a cluster with its jobs: [`Tables::compare`].

use std::collections::HashSet;
use std::sync::Arc;

use rusqlite::Error;

use crate::history::record::ListReason;
use crate::history::store::apply::{END_UNSEEN, MAX_GROUP, NextPiece, Source, Tables};
use crate::jobs::status::Status;

impl<'c> Tables<'c> {
    /// Writes all jobs of a cluster. The other runs are gone. Retention keeps unfinished runs if it knows of a comparison.
    pub(super) fn compare(
        &mut self,
        cluster: i64,
        jobs: &[Arc<Status>],
        time: i64,
        reason: ListReason,
        next_piece: NextPiece<'_, 'c>,
    ) -> rusqlite::Result<()> {
        self.connection.execute("UPDATE clusters SET compared = ?2 WHERE id = ?1", [cluster, time])?;
        for piece in jobs.chunks(MAX_GROUP) {
            for status in piece {
                match self.run(cluster, status, Source::List(reason)) {
                    // The run stays as it is.
                    Ok(_) | Err(Error::ToSqlConversionFailure(_)) => {}
                    Err(error) => return Err(error),
                }
            }
            next_piece(self)?;
        }
        for piece in self.missing(cluster, jobs)?.chunks(MAX_GROUP) {
            for id in piece {
                self.set_gone(*id, time, i64::MAX, END_UNSEEN)?;
            }
            next_piece(self)?;
        }
        Ok(())
    }

    /// Returns the runs of a cluster that are not gone yet, and that are not listed.
    fn missing(&self, cluster: i64, jobs: &[Arc<Status>]) -> rusqlite::Result<Vec<i64>> {
        let listed: HashSet<&str> = jobs.iter().map(|status| &*status.uid).collect();
        let mut existing = self.connection.prepare("SELECT id, uid FROM runs WHERE cluster = ?1 AND gone IS NULL")?;
        let mut rows = existing.query([cluster])?;
        let mut missing: Vec<i64> = Vec::new();
        while let Some(row) = rows.next()? {
            if !listed.contains(row.get_ref(1)?.as_str()?) {
                missing.push(row.get(0)?);
            }
        }
        Ok(missing)
    }
}
