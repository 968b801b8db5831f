//! The keys in force, and how others take their place. A file that cannot be read leaves the old ones in force.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use crate::auth::keys::{Keys, Mistake};
use crate::util::files;

/// Some 8,000 keys.
const MAX_FILE_BYTES: u64 = 1 << 20;

#[derive(Debug)]
pub struct Keyring {
    path: PathBuf,
    keys: RwLock<Arc<Keys>>,
}

/// Why a file was not taken up.
#[derive(Debug)]
pub enum Error {
    Unreadable(std::io::Error),
    Wrong(Mistake),
    /// A service that nobody may call is nothing that anyone wants.
    Empty,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(error) => error.fmt(f),
            Self::Wrong(mistake) => mistake.fmt(f),
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

    /// Takes up the file as it is now.
    pub fn reload(&self) -> Result<(), Error> {
        let keys = read(&self.path)?;
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
        Ok(())
    }
}

fn read(path: &Path) -> Result<Keys, Error> {
    let text = files::read_text(path, MAX_FILE_BYTES).map_err(Error::Unreadable)?;
    let keys = Keys::parse(&text).map_err(Error::Wrong)?;
    if let Some(pattern) = keys.without_kind() {
        log::warn!(file:% = path.display(), line = pattern; "cert: lines without a kind match DNS names and e-mail addresses only: write cert:uri: or cert:cn:");
    }
    if keys.is_empty() { Err(Error::Empty) } else { Ok(keys) }
}
