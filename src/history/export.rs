//! Writes the runs as JSON lines: [`export`].

use std::io::Write;

use rusqlite::{Connection, Statement, params};

use crate::history::local::Error;

/// The most runs that are read at once. No read lasts while a slow reader of stdout is waited for.
const PAGE: i64 = 500;

/// The run as list-history shows it.
const RUN: &str = "json_object(
    'cluster', clusters.name, 'job_name', job_name, 'namespace', namespace, 'uid', uid, 'state', state,
    'reason', reason, 'message', message, 'exit_code', exit_code, 'termination_message', termination_message,
    'images', json(images), 'template', template, 'batch_name', batch_name, 'labels', json(labels),
    'creation_timestamp', strftime('%Y-%m-%dT%H:%M:%S+00:00', runs.created, 'unixepoch'),
    'start_time', strftime('%Y-%m-%dT%H:%M:%S+00:00', started, 'unixepoch'),
    'completion_time', strftime('%Y-%m-%dT%H:%M:%S+00:00', ended, 'unixepoch'),
    'gone_time', strftime('%Y-%m-%dT%H:%M:%S+00:00', gone, 'unixepoch'),
    'queued_ms', queued_s * 1000, 'ran_ms', ran_s * 1000, 'retries', retries, 'caller', caller,
    'request_id', request_id, 'has_gaps', json(iif(has_gaps, 'true', 'false')))";

/// Writes the runs of all clusters that were created in this time, the oldest first. The times are in seconds since 1970.
pub fn export(
    connection: &Connection,
    since: Option<i64>,
    until: Option<i64>,
    out: &mut dyn Write,
) -> Result<(), Error> {
    let unreadable = |error| Error::Database(format!("the database cannot be read: {error}"));
    let Some(mut query) = query(connection).map_err(unreadable)? else { return Ok(()) };
    let mut after = (since.unwrap_or(i64::MIN), i64::MIN);
    loop {
        let (lines, count) = page(&mut query, &mut after, until.unwrap_or(i64::MAX)).map_err(unreadable)?;
        out.write_all(lines.as_bytes()).and_then(|()| out.flush()).map_err(Error::Stdout)?;
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
        Ok(format!("SELECT id, created FROM runs WHERE cluster = {cluster} AND created >= ?1 AND created < ?3"))
    })?;
    let arms = arms.collect::<rusqlite::Result<Vec<_>>>()?.join(" UNION ALL ");
    let query = format!(
        "SELECT {RUN}, page.created, page.id
         FROM (SELECT id, created FROM ({arms}) WHERE (created, id) > (?1, ?2) ORDER BY created, id LIMIT ?4) AS page
         JOIN runs ON runs.id = page.id JOIN clusters ON clusters.id = runs.cluster ORDER BY page.created, page.id"
    );
    if arms.is_empty() { Ok(None) } else { connection.prepare(&query).map(Some) }
}

/// Returns the lines of the runs after this one, and their number.
fn page(query: &mut Statement<'_>, after: &mut (i64, i64), until: i64) -> rusqlite::Result<(String, i64)> {
    let mut rows = query.query(params![after.0, after.1, until, PAGE])?;
    let (mut lines, mut count) = (String::new(), 0);
    while let Some(row) = rows.next()? {
        lines.extend([row.get_ref(0)?.as_str()?, "\n"]);
        (*after, count) = ((row.get(1)?, row.get(2)?), count + 1);
    }
    Ok((lines, count))
}
