//! Splits a stream of chunks into lines of bounded length: [`Lines`].

/// An object has at most 1.5 MiB in etcd's binary form. Its JSON with managed fields can be larger.
const MAX_LINE_LEN: usize = 8 << 20;
/// Memory that is kept for the next line. Most objects fit.
const KEPT_CAPACITY: usize = 64 << 10;

/// The line is longer than [`MAX_LINE_LEN`].
#[derive(Debug, PartialEq, Eq)]
pub struct TooLong;

#[derive(Debug, Default)]
pub struct Lines {
    /// The begin of a line that is not complete.
    line: Vec<u8>,
}

impl Lines {
    /// Adds a chunk, and passes every complete line to `each`. Blank lines are skipped.
    pub fn feed(&mut self, chunk: &[u8], mut each: impl FnMut(&[u8])) -> Result<(), TooLong> {
        for part in chunk.split_inclusive(|byte| *byte == b'\n') {
            if self.line.len() + part.len() > MAX_LINE_LEN {
                return Err(TooLong);
            }
            self.line.extend_from_slice(part);
            if let Some(line) = self.line.strip_suffix(b"\n") {
                if !line.trim_ascii().is_empty() {
                    each(line);
                }
                self.line.clear();
                self.line.shrink_to(KEPT_CAPACITY);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(chunks: &[&str]) -> Vec<String> {
        let (mut lines, mut found) = (Lines::default(), Vec::new());
        for chunk in chunks {
            lines.feed(chunk.as_bytes(), |line| found.push(String::from_utf8(line.to_vec()).unwrap())).unwrap();
        }
        found
    }

    #[test]
    fn lines_do_not_depend_on_the_chunks() {
        assert_eq!(lines(&["one\ntwo\n"]), ["one", "two"]);
        assert_eq!(lines(&["o", "ne", "\n", "two\nth", "ree"]), ["one", "two"], "the third is not complete");
        assert_eq!(lines(&["\n\r\n one\n"]), [" one"]);
        let text = "{\"a\":1}\n{\"b\":2}\n";
        for cut in 0..=text.len() {
            assert_eq!(lines(&[&text[..cut], &text[cut..]]), ["{\"a\":1}", "{\"b\":2}"], "cut at {cut}");
        }
    }

    #[test]
    fn a_line_over_the_limit_fails_before_it_is_complete() {
        let (mut lines, chunk) = (Lines::default(), vec![b'x'; 1 << 20]);
        let fed: Vec<_> = (0..9).map(|_| lines.feed(&chunk, |_| ())).collect();
        assert!(fed[..8].iter().all(Result::is_ok) && fed[8] == Err(TooLong));
        assert!(lines.line.len() <= MAX_LINE_LEN);
    }
}
