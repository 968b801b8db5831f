//! Splits a log with times into lines, in whatever pieces the bytes arrive.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The longest time. RFC 3339 with nanoseconds and an offset has 35 characters.
const MAX_STAMP_LEN: usize = 40;

/// The time at the beginning of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp<'a> {
    pub at: OffsetDateTime,
    /// The time as it is written, with the space after it.
    pub text: &'a [u8],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part<'a> {
    /// The beginning of a line. A line without a time is not from a container.
    Begin(Option<Stamp<'a>>),
    /// Text of the line. The last part of a line ends with the newline.
    Text(&'a [u8]),
}

#[derive(Debug, Default)]
pub struct Splitter {
    is_in_line: bool,
    /// The beginning of a line, until it is clear whether it is a time.
    held: Vec<u8>,
}

impl Splitter {
    pub fn split(&mut self, mut bytes: &[u8], mut take: impl FnMut(Part<'_>)) {
        while !bytes.is_empty() {
            if self.is_in_line {
                let end = bytes.iter().position(|c| *c == b'\n').map_or(bytes.len(), |at| at + 1);
                let (line, rest) = bytes.split_at(end);
                take(Part::Text(line));
                self.is_in_line = !line.ends_with(b"\n");
                bytes = rest;
                continue;
            }
            let end = bytes.iter().position(|c| *c == b' ' || *c == b'\n');
            // The space belongs to the time. A line without a message ends right after its time.
            let taken = end.map_or(bytes.len(), |at| at + usize::from(bytes[at] == b' '));
            self.held.extend_from_slice(&bytes[..taken]);
            bytes = &bytes[taken..];
            if end.is_some() || self.held.len() > MAX_STAMP_LEN {
                self.begin(&mut take);
            }
        }
    }

    /// Passes on the held text at the end of the stream: a short text without a time and a newline.
    pub fn finish(&mut self, mut take: impl FnMut(Part<'_>)) {
        if !self.held.is_empty() {
            self.begin(&mut take);
        }
    }

    fn begin(&mut self, take: &mut impl FnMut(Part<'_>)) {
        let text = std::str::from_utf8(&self.held).unwrap_or_default();
        if let Ok(at) = OffsetDateTime::parse(text.trim_end_matches(' '), &Rfc3339) {
            take(Part::Begin(Some(Stamp { at, text: &self.held })));
        } else {
            take(Part::Begin(None));
            take(Part::Text(&self.held));
        }
        self.held.clear();
        self.is_in_line = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(log: &str, chunk: usize) -> Vec<(Option<String>, String)> {
        let (mut splitter, mut lines) = (Splitter::default(), Vec::<(Option<String>, String)>::new());
        let mut take = |part: Part<'_>| match part {
            Part::Begin(stamp) => {
                lines.push((stamp.map(|stamp| String::from_utf8(stamp.text.to_vec()).unwrap()), String::new()));
            }
            Part::Text(text) => lines.last_mut().unwrap().1.push_str(std::str::from_utf8(text).unwrap()),
        };
        log.as_bytes().chunks(chunk).for_each(|bytes| splitter.split(bytes, &mut take));
        splitter.finish(&mut take);
        lines
    }

    #[test]
    fn lines_have_their_time_or_none_however_they_arrive() {
        let log = "2026-01-01T00:00:00Z one\n2026-01-01T00:00:00.5+01:00  two \n2026-01-01T00:00:01Z\n\n\
            2026-01-01T00:00:02Z \nwithout a time\naWordThatIsLongerThanAnyTimeCouldEverBeWritten\nlast";
        let stamp = |text: &str| Some(text.to_owned());
        let expected = [
            (stamp("2026-01-01T00:00:00Z "), "one\n"),
            (stamp("2026-01-01T00:00:00.5+01:00 "), " two \n"),
            (stamp("2026-01-01T00:00:01Z"), "\n"),
            (None, "\n"),
            (stamp("2026-01-01T00:00:02Z "), "\n"),
            (None, "without a time\n"),
            (None, "aWordThatIsLongerThanAnyTimeCouldEverBeWritten\n"),
            (None, "last"),
        ]
        .map(|(stamp, text)| (stamp, text.to_owned()));
        for chunk in [1, 2, 7, log.len()] {
            assert_eq!(parts(log, chunk), expected, "in pieces of {chunk}");
        }
    }
}
