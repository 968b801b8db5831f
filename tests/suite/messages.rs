//! Holds the texts for people to the rules of plain English: messages, comments and documents.
//!
//! `cargo test messages -- --nocapture` prints each message of the program, by file and in reading order.

mod prose;

use std::fs;
use std::path::{Path, PathBuf};

use crate::house::source::{Kind, Piece, Source, sources, split};
use prose::{is_prose, paragraphs, violations};

/// The names of variables that hold a string. Only a string may be printed with `{…:?}`: that quotes and escapes it.
const QUOTED_STRINGS: [&str; 17] = [
    "argument", "bad", "body", "caller", "endpoint", "extra", "image", "name", "option", "other", "ours", "own",
    "shown", "theirs", "value", "version", "wrong",
];

/// What a person can read of a file: its literals of two words or more.
fn messages(source: &Source) -> Vec<Piece> {
    let pieces = split(source.production()).1.into_iter();
    pieces.filter(|piece| piece.kind == Kind::Literal && is_prose(&piece.text)).collect()
}

/// The placeholders of a format string that print something else than a string with `:?`.
fn debug_prints(message: &str) -> impl Iterator<Item = String> {
    let names = message.match_indices(":?}").map(|(at, _)| message[..at].rsplit('{').next().unwrap_or_default());
    names.filter(|name| !QUOTED_STRINGS.contains(name)).map(|name| format!("debug print {{{name}:?}}"))
}

/// The paragraphs of a file's comments, those of its tests too: consecutive lines are one.
fn comments(source: &Source) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    let mut last = 0;
    for piece in split(&source.text).1.into_iter().filter(|piece| piece.kind == Kind::Comment) {
        match lines.last_mut() {
            Some((_, text)) if piece.line == last + 1 => {
                text.push('\n');
                text.push_str(&piece.text);
            }
            _ => lines.push((piece.line, piece.text.clone())),
        }
        last = piece.line;
    }
    lines.iter().flat_map(|(line, text)| paragraphs(text).map(move |(at, text)| (line + at, text))).collect()
}

/// README.md and the pages of docs.
fn documents() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut names = vec![PathBuf::from("README.md")];
    for folder in ["docs", "docs/decisions"] {
        let entries = fs::read_dir(root.join(folder)).unwrap();
        names.extend(entries.map(|entry| Path::new(folder).join(entry.unwrap().file_name())));
    }
    names.retain(|name| name.extension().is_some_and(|extension| extension == "md"));
    names.sort();
    names.iter().map(|name| (name.display().to_string(), fs::read_to_string(root.join(name)).unwrap())).collect()
}

#[test]
fn each_message_is_plain_english() {
    let mut wrong = Vec::new();
    for source in sources() {
        let messages = messages(source);
        if !messages.is_empty() {
            println!("\nsrc/{}", source.name);
        }
        for Piece { line, text, .. } in messages {
            println!("{line:5}  {text}");
            for (at, text) in text.split("\\n").flat_map(str::lines).enumerate() {
                let broken = violations(text).into_iter().chain(debug_prints(text));
                wrong.extend(broken.map(|rule| format!("src/{}:{}: {rule}: {text}", source.name, line + at)));
            }
        }
    }
    assert!(wrong.is_empty(), "{} violations\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn each_comment_is_plain_english() {
    let mut wrong = Vec::new();
    for source in sources() {
        for (line, text) in comments(source) {
            let broken = violations(&text).into_iter();
            wrong.extend(broken.map(|rule| format!("src/{}:{line}: {rule}: {text}", source.name)));
        }
    }
    assert!(wrong.is_empty(), "{} violations\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn each_document_is_plain_english() {
    let mut wrong = Vec::new();
    for (name, text) in documents() {
        for (at, text) in paragraphs(&text) {
            let broken = violations(&text).into_iter();
            wrong.extend(broken.map(|rule| format!("{name}:{}: {rule}: {text}", at + 1)));
        }
    }
    assert!(wrong.is_empty(), "{} violations\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn the_documents_have_at_most_25_800_words() {
    let words: usize = documents().iter().map(|(_, text)| text.split_whitespace().count()).sum();
    assert!(words <= 25_800, "{words} words");
}

#[test]
fn a_debug_print_in_a_message_is_found() {
    let found = |message: &str| debug_prints(message).count();
    assert_eq!(found("unknown option {option:?}; see {0:?} and {:?}"), 2);
    assert_eq!(found("unknown option {option}: {error:#}"), 0);
}

#[test]
fn comments_on_consecutive_lines_are_one_paragraph() {
    let text = "//! One\n//! goes on.\n//!\n//! Two.\n\nfn f() {} // Three.\n".to_owned();
    let found = comments(&Source { name: "jobs/state.rs".to_owned(), text });
    let expected = [(1, "One goes on."), (4, "Two."), (6, "Three.")];
    assert_eq!(found, expected.map(|(line, text)| (line, text.to_owned())));
}
