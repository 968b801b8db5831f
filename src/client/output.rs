//! Writes to stdout: [`write()`], and [`LogWriter`] for a log.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use crate::client::exit::{Exit, OUTPUT};

/// The destination of logs and results.
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
    reader(written.await.unwrap_or_else(|error| Err(io::Error::other(error))))
}

/// Returns whether the reader is still there after this result of a write.
pub fn reader(written: io::Result<()>) -> Result<Reader, Exit> {
    match written {
        Ok(()) => Ok(Reader::Open),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Reader::Closed),
        Err(error) => Err(Exit::new(OUTPUT, format!("stdout cannot be written: {error}"))),
    }
}

/// The longest line that is held. A longer one is written in parts, each with its prefix.
const MAX_LINE_BYTES: usize = 64 << 10;

/// Writes one log. With a prefix it writes only whole lines, so that several logs can share an output.
pub struct LogWriter {
    output: Output,
    prefix: Option<String>,
    /// The line that has not ended yet.
    line: Vec<u8>,
    /// Whether the last part of a long line was written, but not its end.
    is_cut: bool,
    /// Whether the last output ended within a line.
    pub is_mid_line: bool,
}

impl std::fmt::Debug for LogWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LogWriter").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

impl LogWriter {
    pub fn new(output: &Output, prefix: Option<String>) -> Self {
        Self { output: Arc::clone(output), prefix, line: Vec::new(), is_cut: false, is_mid_line: false }
    }

    pub async fn write(&mut self, bytes: Vec<u8>) -> Result<Reader, Exit> {
        let bytes = if self.prefix.is_some() { self.lines(&bytes) } else { bytes };
        let Some(last) = bytes.last() else { return Ok(Reader::Open) };
        self.is_mid_line = *last != b'\n';
        write(&self.output, bytes).await
    }

    /// Writes the last line, if it has no end.
    pub async fn finish(&mut self) -> Result<Reader, Exit> {
        if self.line.is_empty() { Ok(Reader::Open) } else { self.write(b"\n".to_vec()).await }
    }

    /// Returns the lines that end here, with the prefix. Holds the rest.
    fn lines(&mut self, bytes: &[u8]) -> Vec<u8> {
        let (mut out, prefix) = (Vec::new(), self.prefix.as_deref().unwrap_or_default());
        for part in bytes.split_inclusive(|c| *c == b'\n') {
            let is_cut = std::mem::take(&mut self.is_cut);
            if is_cut && part == b"\n" {
                continue;
            }
            self.line.extend_from_slice(part);
            if !part.ends_with(b"\n") {
                if self.line.len() < MAX_LINE_BYTES {
                    continue;
                }
                self.is_cut = true;
                self.line.push(b'\n');
            }
            out.extend_from_slice(prefix.as_bytes());
            out.push(b' ');
            out.append(&mut self.line);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_has_its_prefix_and_is_written_whole() {
        let mut writer = LogWriter::new(&stdout(), Some("p/c".to_owned()));
        assert_eq!(writer.lines(b"one\ntw"), b"p/c one\n");
        assert_eq!(writer.lines(b"o"), b"");
        assert_eq!(writer.lines(b"\n\nthree\n"), b"p/c two\np/c \np/c three\n");
        let long = vec![b'x'; MAX_LINE_BYTES];
        let written = writer.lines(&long);
        assert!(written.starts_with(b"p/c xx") && written.ends_with(b"x\n") && writer.line.is_empty());
        assert_eq!(writer.lines(b"\n\nend\n"), b"p/c \np/c end\n", "the end of the cut line is not a line");
    }
}
