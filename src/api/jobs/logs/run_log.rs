//! [`RunLog`]: what was sent of the log of one run, and the request for the rest.

use std::time::Duration;

use tokio::time::Instant;

use crate::jobs::logs::availability::RunState;
use crate::kube::url::LogOptions;
use crate::util::log_lines::{Extent, Join, Part, Splitter, WINDOW};

/// The most bytes that are held of a line without a time.
const MAX_UNTIMED: usize = 4 << 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Settled {
    CaughtUp,
    MoreNeeded,
    /// The log agrees with what was sent but is shorter.
    Shorter,
}

pub(super) struct RunLog {
    join: Join,
    splitter: Splitter,
    /// The start of a line without a time.
    untimed: Option<Vec<u8>>,
    /// The options of the caller.
    wanted: LogOptions,
    /// The time of the first stream.
    opened: Option<Instant>,
    extent: Extent,
    is_after_loss: bool,
    /// Whether the last stream ended regularly.
    pub(super) has_ended: bool,
}

impl RunLog {
    pub(super) fn new(wanted: LogOptions) -> Self {
        Self {
            join: Join::new(wanted.timestamps),
            splitter: Splitter::default(),
            untimed: None,
            wanted,
            opened: None,
            extent: Extent::Tail,
            is_after_loss: false,
            has_ended: false,
        }
    }

    /// Returns the options of the next stream. A whole log is read again without `follow`: only its end shows what it lacks.
    pub(super) fn options(&self, run: RunState) -> LogOptions {
        let follow = run == RunState::Running && (self.extent == Extent::Tail || self.is_after_loss);
        let options = LogOptions { follow, timestamps: true, previous: run == RunState::Previous, ..self.wanted };
        let Some(opened) = self.opened else { return options };
        if self.join.is_empty() {
            // The same part as before, which starts further back now.
            let seconds = |time: Duration| u32::try_from(time.as_secs() + 1).unwrap_or(u32::MAX);
            let since = seconds(opened.elapsed());
            return match options {
                LogOptions { tail_lines: Some(0), .. } => {
                    LogOptions { tail_lines: None, since_seconds: Some(since), since_time: None, ..options }
                }
                LogOptions { since_seconds: Some(before), .. } => {
                    LogOptions { since_seconds: Some(before.saturating_add(since)), ..options }
                }
                _ => options,
            };
        }
        let is_tail = self.extent == Extent::Tail && !self.is_after_loss;
        let tail_lines = is_tail.then_some(u32::try_from(WINDOW).unwrap_or(u32::MAX));
        LogOptions { tail_lines, since_seconds: None, ..options }
    }

    /// Starts the next stream.
    pub(super) fn reopen(&mut self) {
        self.opened.get_or_insert_with(Instant::now);
        (self.splitter, self.untimed, self.has_ended) = (Splitter::default(), None, false);
        if self.is_after_loss {
            self.join.reopen_after_loss();
            (self.is_after_loss, self.extent) = (false, Extent::Tail);
        } else {
            self.join.reopen(self.extent);
        }
    }

    /// Returns the part of these bytes that was not sent yet.
    pub(super) fn read(&mut self, bytes: &[u8]) -> Vec<u8> {
        let (mut out, Self { join, splitter, untimed, .. }) = (Vec::new(), self);
        splitter.split(bytes, |part| take(join, untimed, part, &mut out));
        out
    }

    /// Ends a stream that ended regularly. Returns the rest of it, and the kubelet's message in place of a log: a last line
    /// without a time and without a newline.
    pub(super) fn finish(&mut self) -> (Vec<u8>, Option<String>) {
        let (mut out, Self { join, splitter, untimed, .. }) = (Vec::new(), &mut *self);
        splitter.finish(|part| take(join, untimed, part, &mut out));
        let message = self.untimed.take().map(|text| String::from_utf8_lossy(&text).trim().to_owned());
        if message.is_none() {
            self.join.finish(&mut out);
            self.has_ended = self.join.is_caught_up();
        }
        (out, message)
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.join.is_empty()
    }

    pub(super) const fn has_no_overlap(&self) -> bool {
        self.join.has_no_overlap()
    }

    pub(super) const fn has_lost_lines(&self) -> bool {
        self.join.has_lost_lines()
    }

    /// Returns whether a stream that ended had all that was sent before. If not, the next one reads more of the log.
    pub(super) fn settle(&mut self) -> Settled {
        if self.join.is_caught_up() {
            self.extent = Extent::Tail;
            return Settled::CaughtUp;
        }
        match self.extent {
            Extent::Tail => self.extent = Extent::Whole,
            Extent::Whole if self.join.is_cut_short() => return Settled::Shorter,
            Extent::Whole => self.is_after_loss = true,
        }
        Settled::MoreNeeded
    }
}

fn take(join: &mut Join, untimed: &mut Option<Vec<u8>>, part: Part<'_>, out: &mut Vec<u8>) {
    match (part, untimed.as_mut()) {
        (Part::Begin(None), _) => *untimed = Some(Vec::new()),
        (Part::Text(text), Some(held)) => {
            held.extend_from_slice(text);
            if text.ends_with(b"\n") || held.len() > MAX_UNTIMED {
                join.read(Part::Begin(None), out);
                join.read(Part::Text(held), out);
                *untimed = None;
            }
        }
        (part, _) => join.read(part, out),
    }
}
