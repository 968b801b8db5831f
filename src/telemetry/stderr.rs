//! Lines for stderr, written by a thread of their own: a reader that is slow or stuck holds up nothing else. Beyond a bound
//! lines are dropped, and counted.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

/// The most that is kept for a reader that is slow, in bytes. Further lines are dropped.
const MAX_QUEUED: usize = 1 << 20;
/// How much is written in one go, in bytes.
const CHUNK: usize = 64 << 10;
/// What the last lines may take when the program ends.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);
const STACK: usize = 128 << 10;

static STDERR: OnceLock<Lines> = OnceLock::new();

/// From now on lines are written by the thread.
pub fn start() {
    STDERR.get_or_init(|| Lines::to(io::stderr(), warn_of_dropped));
}

/// Writes a line, with its line feed. False if it was dropped.
pub fn write(line: &[u8]) -> bool {
    match STDERR.get() {
        Some(lines) => lines.write(line),
        None => io::stderr().lock().write_all(line).is_ok(),
    }
}

/// How many lines were dropped.
pub fn dropped() -> u64 {
    STDERR.get().map_or(0, |lines| lines.counts.dropped.load(Ordering::Relaxed))
}

/// Waits for what was written so far to be out, for a second at most.
pub fn flush() {
    if let Some(lines) = STDERR.get() {
        lines.flush();
    }
}

enum Message {
    Line(Box<[u8]>),
    /// Whoever sent it waits for an answer.
    Flush(Sender<()>),
}

#[derive(Debug, Default)]
struct Counts {
    /// Bytes.
    queued: AtomicUsize,
    /// Lines.
    dropped: AtomicU64,
}

#[derive(Debug)]
struct Lines {
    sender: Sender<Message>,
    counts: Arc<Counts>,
}

impl Lines {
    /// `tell` hears how many lines were dropped, once lines can be written again.
    fn to(out: impl Write + Send + 'static, tell: impl Fn(u64) + Send + 'static) -> Self {
        let ((sender, receiver), counts) = (channel(), Arc::new(Counts::default()));
        let of_thread = Arc::clone(&counts);
        // Without the thread nobody receives: then all lines are dropped, and counted.
        let thread = thread::Builder::new().name("log".into()).stack_size(STACK);
        let _ = thread.spawn(move || run(out, &receiver, &of_thread, tell));
        Self { sender, counts }
    }

    fn write(&self, line: &[u8]) -> bool {
        let Counts { queued, dropped } = &*self.counts;
        let fits = |queued: usize| Some(queued + line.len()).filter(|sum| *sum <= MAX_QUEUED);
        let is_taken = queued.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_ok()
            && self.sender.send(Message::Line(line.into())).is_ok();
        dropped.fetch_add(u64::from(!is_taken), Ordering::Relaxed);
        is_taken
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

fn run(mut out: impl Write, receiver: &Receiver<Message>, counts: &Counts, tell: impl Fn(u64)) {
    let (mut chunk, mut told) = (Vec::with_capacity(CHUNK), 0);
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
            if chunk.len() >= CHUNK || flushed.is_some() {
                break;
            }
        }
        let is_written = out.write_all(&chunk).is_ok();
        if !is_written {
            counts.dropped.fetch_add(lines, Ordering::Relaxed);
        }
        counts.queued.fetch_sub(chunk.len(), Ordering::Relaxed);
        chunk.clear();
        // Whoever waits hears of it; if not, it waits no more.
        drop(flushed);
        let dropped = counts.dropped.load(Ordering::Relaxed);
        // Where nothing can be written, the warning could not be written either, and would ask for the next.
        if is_written && dropped > told {
            tell(dropped - told);
            told = dropped;
        }
    }
}

/// For `env_logger`: a line at a time.
#[derive(Debug)]
pub struct Pipe;

impl Write for Pipe {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        // A line that is dropped is counted; the logger could do no more about it.
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

    /// Takes a line only while the test does not hold the lock.
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
    fn b4_a_reader_that_is_stuck_holds_up_nobody_and_what_is_dropped_is_counted() {
        let reader = Reader::default();
        let lines = Lines::to(reader.clone(), |_| {});
        let stuck = reader.0.lock().unwrap();
        let line = |number: usize| format!("{number} {}\n", "x".repeat(1000));
        let mut taken = Vec::new();
        for number in 0..5000 {
            if lines.write(line(number).as_bytes()) {
                taken.push(number);
            }
        }
        let dropped = 5000 - taken.len();
        assert!(taken.len() > 900 && dropped > 3000, "{} of 5000 were taken", taken.len());
        assert_eq!(lines.counts.dropped.load(Ordering::Relaxed), dropped as u64);
        drop(stuck);
        lines.flush();
        let text = String::from_utf8(reader.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text, taken.iter().map(|number| line(*number)).collect::<String>(), "whole, and in order");
        assert!(lines.write(b"again\n"), "there is room again");
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
        let told = Arc::<AtomicU64>::default();
        let tells = Arc::clone(&told);
        let lines = Lines::to(Closed, move |_| {
            tells.fetch_add(1, Ordering::Relaxed);
        });
        lines.write(b"one\n");
        lines.flush();
        let counts = [&lines.counts.dropped, &told].map(|count| count.load(Ordering::Relaxed));
        assert_eq!(counts, [1, 0], "a warning that cannot be written would be the next line that cannot be written");
    }
}
