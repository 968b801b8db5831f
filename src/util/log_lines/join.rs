//! Passes on the lines of a reading that earlier readings did not pass on.

use crate::util::log_lines::line::Line;
use crate::util::log_lines::search::{Extent, PassedLines, Search, WINDOW};
use crate::util::log_lines::split::{Part, Stamp};

/// The bytes that are held while several places are possible. Beyond it the first
/// place in the log counts if the reading has it. Otherwise the nearest place counts.
const MAX_HELD: usize = 64 << 10;

/// The state of one run of a container: what was passed on of its log.
#[derive(Debug, Default)]
pub struct Join {
    /// Whether the time is passed on with the line.
    with_times: bool,
    /// The complete lines.
    passed: PassedLines,
    /// The beginning of the next line, if earlier readings passed it on.
    partial: Option<Partial>,
    mode: Mode,
    /// The line being read.
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
    /// Everything that is read is new.
    #[default]
    Following,
    Searching(Search),
    NoOverlap,
}

impl Join {
    pub fn new(with_times: bool) -> Self {
        Self { with_times, ..Self::default() }
    }

    /// Begins a new reading of the log.
    pub fn reopen(&mut self, extent: Extent) {
        let line = std::mem::take(&mut self.line);
        if matches!(self.mode, Mode::Following) && line.has_begun {
            self.partial = Some(Partial { hash: line.hash(), len: line.len });
        }
        self.mode = if self.is_empty() { Mode::Following } else { Mode::Searching(Search::new(extent)) };
    }

    /// Appends the new text of this part to `out`.
    pub fn read(&mut self, part: Part<'_>, out: &mut Vec<u8>) {
        match part {
            Part::Begin(stamp) => self.begin(stamp, out),
            Part::Text(text) => self.text(text, out),
        }
    }

    /// Begins a new reading after a whole reading without overlap. All of it is new, and the lines between are lost.
    pub fn reopen_after_loss(&mut self) {
        self.reopen(Extent::Whole);
        self.mode = Mode::Following;
        self.has_lost_lines = true;
    }

    /// Ends a reading that had all lines.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        // A longer overlap is not possible any more.
        self.release(out);
    }

    /// Whether nothing is passed on yet.
    pub const fn is_empty(&self) -> bool {
        self.passed.count == 0 && self.partial.is_none() && !self.line.has_begun
    }

    /// Whether this reading is past the lines that earlier readings passed on.
    pub const fn is_caught_up(&self) -> bool {
        matches!(self.mode, Mode::Following)
    }

    /// Whether the last lines do not overlap. Then the whole log must be read.
    pub const fn has_no_overlap(&self) -> bool {
        matches!(self.mode, Mode::NoOverlap)
    }

    /// Whether the reading agrees with the lines passed on, but has fewer.
    pub fn is_cut_short(&self) -> bool {
        matches!(&self.mode, Mode::Searching(search) if search.is_cut_short())
    }

    /// Whether the rotation of the log lost lines between two readings.
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

    /// Returns where to write the text, if it may be new.
    fn new_text<'a>(&'a mut self, out: &'a mut Vec<u8>) -> Option<&'a mut Vec<u8>> {
        match &mut self.mode {
            Mode::Following => Some(out),
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

    /// Reads the beginning of a line that was passed on in part, and returns the rest. The line is recognized by its place,
    /// its time and its beginning.
    fn continue_partial<'a>(&mut self, text: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
        let (Mode::Searching(search), Some(partial)) = (&mut self.mode, &self.partial) else { return text };
        let Some(missing) = partial.len.checked_sub(self.line.len).filter(|len| *len <= text.len()) else {
            return text;
        };
        let (known, rest) = text.split_at(missing);
        self.line.add(known);
        if self.line.hash() == partial.hash && search.try_end(&self.passed) {
            self.decide(out);
        }
        rest
    }

    fn end_line(&mut self, out: &mut Vec<u8>) {
        let hash = std::mem::take(&mut self.line).hash();
        match &mut self.mode {
            Mode::Following => self.passed.push(hash),
            Mode::Searching(search) => {
                search.advance(hash, &self.passed);
                if self.partial.is_none() {
                    search.try_end(&self.passed);
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
                Extent::Tail if self.passed.count > 0 => self.mode = Mode::NoOverlap,
                Extent::Tail | Extent::Whole => {}
            }
        }
    }

    /// Passes on the held text. Everything after it is new.
    fn release(&mut self, out: &mut Vec<u8>) {
        let Mode::Searching(Search { held, .. }) = &mut self.mode else { return };
        let Some((mut text, lines)) = held.take() else { return };
        out.append(&mut text);
        self.partial = None;
        self.mode = Mode::Following;
        for hash in lines {
            self.passed.push(hash);
        }
    }
}

#[cfg(test)]
#[path = "join_tests.rs"]
mod tests;
