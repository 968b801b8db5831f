//! Why the database cannot be used, and what to do: [`Unusable`].

use std::{fmt, io};

use rusqlite::ErrorCode;
use rusqlite::ffi::code_to_str;

/// The messages name no path: callers see them. The log has the path.
#[derive(Debug)]
pub(super) enum Unusable {
    NoDirectory,
    NotWritable(io::ErrorKind),
    /// With the type of the file system.
    Network(String),
    Locked,
    Foreign,
    /// The schema of the file, and the newest that is known here.
    Newer {
        found: i32,
        known: i32,
    },
    Corrupt,
    /// A file was moved, deleted or replaced while it was open.
    Replaced,
    /// The disk is full.
    DiskFull,
    /// The database has its largest size. Rows that may be deleted go in pieces; runs that still exist stay.
    SizeReached,
    Failed(String),
}

impl Unusable {
    /// Whether the file must be closed and left as it is.
    pub(super) fn is_corrupt(&self) -> bool {
        matches!(self, Self::Corrupt | Self::Replaced)
    }
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoDirectory => {
                f.write_str("EKS_API_STATE_DIR is not a directory: create it for the user of the service")
            }
            Self::NotWritable(io::ErrorKind::ReadOnlyFilesystem) => f.write_str(
                "the history is on a read-only file system: remount it, or choose another EKS_API_STATE_DIR",
            ),
            Self::NotWritable(why) => {
                write!(
                    f,
                    "the history cannot be written ({why}): let the user of the service write in EKS_API_STATE_DIR"
                )
            }
            Self::Network(kind) => {
                write!(f, "EKS_API_STATE_DIR is on a network file system ({kind}): choose a directory on a local disk")
            }
            Self::Locked => {
                f.write_str("another process uses the history: give each service an EKS_API_STATE_DIR of its own")
            }
            Self::Foreign => f.write_str("history.db is not a history of eks-api: move it away"),
            Self::Newer { found, known } => write!(
                f,
                "history.db has schema {found}, and this version of eks-api knows {known}: \
                 install the newer version again, or move history.db away"
            ),
            Self::Corrupt => f.write_str(
                "history.db is damaged: stop the service, and move history.db, history.db-wal and history.db-shm \
                 away; then restore a backup, if there is one",
            ),
            Self::Replaced => f.write_str(
                "history.db was moved, deleted or replaced while it was open, so the last records may be lost: \
                 stop the service before that; it opens the file again in a minute",
            ),
            Self::DiskFull => f.write_str("the disk is full: free space in EKS_API_STATE_DIR"),
            Self::SizeReached => f.write_str("the history has its largest size: raise EKS_API_HISTORY_MAX_SIZE"),
            Self::Failed(why) => write!(f, "the history failed ({why}): check the disk of EKS_API_STATE_DIR"),
        }
    }
}

impl From<rusqlite::Error> for Unusable {
    fn from(error: rusqlite::Error) -> Self {
        let Some(known) = error.sqlite_error() else { return Self::Failed(error.to_string()) };
        match known.code {
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => Self::Corrupt,
            ErrorCode::DiskFull => Self::DiskFull,
            ErrorCode::ReadOnly => Self::NotWritable(io::ErrorKind::PermissionDenied),
            _ => Self::Failed(code_to_str(known.extended_code).to_owned()),
        }
    }
}
