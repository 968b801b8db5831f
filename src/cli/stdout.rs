//! Prints results: [`print`].

use std::io::{self, Write};

/// Writes a line to stdout. A reader that has left, as `| head` does, is not an error.
pub fn print(text: &str) {
    let _ = writeln!(io::stdout().lock(), "{text}");
}
