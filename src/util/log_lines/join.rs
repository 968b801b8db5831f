//! Finds where a reading goes on after what earlier readings passed on.

use crate::util::log_lines::line::Line;
use crate::util::log_lines::search::{Known, Search, WINDOW};
use crate::util::log_lines::{Part, Stamp};

/// How much text is held while the same lines occur in several places. Beyond it the beginning of the log counts, if the
/// reading has it, or else the nearest place.
const MAX_HELD: usize = 64 << 10;

/// Which part of the log a new reading has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// The last lines. If none of them is known, nothing is passed on: see `Join::has_no_overlap`.
    Tail,
    /// All lines that there are.
    Whole,
}

/// What was passed on of one container's log, in one run of the container.
#[derive(Debug, Default)]
pub struct Join {
    /// Whether the time is passed on with the line.
    with_times: bool,
    /// The whole lines.
    known: Known,
    /// What earlier readings passed on of the line after these.
    partial: Option<Partial>,
    mode: Mode,
    /// The line that is being read.
    line: Line,
    has_lost_lines: bool,
}

#[derive(Debug)]
struct Partial {
    hash: u64,
    len: usize,
}

#[derive(Debug, Default)]
enum Mode {
    /// What is read is new.
    #[default]
    JobReflector,
    Searching(Search),
    NoOverlap,
}

impl Join {
    pub fn new(with_times: bool) -> Self {
        Self { with_times, ..Self::default() }
    }

    /// A new reading of the log begins.
    pub fn reopen(&mut self, extent: Extent) {
        let line = std::mem::take(&mut self.line);
        if matches!(self.mode, Mode::JobReflector) && line.has_begun {
            self.partial = Some(Partial { hash: line.hash(), len: line.len });
        }
        self.mode = if self.is_empty() { Mode::JobReflector } else { Mode::Searching(Search::new(extent)) };
    }

    /// Appends to `out` what is new in this part.
    pub fn read(&mut self, part: Part<'_>, out: &mut Vec<u8>) {
        match part {
            Part::Begin(stamp) => self.begin(stamp, out),
            Part::Text(text) => self.text(text, out),
        }
    }

    /// A whole reading had nothing of what was passed on: all that comes now is new, and what was between is lost.
    pub fn reopen_after_loss(&mut self) {
        self.reopen(Extent::Whole);
        self.mode = Mode::JobReflector;
        self.has_lost_lines = true;
    }

    /// The reading ended, and had all lines that there are.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        // A longer overlap would lack the lines that were passed on before.
        self.release(out);
    }

    /// Whether nothing was passed on yet.
    pub const fn is_empty(&self) -> bool {
        self.known.count == 0 && self.partial.is_none() && !self.line.has_begun
    }

    /// Whether this reading reached the end of what earlier readings passed on.
    pub const fn is_caught_up(&self) -> bool {
        matches!(self.mode, Mode::JobReflector)
    }

    /// Whether the last lines do not reach back to what was passed on. The whole log has to be read then.
    pub const fn has_no_overlap(&self) -> bool {
        matches!(self.mode, Mode::NoOverlap)
    }

    /// Whether the reading so far agrees with what was passed on, but has less.
    pub fn is_cut_short(&self) -> bool {
        matches!(&self.mode, Mode::Searching(search) if search.is_cut_short())
    }

    /// Whether lines between two readings are missing, because the log was rotated.
    pub const fn has_lost_lines(&self) -> bool {
        self.has_lost_lines
    }

    fn begin(&mut self, stamp: Option<Stamp<'_>>, out: &mut Vec<u8>) {
        self.line = Line::new(stamp);
        if self.is_caught_up() && self.partial.take().is_some() {
            // The rest of that line is lost.
            out.push(b'\n');
        }
        let shown = stamp.filter(|_| self.with_times).map_or(&b""[..], |stamp| stamp.text);
        if let Some(out) = self.new_text(out) {
            out.extend_from_slice(shown);
        }
    }

    /// Where the text that is read now goes, if it may be new.
    fn new_text<'a>(&'a mut self, out: &'a mut Vec<u8>) -> Option<&'a mut Vec<u8>> {
        match &mut self.mode {
            Mode::JobReflector => Some(out),
            Mode::Searching(search) => search.held.as_mut().map(|(text, _)| text),
            Mode::NoOverlap => None,
        }
    }

    fn text(&mut self, text: &[u8], out: &mut Vec<u8>) {
        let rest = self.continue_partial(text, out);
        self.line.add(rest);
        if let Some(out) = self.new_text(out) {
            out.extend_from_slice(rest);
        }
        if let Mode::Searching(search) = &mut self.mode
            && let Some((text, lines)) = &search.held
            && (text.len() > MAX_HELD || lines.len() > WINDOW)
        {
            if search.is_from_start() {
                search.held = None;
            } else {
                self.release(out);
            }
        }
        if text.ends_with(b"\n") {
            self.end_line(out);
        }
    }

    /// Reads the known beginning of a line that was passed on in part, and returns the rest. The line is known by its
    /// place, its time and its beginning.
    fn continue_partial<'a>(&mut self, text: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
        let (Mode::Searching(search), Some(partial)) = (&mut self.mode, &self.partial) else { return text };
        let Some(missing) = partial.len.checked_sub(self.line.len).filter(|len| *len <= text.len()) else {
            return text;
        };
        let (known, rest) = text.split_at(missing);
        self.line.add(known);
        if self.line.hash() == partial.hash && search.try_end(&self.known) {
            self.decide(out);
        }
        rest
    }

    fn end_line(&mut self, out: &mut Vec<u8>) {
        let hash = std::mem::take(&mut self.line).hash();
        match &mut self.mode {
            Mode::JobReflector => self.known.push(hash),
            Mode::Searching(search) => {
                search.advance(hash, &self.known);
                if self.partial.is_none() {
                    search.try_end(&self.known);
                }
            }
            Mode::NoOverlap => {}
        }
        self.decide(out);
    }

    fn decide(&mut self, out: &mut Vec<u8>) {
        let Mode::Searching(search) = &self.mode else { return };
        if search.next.is_empty() {
            match search.extent {
                _ if search.held.is_some() => self.release(out),
                Extent::Tail if self.known.count > 0 => self.mode = Mode::NoOverlap,
                Extent::Tail | Extent::Whole => {}
            }
        }
    }

    /// What is held was not passed on before, and what follows was not either.
    fn release(&mut self, out: &mut Vec<u8>) {
        let Mode::Searching(Search { held, .. }) = &mut self.mode else { return };
        let Some((mut text, lines)) = held.take() else { return };
        out.append(&mut text);
        self.partial = None;
        self.mode = Mode::JobReflector;
        for hash in lines {
            self.known.push(hash);
        }
    }
}

#[cfg(test)]
#[path = "join_tests.rs"]
mod tests;
