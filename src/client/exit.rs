//! The end of a run: [`Exit`], with its exit code and its message. From 65 on the codes are those of sysexits.

use std::fmt;

use crate::util::text::printable;

/// The job failed without a known exit code, or it was deleted.
pub const FAILED: u8 = 1;
/// The arguments, or a file that they name, are wrong. Nothing was sent.
pub const USAGE: u8 = 2;
/// The service refused the request.
pub const REFUSED: u8 = 65;
pub const UNAVAILABLE: u8 = 69;
pub const OUTPUT: u8 = 74;
/// A quota refused the job.
pub const TRY_LATER: u8 = 75;
pub const NOT_ALLOWED: u8 = 77;
/// The code of `timeout(1)`.
pub const TIMED_OUT: u8 = 124;
/// The code of a shell: 128 plus the number of the signal.
pub const INTERRUPTED: u8 = 130;
pub const TERMINATED: u8 = 143;

/// The end of a run whose job did not complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exit {
    pub code: u8,
    pub text: String,
    /// Whether the message is red.
    is_coloured: bool,
}

impl Exit {
    pub fn new(code: u8, text: impl Into<String>) -> Self {
        Self { code, text: text.into(), is_coloured: false }
    }

    pub fn usage(text: impl Into<String>) -> Self {
        Self::new(USAGE, text)
    }

    #[must_use]
    pub fn in_colour(self, is_coloured: bool) -> Self {
        Self { is_coloured, ..self }
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (red, end) = if self.is_coloured { ("\x1b[31m", "\x1b[0m") } else { ("", "") };
        write!(f, "{red}eks-api: {}{end}", printable(&self.text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_not_printed() {
        assert_eq!(Exit::usage("a\u{1b}[2Jb\r\nc").to_string(), "eks-api: a [2Jb  c");
    }
}
