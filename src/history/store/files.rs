//! The files of the history, before `SQLite` opens them: [`lock`] and [`check`].

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

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
    if fs::symlink_metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
        return Err(Unusable::Foreign);
    }
    let mut header = Vec::new();
    create(path)?.take(100).read_to_end(&mut header).map_err(|error| Unusable::Failed(error.kind().to_string()))?;
    if header.is_empty() {
        // `SQLite` would delete the log. It has the records of a database that was truncated.
        return if size(&log(path)) == 0 { Ok(()) } else { Err(Unusable::Corrupt) };
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

/// Returns the path of the write-ahead log of a database.
fn log(path: &Path) -> PathBuf {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    log.into()
}

/// The device and the inode of each file that is open.
#[derive(Debug)]
pub(super) struct Identity {
    paths: [PathBuf; 3],
    /// `None` until the file is there.
    known: [Option<(u64, u64)>; 3],
}

impl Identity {
    pub(super) fn new(database: &Path) -> Self {
        Self { paths: [database.to_owned(), log(database), database.with_file_name(LOCK)], known: [None; 3] }
    }

    /// Whether a file was moved, deleted or replaced since the first call.
    pub(super) fn has_changed(&mut self) -> bool {
        self.paths.iter().zip(&mut self.known).any(|(path, known)| {
            let found = fs::metadata(path).ok().map(|metadata| (metadata.dev(), metadata.ino()));
            let before = *known;
            *known = known.or(found);
            before.is_some() && before != found
        })
    }
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
