//! How a run ends: the exit code that a script goes by, and the sentence for whoever reads along.

use std::fmt;

/// The job failed, and no container's exit code can be told for it; or it was deleted.
pub const FAILED: u8 = 1;
/// The arguments, or a file that they name, are wrong; nothing was sent.
pub const USAGE: u8 = 2;
/// The service refused what was sent. From here on the codes are sysexits', as far as it has one that fits.
pub const REFUSED: u8 = 65;
pub const UNAVAILABLE: u8 = 69;
pub const OUTPUT: u8 = 74;
/// A quota refuses the job now.
pub const TRY_LATER: u8 = 75;
pub const NOT_ALLOWED: u8 = 77;
/// As `timeout` has it.
pub const TIME_UP: u8 = 124;
/// As a shell has it: 128 and the signal's number.
pub const INTERRUPTED: u8 = 130;
pub const TERMINATED: u8 = 143;

/// Any end but that of a job that completed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exit {
    pub code: u8,
    text: String,
}

impl Exit {
    pub fn new(code: u8, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }

    pub fn usage(text: impl Into<String>) -> Self {
        Self::new(USAGE, text)
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "eks-api: {}", printable(&self.text))
    }
}

/// The text without what could move a terminal's cursor: much of it is others' words.
pub(super) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_not_moved_by_others_words() {
        assert_eq!(Exit::usage("a\u{1b}[2Jb\r\nc").to_string(), "eks-api: a [2Jb  c");
    }
}
