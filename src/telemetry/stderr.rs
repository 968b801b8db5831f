//! Writes lines to stderr on a thread of its own: [`start`], [`write()`], [`flush`]. A slow or blocked reader delays nothing
//! else. Beyond 1 MiB lines are dropped and counted.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

/// The maximum of queued lines, in bytes. Further lines are dropped.
const MAX_QUEUED_BYTES: usize = 1 << 20;
/// The size of one write, in bytes.
const CHUNK_BYTES: usize = 64 << 10;
/// How long the end of the program waits for the last lines.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);
const STACK_BYTES: usize = 128 << 10;

static STDERR: OnceLock<Writer> = OnceLock::new();

/// Starts the thread. Before, lines are written directly.
pub fn start() {
    STDERR.get_or_init(|| Writer::new(io::stderr(), warn_of_dropped));
}

/// Writes a line that ends with a line feed. Returns false if it was dropped.
pub fn write(line: &[u8]) -> bool {
    match STDERR.get() {
        Some(writer) => writer.write(line),
        None => io::stderr().lock().write_all(line).is_ok(),
    }
}

/// Returns how many lines were dropped.
pub fn dropped() -> u64 {
    STDERR.get().map_or(0, |writer| writer.counts.dropped.load(Ordering::Relaxed))
}

/// Waits until all lines so far are written, for at most a second.
pub fn flush() {
    if let Some(writer) = STDERR.get() {
        writer.flush();
    }
}

enum Message {
    Line(Box<[u8]>),
    /// The sender waits for the other end to be dropped.
    Flush(Sender<()>),
}

#[derive(Debug, Default)]
struct Counts {
    queued_bytes: AtomicUsize,
    dropped: AtomicU64,
}

#[derive(Debug)]
struct Writer {
    sender: Sender<Message>,
    counts: Arc<Counts>,
}

impl Writer {
    /// When lines can be written again, `warn` is called with the number of dropped lines.
    fn new(out: impl Write + Send + 'static, warn: impl Fn(u64) + Send + 'static) -> Self {
        let ((sender, receiver), counts) = (channel(), Arc::new(Counts::default()));
        let of_thread = Arc::clone(&counts);
        // Without the thread, all lines are dropped and counted.
        let thread = thread::Builder::new().name("log".into()).stack_size(STACK_BYTES);
        let _ = thread.spawn(move || run(out, &receiver, &of_thread, warn));
        Self { sender, counts }
    }

    fn write(&self, line: &[u8]) -> bool {
        let Counts { queued_bytes, dropped } = &*self.counts;
        let fits = |queued: usize| Some(queued + line.len()).filter(|sum| *sum <= MAX_QUEUED_BYTES);
        let is_queued = queued_bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_ok()
            && self.sender.send(Message::Line(line.into())).is_ok();
        dropped.fetch_add(u64::from(!is_queued), Ordering::Relaxed);
        is_queued
    }

    fn flush(&self) {
        let (done, is_done) = channel();
        if self.sender.send(Message::Flush(done)).is_ok() {
            let _ = is_done.recv_timeout(FLUSH_TIMEOUT);
        }
    }
}

fn warn_of_dropped(lines: u64) {
    log::warn!(lines; "log lines were dropped: stderr is not read fast enough");
}

fn run(mut out: impl Write, receiver: &Receiver<Message>, counts: &Counts, warn: impl Fn(u64)) {
    let (mut chunk, mut reported) = (Vec::with_capacity(CHUNK_BYTES), 0);
    while let Ok(first) = receiver.recv() {
        let (mut lines, mut flushed) = (0, None);
        for message in std::iter::once(first).chain(receiver.try_iter()) {
            match message {
                Message::Line(line) => {
                    chunk.extend_from_slice(&line);
                    lines += 1;
                }
                Message::Flush(done) => flushed = Some(done),
            }
            if chunk.len() >= CHUNK_BYTES || flushed.is_some() {
                break;
            }
        }
        let is_written = out.write_all(&chunk).is_ok();
        if !is_written {
            counts.dropped.fetch_add(lines, Ordering::Relaxed);
        }
        counts.queued_bytes.fetch_sub(chunk.len(), Ordering::Relaxed);
        chunk.clear();
        // This wakes the thread that waits for the flush.
        drop(flushed);
        let dropped = counts.dropped.load(Ordering::Relaxed);
        // If no line can be written, a warning would only be dropped too.
        if is_written && lines > 0 && dropped > reported {
            warn(dropped - reported);
            reported = dropped;
        }
    }
}

/// The output of `env_logger`. It writes one line at a time.
#[derive(Debug)]
pub struct Pipe;

impl Write for Pipe {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        // A dropped line is counted.
        write(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, PoisonError};

    use super::*;

    /// Reads only while the test does not hold the lock.
    #[derive(Clone, Default)]
    struct Reader(Arc<Mutex<Vec<u8>>>);

    impl Write for Reader {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn b4_a_blocked_reader_delays_nothing_and_dropped_lines_are_counted() {
        let reader = Reader::default();
        let writer = Writer::new(reader.clone(), |_| {});
        let stuck = reader.0.lock().unwrap();
        let line = |number: usize| format!("{number} {}\n", "x".repeat(1000));
        let mut taken = Vec::new();
        for number in 0..5000 {
            if writer.write(line(number).as_bytes()) {
                taken.push(number);
            }
        }
        let dropped = 5000 - taken.len();
        assert!(taken.len() > 900 && dropped > 3000, "{} of 5000 were taken", taken.len());
        assert_eq!(writer.counts.dropped.load(Ordering::Relaxed), dropped as u64);
        drop(stuck);
        writer.flush();
        let text = String::from_utf8(reader.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text, taken.iter().map(|number| line(*number)).collect::<String>(), "whole, and in order");
        assert!(writer.write(b"again\n"), "there is room again");
    }

    #[test]
    fn b4_a_line_that_cannot_be_written_is_counted() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let warnings = Arc::<AtomicU64>::default();
        let counted = Arc::clone(&warnings);
        let writer = Writer::new(Closed, move |_| {
            counted.fetch_add(1, Ordering::Relaxed);
        });
        writer.write(b"one\n");
        writer.flush();
        let counts = [&writer.counts.dropped, &warnings].map(|count| count.load(Ordering::Relaxed));
        assert_eq!(counts, [1, 0], "a warning could not be written either");
    }
}
