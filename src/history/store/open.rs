//! Opens the database for writing, if it can be used: [`open`].

use std::fs::File;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::config::history::HistoryConfig;
use crate::history::store::error::Unusable;
use crate::history::store::{files, schema};

/// The bytes of a page. `SQLite`'s default, which a file keeps.
pub(super) const PAGE: u64 = 4096;
/// The log is made smaller than this after a large transaction.
const MAX_WAL_LEN: i64 = 16 << 20;

/// The database, and the lock that keeps other services away. The database is closed first.
#[derive(Debug)]
pub(super) struct Database {
    pub(super) connection: Connection,
    _lock: File,
}

impl Database {
    /// Closes the database without a checkpoint, so that the file stays as it is.
    pub(super) fn leave(&self) {
        // The error is not of interest: the file is damaged already.
        let _ = self.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
    }
}

/// Opens the database, or creates it. A file that cannot be used is not changed.
pub(super) fn open(config: &HistoryConfig) -> Result<Database, Unusable> {
    let lock = files::lock(&config.dir)?;
    let path = config.dir.join(schema::DATABASE);
    files::check(&path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let database = Database { connection: Connection::open_with_flags(path, flags)?, _lock: lock };
    database.leave();
    let connection = &database.connection;
    let found: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if found != "ok" {
        return Err(Unusable::Corrupt);
    }
    schema::migrate(connection)?;
    let mode: String = connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    if mode != "wal" {
        return Err(Unusable::Failed("the file system has no shared memory".to_owned()));
    }
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma(None, "journal_size_limit", MAX_WAL_LEN, |_| Ok(()))?;
    connection.pragma(None, "max_page_count", max_pages(config), |_| Ok(()))?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
    Ok(database)
}

/// Returns the most pages of the database.
pub(super) fn max_pages(config: &HistoryConfig) -> i64 {
    (config.max_size / PAGE).try_into().unwrap_or(i64::MAX)
}

#[cfg(test)]
#[path = "tests/open_tests.rs"]
mod tests;
