//! Splits the log of a job into headings, output and remarks: [`Lines`]. The log may be read several times; lines that an
//! earlier read had are dropped. The times of the lines are removed if they are not wanted.

use std::collections::BTreeMap;
use std::mem::take;

pub use crate::util::log_lines::Extent;
use crate::util::log_lines::{Join, Part, Splitter};

/// How many lines a read of the last lines requests: as many as `log_lines` remembers.
pub const TAIL: &str = "1024";
/// A longer remark is cut.
const MAX_REMARK_BYTES: usize = 4096;

#[derive(Debug, PartialEq, Eq)]
pub enum Piece {
    /// Output of a container.
    Output(Vec<u8>),
    /// The next lines are from this `pod/container`.
    Section(String),
    /// A line of the service, such as why there is no log.
    Remark(String),
}

#[allow(clippy::struct_excessive_bools, reason = "each is independent of the others")]
#[derive(Debug, Default)]
pub struct Lines {
    splitter: Splitter,
    sections: BTreeMap<String, Section>,
    current: String,
    /// A line of the service that has not ended yet.
    remark: Option<Vec<u8>>,
    /// Whether this read has only the last lines.
    is_tail: bool,
    /// Whether the whole log must be read next.
    is_behind: bool,
    is_lossy: bool,
    with_times: bool,
}

#[derive(Debug, Default)]
struct Section {
    join: Join,
    /// Whether this read has had it.
    is_read: bool,
    /// Whether a read of the whole log had no line that was shown before.
    is_lost: bool,
}

impl Lines {
    /// `with_times` keeps the time of each line.
    pub fn new(with_times: bool) -> Self {
        Self { with_times, ..Self::default() }
    }

    /// Starts another read of the log.
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

    /// Returns what is new in these bytes.
    pub fn read(&mut self, bytes: &[u8]) -> Vec<Piece> {
        let mut splitter = take(&mut self.splitter);
        let mut pieces = Pieces::default();
        splitter.split(bytes, |part| self.part(part, &mut pieces));
        self.splitter = splitter;
        pieces.all()
    }

    /// Returns what is new at the end of a read that did not break.
    pub fn finish(&mut self) -> Vec<Piece> {
        let mut splitter = take(&mut self.splitter);
        let mut pieces = Pieces::default();
        splitter.finish(|part| self.part(part, &mut pieces));
        self.end_remark(&mut pieces);
        self.end_section(&mut pieces);
        pieces.all()
    }

    /// Whether this read lacks lines that the whole log may have.
    pub const fn is_behind(&self) -> bool {
        self.is_behind
    }

    /// Whether lines are lost.
    pub const fn has_lost_lines(&self) -> bool {
        self.is_lossy
    }

    /// Whether output was shown.
    pub fn has_begun(&self) -> bool {
        self.sections.values().any(|section| !section.join.is_empty())
    }

    fn part(&mut self, part: Part<'_>, pieces: &mut Pieces) {
        match (part, &mut self.remark) {
            (Part::Begin(None), _) => self.remark = Some(Vec::new()),
            (Part::Text(text), Some(remark)) => {
                let room = MAX_REMARK_BYTES.saturating_sub(remark.len());
                remark.extend_from_slice(&text[..text.len().min(room)]);
                if text.ends_with(b"\n") {
                    self.end_remark(pieces);
                }
            }
            _ => {
                if !self.sections.contains_key(&self.current) {
                    // A new container has more than its last lines.
                    self.is_behind |= self.is_tail;
                    let join = Join::new(self.with_times);
                    self.sections.insert(self.current.clone(), Section { join, ..Section::default() });
                }
                let Some(section) = self.sections.get_mut(&self.current).filter(|_| !self.is_behind) else { return };
                section.is_read = true;
                section.join.read(part, &mut pieces.output);
                self.is_behind |= section.join.has_no_overlap();
            }
        }
    }

    /// Handles a whole line of the service: a heading or a remark.
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

    /// Ends the output of the current container.
    fn end_section(&mut self, pieces: &mut Pieces) {
        let Some(section) = self.sections.get_mut(&self.current).filter(|section| section.is_read) else { return };
        section.join.finish(&mut pieces.output);
        if !section.join.is_caught_up() {
            // In the whole log, the lines that were shown are gone.
            section.is_lost = !self.is_tail;
            self.is_lossy |= section.is_lost;
            self.is_behind = true;
        }
    }
}

/// Collects pieces in order.
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
