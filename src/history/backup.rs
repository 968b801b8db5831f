//! Copies the database to a file while the service runs: [`backup`].

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{self, Path, PathBuf};

use rusqlite::{Connection, ErrorCode};

use crate::history::local::{Error, open};

/// Writes a copy of the database that only its owner can read. The file is complete or not there.
pub fn backup(database: &Path, file: &Path) -> Result<(), Error> {
    let connection = open(database)?;
    let failed = |error| refused(file, &error);
    // SQLite reads a relative name that begins with `file:` as a URI.
    let file = &path::absolute(file).map_err(failed)?;
    if file.symlink_metadata().is_ok() {
        return Err(failed(io::ErrorKind::AlreadyExists.into()));
    }
    let part = PathBuf::from(format!("{}.part", file.display()));
    // SQLite writes into an empty file, and keeps its mode.
    let new = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part);
    new.map_err(|error| refused(&part, &error))?;
    let written = copy(&connection, &part).and_then(|()| publish(&part, file).map_err(failed));
    let _ = fs::remove_file(&part);
    written
}

fn copy(connection: &Connection, part: &Path) -> Result<(), Error> {
    let copied = connection.execute("VACUUM INTO ?1", [part.to_string_lossy()]);
    copied.map(drop).map_err(|error| match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            Error::Database(format!("the database cannot be read: {error}"))
        }
        _ => Error::File(format!("{} cannot be written: {error}", part.display())),
    })
}

/// Gives the file its name once it is on the disk. A link does not replace a file.
fn publish(part: &Path, file: &Path) -> io::Result<()> {
    File::open(part)?.sync_all()?;
    fs::hard_link(part, file)?;
    file.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

fn refused(file: &Path, error: &io::Error) -> Error {
    let shown = file.display();
    Error::File(match error.kind() {
        io::ErrorKind::AlreadyExists => format!("{shown} exists already: remove it, or use another name"),
        _ => format!("{shown} cannot be written: {error}"),
    })
}
