//! The log of a job, read several times: headings, what containers wrote, and remarks. Every line of a container comes
//! with its time, which is taken off. `log_lines` drops what an earlier reading had.
//!
//! Pure: bytes in, pieces out.

use std::collections::BTreeMap;
use std::mem::take;

pub use crate::util::log_lines::Extent;
use crate::util::log_lines::{Join, Part, Splitter};

/// How many lines a reading of the last lines has: as many as are remembered.
pub const TAIL: &str = "1024";
/// The rest of a line that no container wrote is left out.
const MAX_REMARK: usize = 4096;

#[derive(Debug, PartialEq, Eq)]
pub enum Piece {
    /// What a container wrote.
    Output(Vec<u8>),
    /// The lines after this are another container's, named as `pod/container`.
    Section(String),
    /// A line that no container wrote: why there is no log, for example.
    Remark(String),
}

#[derive(Debug, Default)]
pub struct Lines {
    splitter: Splitter,
    sections: BTreeMap<String, Section>,
    current: String,
    /// A line that no container wrote, while it comes.
    remark: Option<Vec<u8>>,
    /// Whether this reading has the last lines only.
    is_tail: bool,
    /// Whether the whole log has to be read now.
    is_behind: bool,
    is_lossy: bool,
}

#[derive(Debug, Default)]
struct Section {
    join: Join,
    /// Whether this reading has it.
    is_read: bool,
    /// Whether a reading of all that is there had nothing that was known.
    is_lost: bool,
}

impl Lines {
    /// The log is read again: what comes now begins anew.
    pub fn reopen(&mut self, extent: Extent) {
        self.splitter = Splitter::default();
        self.current.clear();
        self.remark = None;
        (self.is_tail, self.is_behind) = (extent == Extent::Tail, false);
        for section in self.sections.values_mut() {
            section.is_read = false;
            if take(&mut section.is_lost) {
                section.join.reopen_after_loss();
            } else {
                section.join.reopen(extent);
            }
        }
    }

    /// What is new in these bytes.
    pub fn read(&mut self, bytes: &[u8]) -> Vec<Piece> {
        let mut splitter = take(&mut self.splitter);
        let mut pieces = Pieces::default();
        splitter.split(bytes, |part| self.part(part, &mut pieces));
        self.splitter = splitter;
        pieces.all()
    }

    /// What is new at the end of a reading that was not broken off.
    pub fn finish(&mut self) -> Vec<Piece> {
        let mut splitter = take(&mut self.splitter);
        let mut pieces = Pieces::default();
        splitter.finish(|part| self.part(part, &mut pieces));
        self.end_remark(&mut pieces);
        self.end_section(&mut pieces);
        pieces.all()
    }

    /// Whether this reading lacks lines that a reading of the whole log may have.
    pub const fn is_behind(&self) -> bool {
        self.is_behind
    }

    /// Whether lines are missing that no reading had.
    pub const fn has_lost_lines(&self) -> bool {
        self.is_lossy
    }

    /// Whether any container's log was shown.
    pub fn has_begun(&self) -> bool {
        self.sections.values().any(|section| !section.join.is_empty())
    }

    fn part(&mut self, part: Part<'_>, pieces: &mut Pieces) {
        match (part, &mut self.remark) {
            (Part::Begin(None), _) => self.remark = Some(Vec::new()),
            (Part::Text(text), Some(remark)) => {
                let room = MAX_REMARK.saturating_sub(remark.len());
                remark.extend_from_slice(&text[..text.len().min(room)]);
                if text.ends_with(b"\n") {
                    self.end_remark(pieces);
                }
            }
            _ => {
                if !self.sections.contains_key(&self.current) {
                    // A log that was not read before has more than its last lines.
                    self.is_behind |= self.is_tail;
                    self.sections.insert(self.current.clone(), Section::default());
                }
                let Some(section) = self.sections.get_mut(&self.current).filter(|_| !self.is_behind) else { return };
                section.is_read = true;
                section.join.read(part, &mut pieces.output);
                self.is_behind |= section.join.has_no_overlap();
            }
        }
    }

    /// A line without a time is whole: a heading or a remark.
    fn end_remark(&mut self, pieces: &mut Pieces) {
        let Some(remark) = self.remark.take() else { return };
        let line = String::from_utf8_lossy(&remark).trim_end().to_owned();
        if let Some(name) = line.strip_prefix("==> ").and_then(|rest| rest.strip_suffix(" <==")) {
            self.end_section(pieces);
            name.clone_into(&mut self.current);
            pieces.push(Piece::Section(name.to_owned()));
        } else if !line.is_empty() {
            pieces.push(Piece::Remark(line));
        }
    }

    /// No more comes of the current container.
    fn end_section(&mut self, pieces: &mut Pieces) {
        let Some(section) = self.sections.get_mut(&self.current).filter(|section| section.is_read) else { return };
        section.join.finish(&mut pieces.output);
        if !section.join.is_caught_up() {
            // With the whole log read, what is known is not there any more.
            section.is_lost = !self.is_tail;
            self.is_lossy |= section.is_lost;
            self.is_behind = true;
        }
    }
}

/// Pieces in their order.
#[derive(Default)]
struct Pieces {
    before: Vec<Piece>,
    output: Vec<u8>,
}

impl Pieces {
    fn push(&mut self, piece: Piece) {
        if !self.output.is_empty() {
            self.before.push(Piece::Output(take(&mut self.output)));
        }
        self.before.push(piece);
    }

    fn all(mut self) -> Vec<Piece> {
        if !self.output.is_empty() {
            self.before.push(Piece::Output(self.output));
        }
        self.before
    }
}

#[cfg(test)]
#[path = "lines_tests.rs"]
mod tests;
