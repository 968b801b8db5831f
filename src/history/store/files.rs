//! The files of the history, before `SQLite` opens them: [`lock`] and [`check`].

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::history::store::error::Unusable;
use crate::history::store::schema::{APPLICATION_ID, NEWEST};
use crate::util::files;

const LOCK: &str = "history.lock";
const MODE: u32 = 0o600;
const MAX_MOUNTS_LEN: u64 = 4 << 20;

/// Returns the lock on the directory. It is held until the file is dropped.
///
/// The lock is on a file of its own. To close the database would end the locks that `SQLite` has on it.
pub(super) fn lock(dir: &Path) -> Result<File, Unusable> {
    let dir = dir.canonicalize().ok().filter(|dir| dir.is_dir()).ok_or(Unusable::NoDirectory)?;
    let mounts = files::read_text(Path::new("/proc/self/mountinfo"), MAX_MOUNTS_LEN).unwrap_or_default();
    if let Some(kind) = file_system(&mounts, &dir).filter(|kind| is_network(kind)) {
        return Err(Unusable::Network(kind.to_owned()));
    }
    let lock = create(&dir.join(LOCK))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(Unusable::Locked),
        Err(TryLockError::Error(error)) => Err(Unusable::Failed(error.kind().to_string())),
    }
}

/// Checks the header of the database. Creates an empty file if there is none.
pub(super) fn check(path: &Path) -> Result<(), Unusable> {
    let mut header = Vec::new();
    create(path)?.take(100).read_to_end(&mut header).map_err(|error| Unusable::Failed(error.kind().to_string()))?;
    if header.is_empty() {
        return Ok(());
    }
    let number = |at: usize| {
        let bytes = header.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
        bytes.map_or(0, i32::from_be_bytes)
    };
    if !header.starts_with(b"SQLite format 3\0") || number(68) != APPLICATION_ID {
        return Err(Unusable::Foreign);
    }
    let found = number(60);
    if found > NEWEST { Err(Unusable::Newer { found, known: NEWEST }) } else { Ok(()) }
}

fn create(path: &Path) -> Result<File, Unusable> {
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(MODE).open(path);
    file.map_err(|error| match error.kind() {
        io::ErrorKind::StorageFull => Unusable::DiskFull,
        kind => Unusable::NotWritable(kind),
    })
}

/// Returns the size of the database in bytes.
pub(super) fn size(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |metadata| metadata.len())
}

/// Returns the type of the file system that a directory is on.
fn file_system<'a>(mounts: &'a str, dir: &Path) -> Option<&'a str> {
    let mounts = mounts.lines().filter_map(|line| {
        let (mount, source) = line.split_once(" - ")?;
        // A blank is written in octal.
        let point = mount.split(' ').nth(4)?.replace("\\040", " ");
        let depth = Path::new(&point).components().count();
        dir.starts_with(&point).then_some((depth, source.split(' ').next()?))
    });
    // Of two mounts on one directory the later counts.
    mounts.max_by_key(|(depth, _)| *depth).map(|(_, kind)| kind)
}

/// Whether `SQLite` cannot rely on locks and on shared memory there.
fn is_network(kind: &str) -> bool {
    ["nfs", "nfs4", "cifs", "smb3", "9p"].contains(&kind) || kind.starts_with("fuse.")
}

#[cfg(test)]
#[path = "tests/files_tests.rs"]
mod tests;
