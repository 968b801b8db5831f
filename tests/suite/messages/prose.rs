//! The rules of plain English that a program can check.

/// Phrases that a reader has to read twice.
const PHRASES: [&str; 16] = [
    "are no",
    "as far as",
    "by itself",
    "by themselves",
    "hears",
    "is no",
    "known of",
    "may be had",
    "of those that",
    "of those who",
    "owns",
    "tells of",
    "told",
    "was no",
    "were no",
    "whoever",
];

/// Usual English that contains one of the phrases.
const USUAL: [&str; 4] = ["is no longer", "are no longer", "there is no", "there are no"];

/// The longest sentence.
const MAX_WORDS: usize = 20;

/// Whether a literal is a text for people: at least two words, and not a path, a header, a pattern or SQL.
pub(crate) fn is_prose(literal: &str) -> bool {
    if is_sql(literal) {
        return false;
    }
    let bare = |word: &str| word.trim_matches(|c: char| c.is_ascii_punctuation()).to_owned();
    let is_word = |word: &str| word.len() > 1 && word.chars().all(|c| c.is_alphabetic() || "-'’".contains(c));
    literal.split_whitespace().map(bare).filter(|word| is_word(word)).count() > 1
}

/// Whether a literal is a statement, or a list of columns.
fn is_sql(literal: &str) -> bool {
    let mut words = literal.split_whitespace().filter(|word| *word != "\\");
    let statements = ["CREATE", "DELETE", "DROP", "INSERT", "SELECT", "UPDATE"];
    let is_statement = words.clone().next().is_some_and(|first| statements.contains(&first));
    let last = words.next_back();
    is_statement || (last.is_some_and(|last| last.contains('_')) && words.all(|word| word.ends_with(',')))
}

/// The rules that the text breaks.
pub(crate) fn violations(text: &str) -> Vec<String> {
    let words = text.split(|c: char| !c.is_alphanumeric() && c != '\'').filter(|word| !word.is_empty());
    let words: String = words.flat_map(|word| [" ", word]).chain([" "]).collect();
    let unusual = USUAL.iter().fold(words.to_lowercase(), |words, usual| words.replace(usual, ""));
    let phrases = PHRASES.iter().filter(|phrase| unusual.contains(&format!(" {phrase} ")));
    let mut broken: Vec<String> = phrases.map(|phrase| format!("{phrase:?}")).collect();
    for sentence in sentences(text) {
        let words = sentence.split_whitespace().filter(|word| word.contains(char::is_alphanumeric)).count();
        if words > MAX_WORDS {
            broken.push(format!("{words} words in a sentence"));
        }
        let first = sentence.split_whitespace().next().unwrap_or_default();
        if ["Who", "What"].contains(&first) && !sentence.ends_with('?') {
            broken.push(format!("\"{first} …\" in place of a noun"));
        }
    }
    broken
}

/// A sentence ends at `.`, `?`, `!`, `:` or `;` before a blank.
fn sentences(text: &str) -> Vec<String> {
    let mut sentences = vec![String::new()];
    for word in text.split_whitespace() {
        let sentence = sentences.last_mut().unwrap();
        sentence.push_str(word);
        sentence.push(' ');
        if word.trim_end_matches(['"', ')', '`', '*']).ends_with(['.', '?', '!', ':', ';']) {
            sentence.truncate(sentence.trim_end().len());
            sentences.push(String::new());
        }
    }
    sentences
}

/// The paragraphs, list items and table cells of a page, each with its line from 0; code is left out.
pub(crate) fn paragraphs(page: &str) -> impl Iterator<Item = (usize, String)> {
    let (mut found, mut fenced, mut open): (Vec<(usize, String)>, bool, bool) = (Vec::new(), false, false);
    for (at, line) in page.lines().enumerate() {
        let is_fence = line.trim_start().starts_with("```");
        fenced ^= is_fence;
        let text = line.trim();
        if is_fence || fenced || text.is_empty() || line.starts_with("    ") && !open {
            open = false;
        } else if text.starts_with('|') {
            found.extend(text.split('|').filter(|cell| is_prose(cell)).map(|cell| (at, without_code(cell))));
            open = false;
        } else {
            let starts = ["- ", "* ", "#"].iter().any(|mark| text.starts_with(mark))
                || text.split_once(". ").is_some_and(|(number, _)| number.parse::<u8>().is_ok());
            if starts || !open {
                found.push((at, String::new()));
            }
            let paragraph = &mut found.last_mut().unwrap().1;
            paragraph.push_str(text);
            paragraph.push(' ');
            open = !text.starts_with('#');
        }
    }
    found.into_iter().map(|(at, text)| (at, without_code(&text)))
}

/// One word in place of each `code`, and a link's text without its address.
fn without_code(text: &str) -> String {
    let prose = text.split('`').enumerate().map(|(at, part)| if at % 2 == 0 { part } else { "X" });
    let prose: String = prose.collect();
    let mut links = prose.split("](");
    let first = links.next().unwrap_or_default().to_owned();
    links.fold(first, |whole, link| whole + link.split_once(')').map_or("", |(_, after)| after)).trim().to_owned()
}

#[test]
fn a_violation_is_found() {
    assert!(violations("Unknown option \"x\". See --help.").is_empty());
    assert!(violations("There is no job here; it is no longer kept.").is_empty());
    for wrong in ["\"x\" is no option", "Whoever asks", "Owns the jobs.", "Who waits subscribes first.", "It was told."]
    {
        assert_eq!(violations(wrong).len(), 1, "{wrong}");
    }
    let long = "one ".repeat(MAX_WORDS + 1);
    assert_eq!(violations(&long).len(), 1);
    assert!(violations(&long.replacen(' ', ". ", 1)).is_empty());
}

#[test]
fn prose_is_told_from_code() {
    for prose in ["not found", "the namespace {name} does not exist", "Usage: eks-api run"] {
        assert!(is_prose(prose), "{prose}");
    }
    for code in [
        "application/json; charset=utf-8",
        "{a} {b}",
        "job_name",
        "max-age=3, x",
        "uid, state, has_gaps",
        "SELECT a FROM b",
    ] {
        assert!(!is_prose(code), "{code}");
    }
}

#[test]
fn a_page_is_read_by_paragraphs_items_and_cells() {
    let page = "# Title\n\nOne `a b c`\nline.\n\n    code here\n\n- an item\n  goes on\n- [a link](b.md) more\n\n| a cell here | `code` |\n";
    let found: Vec<(usize, String)> = paragraphs(page).collect();
    let expected =
        [(0, "# Title"), (2, "One X line."), (7, "- an item goes on"), (9, "- [a link more"), (11, "a cell here")];
    assert_eq!(found, expected.map(|(at, text)| (at, text.to_owned())));
}
