//! What the demo prints: requests as the curl commands that make them, replies as status line and indented JSON, streams
//! as they come.

use std::io::{self, Write};

use hyper::StatusCode;
use serde_json::Value;

use crate::support::service::Reply;

pub(crate) fn note(text: &str) -> io::Result<()> {
    writeln!(io::stdout().lock(), "# {text}\n")
}

/// The command that makes this request, fit to be pasted into a shell.
pub(crate) fn curl(method: &str, url: &str, body: Option<&Value>) -> io::Result<()> {
    let method = if method == "GET" { String::new() } else { format!(" -X {method}") };
    let json = |body: &Value| format!(" \\\n    -H 'Content-Type: application/json' -d {}", word(&body.to_string()));
    let body = body.map(json).unwrap_or_default();
    writeln!(io::stdout().lock(), "$ curl -s{method} {}{body}", word(url))
}

/// The same for a stream; `after` is what the shell makes of it.
pub(crate) fn stream(url: &str, after: &str) -> io::Result<()> {
    writeln!(io::stdout().lock(), "$ curl -sN {}{after}", word(url))
}

/// The head of a stream.
pub(crate) fn head(status: StatusCode) -> io::Result<()> {
    writeln!(io::stdout().lock(), "HTTP/1.1 {status}")
}

/// A piece of a stream as it came, but for what makes a line longer than a terminal.
pub(crate) fn piece(text: &str) -> io::Result<()> {
    const LONGEST: usize = 120;
    let mut out = io::stdout().lock();
    text.lines().try_for_each(|line| match line.char_indices().nth(LONGEST) {
        Some((end, _)) => writeln!(out, "{}…", &line[..end]),
        None => writeln!(out, "{line}"),
    })?;
    writeln!(out)
}

pub(crate) fn reply(reply: &Reply) -> io::Result<()> {
    writeln!(io::stdout().lock(), "HTTP/1.1 {}\n{}\n", reply.status, indented(&reply.text()))
}

/// The text of a JSON document, broken into lines; its order stays, which a parsed `Value` would not keep.
fn indented(json: &str) -> String {
    let (mut out, mut depth, mut in_string, mut escaped) = (String::new(), 0, false, false);
    let mut characters = json.chars().peekable();
    while let Some(c) = characters.next() {
        if in_string || c == '"' {
            in_string = if c == '"' && !escaped { !in_string } else { in_string };
            escaped = c == '\\' && !escaped;
            out.push(c);
            continue;
        }
        let empty = characters.peek().is_some_and(|next| matches!((c, next), ('{', '}') | ('[', ']')));
        match c {
            '{' | '[' if empty => out.extend([c, characters.next().unwrap_or_default()]),
            '{' | '[' | ',' => {
                depth += usize::from(c != ',');
                out.extend([c, '\n']);
                out += &"  ".repeat(depth);
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                out.push('\n');
                out += &"  ".repeat(depth);
                out.push(c);
            }
            ':' => out += ": ",
            _ => out.push(c),
        }
    }
    out
}

/// The text as one word of a shell.
fn word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.:/=%".contains(c);
    if text.chars().all(plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}
