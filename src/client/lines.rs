//! A log that can be taken up again where it broke off: every line comes with its time, which is taken off, and by which
//! what was shown before is known again. Pods and containers come under headings, which have no time.
//!
//! Pure: bytes in, pieces out.

use std::collections::BTreeMap;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// RFC 3339 with nanoseconds and an offset has 35 characters.
const LONGEST_STAMP: usize = 40;
/// The rest of what no container wrote is left out.
const LONGEST_PLAIN: usize = 4096;
/// A whole line is not shown, however long it is.
const ALL: usize = usize::MAX;

#[derive(Debug, PartialEq, Eq)]
pub enum Piece {
    /// What a container wrote.
    Output(Vec<u8>),
    /// The lines after this are another container's, named as `pod/container`.
    Section(String),
    /// A line that no container wrote: why there is no log, for example.
    Remark(String),
}

/// How far a container's log was shown.
#[derive(Clone, Copy, Debug)]
struct Mark {
    /// The time of the last line.
    at: OffsetDateTime,
    /// How many whole lines of this time were shown.
    lines: usize,
    /// How much of the line after these.
    bytes: usize,
}

#[derive(Debug, Default)]
struct Section {
    mark: Option<Mark>,
    /// What was shown when the log was opened again, while it has not been passed, and how many lines of its time have
    /// come since.
    passing: Option<(Mark, usize)>,
}

#[derive(Debug, Default)]
enum Place {
    /// At a line's beginning: it is not known yet what follows.
    #[default]
    Begin,
    /// In what a container wrote, of which so many bytes are not shown.
    Line { skip: usize },
    /// In a line without a time.
    Plain,
}

#[derive(Debug, Default)]
pub struct Lines {
    sections: BTreeMap<String, Section>,
    current: String,
    place: Place,
    /// A line's beginning, or all of a line without a time.
    held: Vec<u8>,
}

impl Lines {
    /// The log is opened again: what comes now begins anew.
    pub fn reopen(&mut self) {
        self.current.clear();
        self.held.clear();
        self.place = Place::Begin;
        for section in self.sections.values_mut() {
            section.passing = section.mark.map(|mark| (mark, 0));
        }
    }

    /// What these bytes are, without what was shown before.
    pub fn read(&mut self, mut bytes: &[u8]) -> Vec<Piece> {
        let (mut pieces, mut output) = (Vec::new(), Vec::new());
        while !bytes.is_empty() {
            match self.place {
                Place::Begin => bytes = self.begin(bytes),
                Place::Line { skip } => {
                    let (line, rest) = through_newline(bytes);
                    output.extend_from_slice(&line[skip.min(line.len())..]);
                    self.shown(line, skip);
                    bytes = rest;
                }
                Place::Plain => {
                    let (line, rest) = through_newline(bytes);
                    let room = LONGEST_PLAIN.saturating_sub(self.held.len());
                    self.held.extend_from_slice(&line[..line.len().min(room)]);
                    bytes = rest;
                    if line.ends_with(b"\n") {
                        if !output.is_empty() {
                            pieces.push(Piece::Output(std::mem::take(&mut output)));
                        }
                        pieces.extend(self.plain());
                    }
                }
            }
        }
        if !output.is_empty() {
            pieces.push(Piece::Output(output));
        }
        pieces
    }

    /// Reads a line's beginning, as far as it is there.
    fn begin<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let end = bytes.iter().position(|c| *c == b' ' || *c == b'\n');
        let taken = end.unwrap_or(bytes.len());
        self.held.extend_from_slice(&bytes[..taken]);
        if end.is_none() && self.held.len() <= LONGEST_STAMP {
            return &[];
        }
        let stamp = std::str::from_utf8(&self.held).ok().and_then(|text| OffsetDateTime::parse(text, &Rfc3339).ok());
        let Some(at) = stamp else {
            self.place = Place::Plain;
            return &bytes[taken..];
        };
        self.held.clear();
        self.place = Place::Line { skip: self.section().line(at) };
        // Without its message a line ends right after its time.
        if bytes.get(taken) == Some(&b' ') { &bytes[taken + 1..] } else { &bytes[taken..] }
    }

    fn section(&mut self) -> &mut Section {
        self.sections.entry(self.current.clone()).or_default()
    }

    /// Counts what is now shown of a line, of which the first bytes were left out.
    fn shown(&mut self, line: &[u8], skip: usize) {
        let is_whole = line.ends_with(b"\n");
        let rest = if skip == ALL { ALL } else { skip.saturating_sub(line.len()) };
        self.place = if is_whole { Place::Begin } else { Place::Line { skip: rest } };
        if skip == ALL {
            return;
        }
        let new = line.len().saturating_sub(skip);
        if let Some(mark) = &mut self.section().mark {
            (mark.lines, mark.bytes) = if is_whole { (mark.lines + 1, 0) } else { (mark.lines, mark.bytes + new) };
        }
    }

    /// A line without a time, which is whole now.
    fn plain(&mut self) -> Option<Piece> {
        let line = String::from_utf8_lossy(&self.held).trim_end().to_owned();
        self.held.clear();
        self.place = Place::Begin;
        if let Some(name) = line.strip_prefix("==> ").and_then(|rest| rest.strip_suffix(" <==")) {
            name.clone_into(&mut self.current);
            return Some(Piece::Section(name.to_owned()));
        }
        (!line.is_empty()).then_some(Piece::Remark(line))
    }
}

impl Section {
    /// How much of a line of this time was shown before: perhaps `ALL` of it.
    fn line(&mut self, at: OffsetDateTime) -> usize {
        if let Some((past, seen)) = &mut self.passing {
            if at < past.at || (at == past.at && *seen < past.lines) {
                *seen += usize::from(at == past.at);
                return ALL;
            }
            let was_begun = at == past.at && past.bytes > 0;
            let skip = if was_begun { past.bytes } else { 0 };
            self.passing = None;
            if was_begun {
                return skip;
            }
        }
        match &mut self.mark {
            Some(mark) if mark.at == at => mark.bytes = 0,
            mark => *mark = Some(Mark { at, lines: 0, bytes: 0 }),
        }
        0
    }
}

/// The first line with its end, or all if there is none, and the rest.
fn through_newline(bytes: &[u8]) -> (&[u8], &[u8]) {
    bytes.split_at(bytes.iter().position(|c| *c == b'\n').map_or(bytes.len(), |at| at + 1))
}

#[cfg(test)]
#[path = "lines_tests.rs"]
mod tests;
