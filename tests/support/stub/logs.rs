//! What the containers of pods have written, line by line, and who reads along. How a request reads
//! it is the reader's part.

mod reader;

use std::collections::BTreeMap;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::sync::watch;

pub use reader::open;

#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Key {
    pub namespace: String,
    pub pod: String,
    pub container: String,
    /// Whether it is the log of the container's run before.
    pub previous: bool,
}

impl Key {
    pub fn new(namespace: &str, pod: &str, container: &str) -> Self {
        Self { namespace: namespace.into(), pod: pod.into(), container: container.into(), previous: false }
    }

    pub fn previous(self) -> Self {
        Self { previous: true, ..self }
    }
}

#[derive(Clone, Debug)]
pub struct Line {
    /// When its first byte was written. Empty if no container wrote it.
    pub at: String,
    /// With its line feed, if it was written already.
    pub text: Vec<u8>,
}

#[derive(Debug, Default)]
pub struct Log {
    pub lines: Vec<Line>,
    /// Whether the container writes no more.
    pub ended: bool,
}

impl Log {
    fn append(&mut self, text: &[u8]) {
        for piece in text.split_inclusive(|&byte| byte == b'\n') {
            match self.lines.last_mut().filter(|line| !line.text.ends_with(b"\n")) {
                Some(begun) => begun.text.extend_from_slice(piece),
                None => self.lines.push(Line { at: now(), text: piece.to_vec() }),
            }
        }
    }
}

#[derive(Debug, Default)]
pub struct Logs {
    pub kept: watch::Sender<BTreeMap<Key, Log>>,
    pub followers: watch::Sender<usize>,
}

impl Logs {
    /// Begins the log anew with this text.
    pub fn put(&self, key: Key, text: &[u8]) {
        let mut log = Log::default();
        log.append(text);
        self.kept.send_modify(|kept| drop(kept.insert(key, log)));
    }

    pub fn put_raw(&self, key: Key, text: &[u8]) {
        let line = Line { at: String::new(), text: text.to_vec() };
        self.kept.send_modify(|kept| drop(kept.insert(key, Log { lines: vec![line], ended: true })));
    }

    pub fn append(&self, key: Key, text: &[u8]) {
        self.kept.send_modify(|kept| kept.entry(key).or_default().append(text));
    }

    pub fn end(&self, key: Key) {
        self.kept.send_modify(|kept| kept.entry(key).or_default().ended = true);
    }
}

/// The time of day to the nanosecond, as container runtimes note it.
fn now() -> String {
    OffsetDateTime::now_utc().format(&Rfc3339).unwrap()
}
