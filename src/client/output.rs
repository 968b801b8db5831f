//! Writes the log to stdout, which has nothing else.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use crate::client::exit::{Exit, OUTPUT};

/// Where the log goes.
pub type Output = Arc<Mutex<dyn Write + Send>>;

/// Whether anybody reads on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    There,
    /// It has seen enough (`| head`), which is no error.
    Gone,
}

pub fn stdout() -> Output {
    Arc::new(Mutex::new(io::stdout()))
}

/// Writes all of it. A reader that is slow holds up this alone: signals and the time go on.
pub async fn write(output: &Output, bytes: Vec<u8>) -> Result<Reader, Exit> {
    let output = Arc::clone(output);
    let written = tokio::task::spawn_blocking(move || {
        let mut output = output.lock().unwrap_or_else(PoisonError::into_inner);
        output.write_all(&bytes).and_then(|()| output.flush())
    });
    match written.await.unwrap_or_else(|error| Err(io::Error::other(error))) {
        Ok(()) => Ok(Reader::There),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Reader::Gone),
        Err(error) => Err(Exit::new(OUTPUT, format!("writing the log to stdout: {error}; the job goes on"))),
    }
}
