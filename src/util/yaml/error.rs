//! [`Error`]: the place and the reason why a text is not one YAML document.

use std::fmt;

use saphyr_parser::Marker;

/// The error of a text that is not one YAML document, or not expressible as JSON. It never quotes the text.
#[derive(Debug, PartialEq, Eq)]
pub struct Error {
    /// Line and column, both from 1, if one place is at fault.
    pub at: Option<(usize, usize)>,
    pub what: String,
}

impl Error {
    pub(super) fn at(marker: &Marker, what: impl Into<String>) -> Self {
        Self { at: Some((marker.line(), marker.col() + 1)), what: what.into() }
    }

    pub(super) fn whole(what: &str) -> Self {
        Self { at: None, what: what.to_owned() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((line, column)) = self.at {
            write!(f, "line {line} column {column}: ")?;
        }
        f.write_str(&self.what)
    }
}

impl std::error::Error for Error {}
