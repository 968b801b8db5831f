//! Opens the database for a command on the machine itself: [`open`].

use std::io;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use crate::history::store::schema::{APPLICATION_ID, NEWEST};

/// The name of the file in `EKS_API_STATE_DIR`.
pub const DATABASE: &str = "history.db";
/// The wait for a lock that another process holds.
const LOCK_TIMEOUT: Duration = Duration::from_secs(5);

/// Why a command on the database fails.
#[derive(Debug)]
pub enum Error {
    /// There is no database, or it cannot be read.
    Database(String),
    /// The file of a backup exists, or cannot be written.
    File(String),
    Stdout(io::Error),
}

/// Opens the database to read it. The service may run meanwhile.
pub fn open(path: &Path) -> Result<Connection, Error> {
    let shown = path.display();
    if !path.exists() {
        let text = format!("there is no file {shown}: set EKS_API_STATE_DIR to the directory that the service uses");
        return Err(Error::Database(text));
    }
    let unreadable = |error| Error::Database(format!("{shown} cannot be read: {error}; use the user of the service"));
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(unreadable)?;
    connection.busy_timeout(LOCK_TIMEOUT).map_err(unreadable)?;
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0)).map_err(unreadable);
    if pragma("application_id")? != APPLICATION_ID {
        return Err(Error::Database(format!("{shown} is not a history of eks-api")));
    }
    let version = pragma("user_version")?;
    if version != NEWEST {
        let text = format!("{shown} has schema {version}, not {NEWEST}: use the eks-api that the service runs");
        return Err(Error::Database(text));
    }
    Ok(connection)
}
