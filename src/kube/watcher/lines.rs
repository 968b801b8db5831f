//! Cuts a stream of chunks into lines, each of bounded length.

use std::io::BufRead;

/// An object is at most 1.5 MiB in etcd's binary form; as JSON, with its managed fields, it can be larger.
const LONGEST: usize = 8 << 20;

/// As much room as most objects need is kept for the next line.
const KEPT: usize = 64 << 10;

/// A line is longer than any object can be.
#[derive(Debug, PartialEq, Eq)]
pub struct TooLong;

#[derive(Debug, Default)]
pub struct Lines {
    /// The beginning of a line whose end has not come.
    begun: Vec<u8>,
}

impl Lines {
    /// Takes a chunk in, and gives every line that is whole by now to `each`. Blank lines are none.
    pub fn feed(&mut self, mut chunk: &[u8], mut each: impl FnMut(&[u8])) -> Result<(), TooLong> {
        while let Some(end) = line_end(chunk) {
            let (line, rest) = (&chunk[..end], &chunk[end + 1..]);
            self.check(line.len())?;
            if self.begun.is_empty() {
                give(line, &mut each);
            } else {
                self.begun.extend_from_slice(line);
                give(&self.begun, &mut each);
                self.begun.clear();
                self.begun.shrink_to(KEPT);
            }
            chunk = rest;
        }
        self.check(chunk.len())?;
        self.begun.extend_from_slice(chunk);
        Ok(())
    }

    fn check(&self, more: usize) -> Result<(), TooLong> {
        if self.begun.len() + more > LONGEST { Err(TooLong) } else { Ok(()) }
    }
}

/// Where the first line ends. The standard library looks for it in steps of many bytes.
fn line_end(mut chunk: &[u8]) -> Option<usize> {
    let whole = chunk;
    let end = chunk.skip_until(b'\n').ok()?.checked_sub(1)?;
    (whole[end] == b'\n').then_some(end)
}

fn give(line: &[u8], each: &mut impl FnMut(&[u8])) {
    if !line.trim_ascii().is_empty() {
        each(line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fed(chunks: &[&str]) -> Vec<String> {
        let (mut lines, mut told) = (Lines::default(), Vec::new());
        for chunk in chunks {
            lines.feed(chunk.as_bytes(), |line| told.push(String::from_utf8(line.to_vec()).unwrap())).unwrap();
        }
        told
    }

    #[test]
    fn lines_are_the_same_however_they_are_cut_into_chunks() {
        assert_eq!(fed(&["one\ntwo\n"]), ["one", "two"]);
        assert_eq!(fed(&["o", "ne", "\n", "two\nth", "ree"]), ["one", "two"], "the third has no end yet");
        assert_eq!(fed(&["\n\r\n one\n"]), [" one"]);
        let text = "{\"a\":1}\n{\"b\":2}\n";
        for cut in 0..=text.len() {
            assert_eq!(fed(&[&text[..cut], &text[cut..]]), ["{\"a\":1}", "{\"b\":2}"], "cut at {cut}");
        }
    }

    #[test]
    fn a_line_over_the_bound_is_an_error_even_before_its_end() {
        let (mut lines, chunk) = (Lines::default(), vec![b'x'; 1 << 20]);
        let fed: Vec<_> = (0..9).map(|_| lines.feed(&chunk, |_| ())).collect();
        assert!(fed[..8].iter().all(Result::is_ok) && fed[8] == Err(TooLong));
        assert!(lines.begun.len() <= LONGEST);
    }
}
