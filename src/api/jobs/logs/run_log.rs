//! What was sent of one run's log, and how the rest of it is asked for.

use std::time::Duration;

use tokio::time::Instant;

use crate::jobs::logs::availability::RunState;
use crate::kube::url::LogOptions;
use crate::util::log_lines::{Extent, Join, Part, Splitter, WINDOW};

/// A text without a time is held up to its newline, but not more of it than this.
const MAX_UNTIMED: usize = 4 << 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Settled {
    CaughtUp,
    MoreNeeded,
    /// All of it agrees with what was sent, but it has less.
    CutShort,
}

pub(super) struct RunLog {
    join: Join,
    splitter: Splitter,
    /// A line without a time, as far as it was read.
    untimed: Option<Vec<u8>>,
    /// What the caller wants of it.
    wanted: LogOptions,
    /// When it was opened first.
    opened: Option<Instant>,
    extent: Extent,
    is_after_loss: bool,
    /// Whether the last reading had the end that the cluster meant.
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

    /// What is asked for next. A whole log is read again without following it, because only its end tells what it lacks.
    pub(super) fn options(&self, run: RunState) -> LogOptions {
        let follow = run == RunState::Running && (self.extent == Extent::Tail || self.is_after_loss);
        let options = LogOptions { follow, timestamps: true, previous: run == RunState::Previous, ..self.wanted };
        let Some(opened) = self.opened else { return options };
        if self.join.is_empty() {
            // The same part as at first: its beginning lies further back now.
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

    /// A reading begins.
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

    /// What is new in these bytes.
    pub(super) fn read(&mut self, bytes: &[u8]) -> Vec<u8> {
        let (mut out, Self { join, splitter, untimed, .. }) = (Vec::new(), self);
        splitter.split(bytes, |part| take(join, untimed, part, &mut out));
        out
    }

    /// The reading ended well: what is new, and what the kubelet said in place of a log. That is a last line without a time
    /// and without a newline.
    pub(super) fn finish(&mut self) -> (Vec<u8>, Option<String>) {
        let (mut out, Self { join, splitter, untimed, .. }) = (Vec::new(), &mut *self);
        splitter.finish(|part| take(join, untimed, part, &mut out));
        let said = self.untimed.take().map(|text| String::from_utf8_lossy(&text).trim().to_owned());
        if said.is_none() {
            self.join.finish(&mut out);
            self.has_ended = self.join.is_caught_up();
        }
        (out, said)
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

    /// Says whether a reading that ended had all that was sent before. If not, more of the log is asked for the next time.
    pub(super) fn settle(&mut self) -> Settled {
        if self.join.is_caught_up() {
            self.extent = Extent::Tail;
            return Settled::CaughtUp;
        }
        match self.extent {
            Extent::Tail => self.extent = Extent::Whole,
            Extent::Whole if self.join.is_cut_short() => return Settled::CutShort,
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
