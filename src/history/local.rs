//! Opens the database for a command on the machine itself: [`open`].

use std::fs::File;
use std::io;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::history::store::schema::{APPLICATION_ID, DATABASE, NEWEST};

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

/// Opens the database of the directory to read it. The service may run meanwhile.
pub(super) fn open(dir: &Path) -> Result<Connection, Error> {
    let path = dir.join(DATABASE);
    // The errors of SQLite have no reason.
    File::open(&path).map_err(|error| not_opened(&path, &error))?;
    let failed = |error| unreadable(dir, &error);
    let connection = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(failed)?;
    connection.busy_timeout(LOCK_TIMEOUT).map_err(failed)?;
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0)).map_err(failed);
    let shown = path.display();
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

fn not_opened(path: &Path, error: &io::Error) -> Error {
    let shown = path.display();
    Error::Database(match error.kind() {
        io::ErrorKind::NotFound => {
            format!("there is no file {shown}: set EKS_API_STATE_DIR to the directory that the service uses")
        }
        io::ErrorKind::PermissionDenied => {
            format!("{shown} cannot be read: {error}; use root or the user of the service")
        }
        _ => format!("{shown} cannot be read: {error}"),
    })
}

/// Returns the error of a read of the database.
pub(super) fn unreadable(dir: &Path, error: &rusqlite::Error) -> Error {
    let path = dir.join(DATABASE);
    let shown = path.display();
    Error::Database(match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            format!("{shown} is damaged ({error}): stop the service, then restore a backup")
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            format!("{shown} cannot be read: another process has locked it; try again")
        }
        _ => format!("{shown} cannot be read: {error}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_without_permission_another_user_is_advised() {
        let text = |kind: io::ErrorKind| match not_opened(Path::new("/a/history.db"), &kind.into()) {
            Error::Database(text) => text,
            other => panic!("{other:?}"),
        };
        let denied = "/a/history.db cannot be read: permission denied; use root or the user of the service";
        assert_eq!(text(io::ErrorKind::PermissionDenied), denied);
        assert!(text(io::ErrorKind::NotFound).starts_with("there is no file /a/history.db: "));
        assert_eq!(text(io::ErrorKind::NotADirectory), "/a/history.db cannot be read: not a directory");
    }
}
