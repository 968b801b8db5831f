//! Writes the log to stdout: [`write()`].

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use crate::client::exit::{Exit, OUTPUT};

/// The destination of the log.
pub type Output = Arc<Mutex<dyn Write + Send>>;

/// Whether the reader of stdout is still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    Open,
    /// The reader has left, as `| head` does. That is not an error.
    Closed,
}

pub fn stdout() -> Output {
    Arc::new(Mutex::new(io::stdout()))
}

/// Writes all bytes, on a thread of its own: a slow reader must not delay signals and the timeout.
pub async fn write(output: &Output, bytes: Vec<u8>) -> Result<Reader, Exit> {
    let output = Arc::clone(output);
    let written = tokio::task::spawn_blocking(move || {
        let mut output = output.lock().unwrap_or_else(PoisonError::into_inner);
        output.write_all(&bytes).and_then(|()| output.flush())
    });
    match written.await.unwrap_or_else(|error| Err(io::Error::other(error))) {
        Ok(()) => Ok(Reader::Open),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Reader::Closed),
        Err(error) => Err(Exit::new(OUTPUT, format!("writing the log to stdout: {error}; the job goes on"))),
    }
}
