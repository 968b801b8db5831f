//! Copies the database to a file while the service runs: [`backup`].

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{self, Path, PathBuf};
use std::process;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode, ffi};

use crate::history::local::{Error, open, unreadable};

/// Writes a copy of the database that only its owner can read. The file is complete or not there.
pub fn backup(dir: &Path, file: &Path) -> Result<(), Error> {
    let connection = open(dir)?;
    let failed = |error| refused(file, &error);
    // SQLite reads a relative name that begins with `file:` as a URI.
    let file = &path::absolute(file).map_err(failed)?;
    if file.symlink_metadata().is_ok() {
        return Err(failed(io::ErrorKind::AlreadyExists.into()));
    }
    // The rest of a killed backup does not hinder the next.
    let mut part = file.clone().into_os_string();
    part.push(format!(".{}.part", process::id()));
    let part = PathBuf::from(part);
    // SQLite writes into an empty file, and keeps its mode.
    create(&part).map_err(|error| refused(&part, &error))?;
    let copied = copy(&connection, &part).map_err(|error| {
        let text = || format!("{} cannot be written: {error}", part.display());
        if is_of_source(&error) { unreadable(dir, &error) } else { Error::File(text()) }
    });
    let written = copied.and_then(|()| publish(&part, file).map_err(failed));
    let _ = fs::remove_file(&part);
    written
}

fn create(file: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)
}

fn copy(connection: &Connection, part: &Path) -> rusqlite::Result<()> {
    // The path may not be UTF-8.
    let part = ToSqlOutput::Borrowed(ValueRef::Text(part.as_os_str().as_bytes()));
    connection.execute("VACUUM INTO ?1", [part]).map(drop)
}

/// Whether the database failed, and not the copy.
fn is_of_source(error: &rusqlite::Error) -> bool {
    const UNREADABLE: [i32; 3] = [ffi::SQLITE_IOERR_READ, ffi::SQLITE_IOERR_SHORT_READ, ffi::SQLITE_IOERR_CORRUPTFS];
    let is_state = |code| {
        use ErrorCode::{DatabaseBusy, DatabaseCorrupt, DatabaseLocked, NotADatabase};
        matches!(code, DatabaseBusy | DatabaseLocked | DatabaseCorrupt | NotADatabase)
    };
    error.sqlite_error().is_some_and(|error| is_state(error.code) || UNREADABLE.contains(&error.extended_code))
}

/// Gives the file its name once it is on the disk. A link does not replace a file.
fn publish(part: &Path, file: &Path) -> io::Result<()> {
    File::open(part)?.sync_all()?;
    match fs::hard_link(part, file) {
        // The file system may have no links.
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => replace_new(part, file)?,
        linked => linked?,
    }
    // The copy is complete. Not every file system can do this.
    if let Some(folder) = file.parent() {
        let _ = File::open(folder).and_then(|folder| folder.sync_all());
    }
    Ok(())
}

/// Moves the part to a file that it creates.
fn replace_new(part: &Path, file: &Path) -> io::Result<()> {
    create(file)?;
    fs::rename(part, file).inspect_err(|_| {
        let _ = fs::remove_file(file);
    })
}

fn refused(file: &Path, error: &io::Error) -> Error {
    let shown = file.display();
    Error::File(match error.kind() {
        io::ErrorKind::AlreadyExists => format!("{shown} exists already: remove it, or use another name"),
        _ => format!("{shown} cannot be written: {error}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sqlite(code: i32) -> rusqlite::Error {
        rusqlite::Error::SqliteFailure(ffi::Error::new(code), None)
    }

    #[test]
    fn an_error_is_of_the_database_or_of_the_copy() {
        for code in [
            ffi::SQLITE_BUSY,
            ffi::SQLITE_BUSY_SNAPSHOT,
            ffi::SQLITE_LOCKED,
            ffi::SQLITE_CORRUPT,
            ffi::SQLITE_NOTADB,
            ffi::SQLITE_IOERR_READ,
        ] {
            assert!(is_of_source(&sqlite(code)), "{code}");
        }
        for code in [ffi::SQLITE_FULL, ffi::SQLITE_IOERR_WRITE, ffi::SQLITE_IOERR_FSYNC, ffi::SQLITE_CANTOPEN] {
            assert!(!is_of_source(&sqlite(code)), "{code}");
        }
    }

    #[test]
    fn without_links_a_part_is_moved_and_does_not_replace_a_file() {
        let folder = std::env::temp_dir().join(format!("eks-api-replace-new-{}", process::id()));
        fs::create_dir(&folder).unwrap();
        let [part, file, none] = ["part", "file", "none"].map(|name| folder.join(name));
        fs::write(&part, "copy").unwrap();
        replace_new(&part, &file).unwrap();
        assert_eq!((fs::read_to_string(&file).unwrap().as_str(), part.exists()), ("copy", false));
        fs::write(&part, "other").unwrap();
        assert_eq!(replace_new(&part, &file).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(&file).unwrap(), "copy");
        // The file that it created is removed if the part cannot be moved.
        assert!(replace_new(&folder.join("no part"), &none).is_err() && !none.exists());
        fs::remove_dir_all(&folder).unwrap();
    }
}
