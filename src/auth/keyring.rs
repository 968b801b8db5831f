//! Holds the keys in force, and reloads their file. If the file is wrong, the old keys stay in force.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use crate::auth::keys::{Keys, LineError};
use crate::util::files;

/// About 8,000 keys.
pub const MAX_FILE_BYTES: u64 = 1 << 20;

#[derive(Debug)]
pub struct Keyring {
    path: PathBuf,
    keys: RwLock<Arc<Keys>>,
}

/// Why a file was rejected.
#[derive(Debug)]
pub enum Error {
    Unreadable(std::io::Error),
    Invalid(LineError),
    /// With no key, nobody could call the service.
    Empty,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(error) => error.fmt(f),
            Self::Invalid(error) => error.fmt(f),
            Self::Empty => f.write_str("there is no key in it: make one with eks-api keygen"),
        }
    }
}

impl std::error::Error for Error {}

impl Keyring {
    pub fn open(path: &Path) -> Result<Self, Error> {
        Ok(Self { path: path.to_owned(), keys: RwLock::new(Arc::new(read(path)?)) })
    }

    pub fn keys(&self) -> Arc<Keys> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the file again and puts its keys in force.
    pub fn reload(&self) -> Result<(), Error> {
        let keys = read(&self.path)?;
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
        Ok(())
    }
}

fn read(path: &Path) -> Result<Keys, Error> {
    let text = files::read_text(path, MAX_FILE_BYTES).map_err(Error::Unreadable)?;
    let keys = Keys::parse(&text).map_err(Error::Invalid)?;
    if let Some(pattern) = keys.without_kind() {
        log::warn!(file:% = path.display(), line = pattern; "cert: lines without a kind match DNS names and e-mail addresses only: write cert:uri: or cert:cn:");
    }
    if keys.is_empty() { Err(Error::Empty) } else { Ok(keys) }
}
