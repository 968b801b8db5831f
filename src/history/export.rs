//! Writes the runs as JSON lines: [`export`].

use std::io::Write;
use std::path::Path;

use rusqlite::{Connection, Error as Sqlite, Statement, params};

use crate::history::local::{Error, open, unreadable};
use crate::history::query::run::{COLUMNS, Run};

/// The most runs that are read at once. No read lasts while a slow reader of stdout is waited for.
const PAGE: i64 = 500;

/// Writes the runs of all clusters that were created in this time, the oldest first. The times are in seconds since 1970.
pub fn export(dir: &Path, since: Option<i64>, until: Option<i64>, out: &mut dyn Write) -> Result<(), Error> {
    let failed = |error| unreadable(dir, &error);
    let connection = open(dir)?;
    let Some(mut query) = query(&connection).map_err(failed)? else { return Ok(()) };
    let mut after = (since.unwrap_or(i64::MIN), i64::MIN);
    loop {
        let (lines, count) = page(&mut query, &mut after, until.unwrap_or(i64::MAX)).map_err(failed)?;
        out.write_all(&lines).and_then(|()| out.flush()).map_err(Error::Stdout)?;
        if count < PAGE {
            return Ok(());
        }
    }
}

/// Returns the query of a page. `None` if there are no clusters.
///
/// The index of the runs by time begins with the cluster. The database merges the runs of the clusters.
fn query(connection: &Connection) -> rusqlite::Result<Option<Statement<'_>>> {
    let mut statement = connection.prepare("SELECT id FROM clusters")?;
    let arms = statement.query_map([], |row| {
        let cluster: i64 = row.get(0)?;
        Ok(format!(
            "SELECT id AS run, created AS time FROM runs
             WHERE cluster = {cluster} AND created >= ?1 AND created < ?3"
        ))
    })?;
    let arms = arms.collect::<rusqlite::Result<Vec<_>>>()?.join(" UNION ALL ");
    let query = format!(
        "SELECT {COLUMNS}, time, run, (SELECT name FROM clusters WHERE id = runs.cluster) AS cluster_name
         FROM (SELECT run, time FROM ({arms}) WHERE (time, run) > (?1, ?2) ORDER BY time, run LIMIT ?4)
         JOIN runs ON id = run ORDER BY time, run"
    );
    if arms.is_empty() { Ok(None) } else { connection.prepare(&query).map(Some) }
}

/// Returns the lines of the runs after this one, and their number. A line is the run as list-history shows it.
fn page(query: &mut Statement<'_>, after: &mut (i64, i64), until: i64) -> rusqlite::Result<(Vec<u8>, i64)> {
    let mut rows = query.query(params![after.0, after.1, until, PAGE])?;
    let (mut lines, mut count) = (Vec::new(), 0);
    while let Some(row) = rows.next()? {
        let run = Run::read(row.get_ref("cluster_name")?.as_str()?, row)?;
        serde_json::to_writer(&mut lines, &run).map_err(|error| Sqlite::ToSqlConversionFailure(error.into()))?;
        lines.push(b'\n');
        (*after, count) = ((row.get("time")?, row.get("run")?), count + 1);
    }
    Ok((lines, count))
}
