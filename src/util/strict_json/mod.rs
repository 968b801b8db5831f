//! Refuses JSON that parsers understand differently: duplicate members, deep nesting, halves of surrogate pairs: [`check`].
//! `serde_json` checks the syntax when it reads the same text.

use std::borrow::Cow;
use std::fmt::Write as _;

use serde_json::error::Category;

use crate::util::text::truncate;

/// The maximum depth of nested objects and arrays. A Job needs about a dozen.
pub const MAX_DEPTH: usize = 64;

/// In a path, the name of a member is cut after this many characters.
const MAX_SHOWN: usize = 63;

/// An error and its place. The path of the document itself is empty.
#[derive(Debug, PartialEq, Eq)]
pub struct Fault {
    pub path: String,
    pub message: String,
}

/// Returns the text of a document, without a byte order mark. It must be UTF-8.
pub fn text(bytes: &[u8]) -> Result<&str, String> {
    match str::from_utf8(bytes) {
        Ok(text) => Ok(text.strip_prefix('\u{feff}').unwrap_or(text)),
        Err(_) if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") => {
            Err("is UTF-16 by its byte order mark; it must be UTF-8".to_owned())
        }
        Err(error) => Err(format!("is not UTF-8 at byte {}", error.valid_up_to() + 1)),
    }
}

/// Returns the first fault. Time and memory are linear in the length of the text, and nothing recurses.
pub fn check(text: &str) -> Result<(), Fault> {
    Scanner::default().scan(text)
}

/// Returns the path of a value that `serde_json` refused for its type, or of an unknown member.
pub fn path_of(text: &str, error: &serde_json::Error) -> String {
    if error.classify() != Category::Data {
        return String::new();
    }
    let before = text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum::<usize>();
    let mut scanner = Scanner::default();
    let _ = scanner.scan(text.get(..before + error.column()).unwrap_or(text));
    scanner.path()
}

/// Adds a member to a path, as Kubernetes writes it: `spec.containers`, `annotations[example.com/a]`.
pub fn push_member(path: &mut String, name: &str) {
    let shown = truncate(name, MAX_SHOWN);
    let end = if shown.len() < name.len() { "…" } else { "" };
    let is_word = !shown.is_empty() && shown.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_' || c == b'-');
    let dot = if path.is_empty() { "" } else { "." };
    let _ = if is_word { write!(path, "{dot}{shown}{end}") } else { write!(path, "[{}{end}]", shown.escape_debug()) };
}

/// An object or array whose end was not reached yet.
enum Open {
    Array { index: usize },
    Object { first_name: usize, expects_name: bool },
}

#[derive(Default)]
struct Scanner<'a> {
    open: Vec<Open>,
    /// The names of all open objects so far, from the outermost object in. The last name of each is the current member.
    names: Vec<Cow<'a, str>>,
}

impl<'a> Scanner<'a> {
    fn scan(&mut self, text: &'a str) -> Result<(), Fault> {
        let mut rest = text;
        let is_token = |c: &u8| matches!(c, b'{' | b'}' | b'[' | b']' | b',' | b'"');
        while let Some(at) = rest.as_bytes().iter().position(is_token) {
            let token = rest.as_bytes()[at];
            rest = &rest[at + 1..];
            match token {
                b'{' => self.enter(Open::Object { first_name: self.names.len(), expects_name: true })?,
                b'[' => self.enter(Open::Array { index: 0 })?,
                b',' => match self.open.last_mut() {
                    Some(Open::Array { index }) => *index += 1,
                    Some(Open::Object { expects_name, .. }) => *expects_name = true,
                    None => {}
                },
                b'"' => {
                    let end = string_end(rest.as_bytes());
                    self.string(&rest[..end])?;
                    rest = rest.get(end + 1..).unwrap_or_default();
                }
                _ => self.leave()?,
            }
        }
        Ok(())
    }

    fn enter(&mut self, open: Open) -> Result<(), Fault> {
        if self.open.len() == MAX_DEPTH {
            let message = format!("is nested deeper than {MAX_DEPTH} levels");
            return Err(Fault { path: String::new(), message });
        }
        self.open.push(open);
        Ok(())
    }

    fn leave(&mut self) -> Result<(), Fault> {
        let Some(Open::Object { first_name, .. }) = self.open.pop() else { return Ok(()) };
        let names = &mut self.names[first_name..];
        names.sort_unstable();
        if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            let name = pair[0].to_string();
            self.names.truncate(first_name);
            let mut path = self.path();
            push_member(&mut path, &name);
            return Err(Fault { path, message: "is given more than once; give it once".to_owned() });
        }
        self.names.truncate(first_name);
        Ok(())
    }

    /// Handles a string; `raw` is the text between its quotes.
    fn string(&mut self, raw: &'a str) -> Result<(), Fault> {
        let has_escapes = raw.contains('\\');
        if has_escapes && has_half_pair(raw.as_bytes()) {
            let message = r"holds half of a surrogate pair (such as \ud83d without its second half)".to_owned();
            return Err(Fault { path: self.path(), message });
        }
        if let Some(Open::Object { expects_name: expects_name @ true, .. }) = self.open.last_mut() {
            *expects_name = false;
            let decoded = if has_escapes { serde_json::from_str(&format!("\"{raw}\"")).ok() } else { None };
            self.names.push(decoded.map_or(Cow::Borrowed(raw), Cow::Owned));
        }
        Ok(())
    }

    /// Returns the path of the current value.
    fn path(&self) -> String {
        let mut path = String::new();
        let mut open = self.open.iter().peekable();
        while let Some(one) = open.next() {
            match one {
                Open::Array { index } => {
                    let _ = write!(path, "[{index}]");
                }
                Open::Object { first_name, .. } => {
                    // The names of this object end where those of the next inner object begin.
                    let inner = open.clone().find_map(|inner| match inner {
                        Open::Object { first_name, .. } => Some(*first_name),
                        Open::Array { .. } => None,
                    });
                    let names = &self.names[*first_name..inner.unwrap_or(self.names.len())];
                    if let Some(name) = names.last() {
                        push_member(&mut path, name);
                    }
                }
            }
        }
        path
    }
}

/// Returns the index of the closing quote, or the end of the text.
fn string_end(bytes: &[u8]) -> usize {
    let mut at = 0;
    loop {
        match bytes.get(at) {
            Some(b'"') => return at,
            Some(b'\\') => at += 2,
            Some(_) => at += 1,
            None => return bytes.len(),
        }
    }
}

/// Whether a `\u` escape is half of a surrogate pair without its other half.
fn has_half_pair(raw: &[u8]) -> bool {
    let unit = |at: usize| {
        let digits = raw.get(at..)?.strip_prefix(b"\\u")?.get(..4)?;
        u16::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()
    };
    let mut at = 0;
    while let Some(byte) = raw.get(at) {
        at += match (byte, unit(at)) {
            (b'\\', Some(0xD800..=0xDBFF)) if matches!(unit(at + 6), Some(0xDC00..=0xDFFF)) => 12,
            (b'\\', Some(0xD800..=0xDFFF)) => return true,
            (b'\\', _) => 2,
            _ => 1,
        };
    }
    false
}

#[cfg(test)]
#[path = "strict_json_tests.rs"]
mod tests;
