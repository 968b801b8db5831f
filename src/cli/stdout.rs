//! Prints results: [`print`].

use std::io::{self, Write};

use crate::app::error::Error;
use crate::client::output;

/// Writes a line to stdout. A reader that has left, as `| head` does, is not an error.
pub fn print(text: &str) -> Result<(), Error> {
    let mut stdout = io::stdout().lock();
    let written = writeln!(stdout, "{text}").and_then(|()| stdout.flush());
    Ok(output::reader(written).map(drop)?)
}
