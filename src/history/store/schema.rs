//! The tables, and their migrations: [`migrate`].

use rusqlite::Connection;

use crate::history::store::error::Unusable;

/// The name of the file in `EKS_API_STATE_DIR`.
pub(in crate::history) const DATABASE: &str = "history.db";

/// The schemas in order. The number of the last is the `user_version` of the file.
pub(in crate::history) const MIGRATIONS: [&str; 1] = [include_str!("schema_1.sql")];

/// The newest schema.
pub(in crate::history) const NEWEST: i32 = 1;

/// The `application_id` of the file: `eksh`.
pub(in crate::history) const APPLICATION_ID: i32 = 0x656b_7368;

/// Brings the tables to the newest schema, in one transaction.
///
/// A new file is not in WAL mode yet, so that a crash leaves its header empty or complete.
pub(super) fn migrate(connection: &Connection) -> Result<(), Unusable> {
    let version: i32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let applied = usize::try_from(version).map_err(|_| Unusable::Foreign)?;
    let Some(missing) = MIGRATIONS.get(applied..) else {
        return Err(Unusable::Newer { found: version, known: NEWEST });
    };
    if missing.is_empty() {
        return Ok(());
    }
    let transaction = connection.unchecked_transaction()?;
    if version == 0 {
        // Outside of the transaction it would write a header of its own, without the application_id.
        transaction.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    }
    for migration in missing {
        transaction.execute_batch(migration)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", NEWEST)?;
    transaction.commit()?;
    connection.pragma(None, "wal_checkpoint", "TRUNCATE", |_| Ok(()))?;
    Ok(())
}
