//! What containers wrote, on stdout and nothing else there.

use std::io::{self, Write};

use super::end::{End, OUTPUT};

/// Whether anybody reads on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    There,
    /// It has seen enough (`| head`), which is no error.
    Gone,
}

/// Writes all of it. A reader that is slow holds up this alone: signals and the time go on.
pub async fn write(bytes: Vec<u8>) -> Result<Reader, End> {
    let written = tokio::task::spawn_blocking(move || {
        let mut stdout = io::stdout().lock();
        stdout.write_all(&bytes).and_then(|()| stdout.flush())
    });
    match written.await.unwrap_or_else(|error| Err(io::Error::other(error))) {
        Ok(()) => Ok(Reader::There),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Reader::Gone),
        Err(error) => Err(End::new(OUTPUT, format!("writing the log to stdout: {error}; the job goes on"))),
    }
}
