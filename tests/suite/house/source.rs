//! Reads the files of `src`: their code, their comments and their string literals.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// A file of `src`.
pub(crate) struct Source {
    /// Its path below `src`.
    pub(crate) name: String,
    pub(crate) text: String,
}

/// A piece of a file: a comment or a string literal.
#[derive(Debug, PartialEq)]
pub(crate) struct Piece {
    /// The line on which it starts, from 1.
    pub(crate) line: usize,
    pub(crate) kind: Kind,
    /// Without slashes or quotes. The escapes of a literal are kept, a continued line is joined.
    pub(crate) text: String,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    Comment,
    Literal,
}

impl Source {
    pub(crate) fn room(&self) -> &str {
        self.name.split(['/', '.']).next().unwrap()
    }

    /// The path of its folder below `src`.
    pub(crate) fn folder(&self) -> &str {
        self.name.rsplit_once('/').map_or("", |(folder, _)| folder)
    }

    pub(crate) fn is_test(&self) -> bool {
        self.name.ends_with("_tests.rs")
    }

    /// The part that runs in production: everything before the tests at the foot.
    pub(crate) fn production(&self) -> &str {
        let end = if self.is_test() { 0 } else { self.text.find("#[cfg(test)]").unwrap_or(self.text.len()) };
        &self.text[..end]
    }

    /// The lines of code: no tests, no blank lines, no comments.
    pub(crate) fn code_lines(&self) -> impl Iterator<Item = &str> {
        self.production().lines().filter(|line| !line.trim().is_empty() && !line.trim_start().starts_with("//"))
    }

    pub(crate) fn code(&self) -> String {
        self.code_lines().flat_map(|line| [line, "\n"]).collect()
    }
}

/// All files of `src`, in the order of their names.
pub(crate) fn sources() -> &'static [Source] {
    static SOURCES: LazyLock<Vec<Source>> = LazyLock::new(read);
    &SOURCES
}

fn read() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![root.clone()];
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        let entries: Vec<PathBuf> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        for path in entries {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
                sources.push(Source { name, text: fs::read_to_string(&path).unwrap() });
            }
        }
    }
    assert!(sources.len() > 30, "src has only {} files", sources.len());
    sources.sort_by(|a, b| a.name.cmp(&b.name));
    sources
}

/// Splits Rust text into its comments and literals, and the code between them. In the code a blank replaces each
/// comment, and `""` each literal.
pub(crate) fn split(text: &str) -> (String, Vec<Piece>) {
    let (mut code, mut pieces, mut rest) = (String::new(), Vec::new(), text);
    let (mut line, mut counted) = (1, 0);
    while let Some(first) = rest.chars().next() {
        let at = text.len() - rest.len();
        line += text[counted..at].matches('\n').count();
        counted = at;
        if rest.starts_with("//") {
            let (comment, after) = rest.split_at(rest.find('\n').unwrap_or(rest.len()));
            let words = comment.trim_start_matches('/').trim_start_matches('!').trim().to_owned();
            pieces.push(Piece { line, kind: Kind::Comment, text: words });
            code.push(' ');
            rest = after;
        } else if let Some((raw, after)) = raw_literal(rest) {
            pieces.push(Piece { line, kind: Kind::Literal, text: raw.to_owned() });
            code.push_str("\"\"");
            rest = after;
        } else if first == '"' {
            let end = literal_end(&rest[1..]) + 1;
            // The reason of a lint's attribute is for the readers of the code.
            let kind = if code.ends_with(", reason = ") { Kind::Comment } else { Kind::Literal };
            pieces.push(Piece { line, kind, text: joined(&rest[1..end]) });
            code.push_str("\"\"");
            rest = &rest[(end + 1).min(rest.len())..];
        } else if let Some(length) = character(rest) {
            code.push_str("' '");
            rest = &rest[length..];
        } else {
            // A word or a run of blanks is one step, so a literal's prefix is only looked for where a word starts.
            let is_word = |c: char| c.is_alphanumeric() || c == '_';
            let (word, blanks) = (rest.find(|c| !is_word(c)), rest.find(|c: char| !c.is_whitespace()));
            let length = word.unwrap_or(rest.len()).max(blanks.unwrap_or(rest.len())).max(first.len_utf8());
            code.push_str(&rest[..length]);
            rest = &rest[length..];
        }
    }
    (code, pieces)
}

/// The content of a raw literal at the start of the text, and what follows.
fn raw_literal(text: &str) -> Option<(&str, &str)> {
    let text = text.strip_prefix('b').unwrap_or(text).strip_prefix('r')?;
    let fence = &text[..text.len() - text.trim_start_matches('#').len()];
    text[fence.len()..].strip_prefix('"')?.split_once(&format!("\"{fence}"))
}

/// Where the literal's closing quote is.
fn literal_end(text: &str) -> usize {
    let mut escaped = false;
    let end = text.find(|c| {
        let closes = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        closes
    });
    end.unwrap_or(text.len())
}

/// The literal with its continued lines joined.
fn joined(literal: &str) -> String {
    let mut lines = literal.split("\\\n");
    let first = lines.next().unwrap_or_default().to_owned();
    lines.fold(first, |whole, line| whole + line.trim_start())
}

/// The length of the character literal at the start of the text. A lifetime is not one.
fn character(text: &str) -> Option<usize> {
    let inner = text.strip_prefix('\'')?;
    let length =
        if inner.starts_with('\\') { 2 + inner.get(2..)?.find('\'')? } else { inner.chars().next()?.len_utf8() };
    inner.get(length..)?.starts_with('\'').then_some(length + 2)
}

#[test]
fn comments_literals_and_code_are_told_apart() {
    let text =
        "a(\"b // c\", 'x', '\\'', '\"'); // d \"e\"\nfn f<'a>(x: &'a str) { r#\"g\"h\"# }\n/// i\n\"j \\\n   k\"";
    let (code, pieces) = split(text);
    assert_eq!(code, "a(\"\", ' ', ' ', ' ');  \nfn f<'a>(x: &'a str) { \"\" }\n \n\"\"");
    let found: Vec<_> = pieces.iter().map(|piece| (piece.line, piece.kind, piece.text.as_str())).collect();
    let (comment, literal) = (Kind::Comment, Kind::Literal);
    let expected =
        [(1, literal, "b // c"), (1, comment, "d \"e\""), (2, literal, "g\"h"), (3, comment, "i"), (4, literal, "j k")];
    assert_eq!(found, expected);
}
