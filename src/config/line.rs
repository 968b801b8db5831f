//! Files of the settings with a line `NAME key=value …` for each entry: [`parse`] splits the file, [`Values`] a line.

use std::collections::BTreeMap;
use std::mem;
use std::path::Path;

use crate::config::pattern::Patterns;
use crate::util::text::{closest, truncate};

/// The form of a name.
pub const NAME_FORM: &str =
    "at most 63 lower case letters, digits and '-', beginning and ending with a letter or digit";
/// The maximal number of entries in a file.
const MAX_ENTRIES: usize = 32;
/// The maximal length of a value in a message.
const MAX_SHOWN: usize = 100;

/// The entries of a file and its mistakes, each with the number of its line.
#[derive(Debug)]
pub struct Entries<T> {
    pub entries: Vec<(usize, T)>,
    pub mistakes: Vec<(usize, String)>,
    /// Whether the file has more lines than it may have. They are not read.
    pub is_cut: bool,
}

/// Parses each line that is neither blank nor a comment. `parse_line` returns the entry and the mistakes of its line.
/// `plural` is what the entries are called.
pub fn parse<'a, T>(
    text: &'a str,
    plural: &str,
    mut parse_line: impl FnMut(&'a str) -> (T, Vec<String>),
) -> Entries<T> {
    let mut found = Entries { entries: Vec::new(), mistakes: Vec::new(), is_cut: false };
    let mut names = BTreeMap::new();
    let lines = text.trim_start_matches('\u{feff}').lines().map(str::trim_ascii);
    for (number, line) in (1..).zip(lines).filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
        if found.entries.len() == MAX_ENTRIES {
            let advice = "remove this line and the later ones";
            found.mistakes.push((number, format!("more than {MAX_ENTRIES} {plural}: {advice}")));
            found.is_cut = true;
            break;
        }
        let (entry, mistakes) = parse_line(line);
        found.mistakes.extend(mistakes.into_iter().map(|mistake| (number, mistake)));
        let name = line.split_ascii_whitespace().next().unwrap_or_default();
        let first = *names.entry(name).or_insert(number);
        if first != number {
            found.mistakes.push((number, format!("the name of line {first} is used again: choose another name")));
        }
        found.entries.push((number, entry));
    }
    found
}

impl<T> Entries<T> {
    /// Returns the mistakes in the order of the lines, each with its number.
    pub fn mistakes(&mut self) -> Vec<String> {
        self.mistakes.sort_by_key(|(number, _)| *number);
        self.mistakes.iter().map(|(number, mistake)| format!("line {number}: {mistake}")).collect()
    }
}

/// Returns the error of a file with these mistakes, one a line.
pub fn file_error(variable: &str, path: &Path, mistakes: &[String]) -> String {
    let lines = mistakes.iter().map(|why| format!("{variable} is {}: {why}", path.display()));
    lines.collect::<Vec<_>>().join("\n")
}

/// The values of a line by key, and the mistakes found so far.
#[derive(Debug)]
pub struct Values<'a> {
    keys: &'static [&'static str],
    given: BTreeMap<&'static str, &'a str>,
    /// Returns a value as a message shows it.
    shown: fn(&str) -> String,
    /// Whether a word is not `key=value`.
    pub has_loose_word: bool,
    pub mistakes: Vec<String>,
}

impl<'a> Values<'a> {
    pub const fn new(keys: &'static [&'static str], shown: fn(&str) -> String) -> Self {
        Self { keys, given: BTreeMap::new(), shown, has_loose_word: false, mistakes: Vec::new() }
    }

    /// Reads the words after the name.
    pub fn read(&mut self, words: impl Iterator<Item = &'a str>) {
        for word in words {
            if word.starts_with('#') {
                self.mistake("a comment follows the keys: write it on a line of its own");
                break;
            }
            self.add(word);
        }
    }

    /// Text that does not look like a key is not shown: it may be a part of a secret.
    fn add(&mut self, word: &'a str) {
        let Some((name, value)) = word.split_once('=').filter(|(name, _)| !name.is_empty()) else {
            if !mem::replace(&mut self.has_loose_word, true) {
                self.mistake("a word is not key=value: write key=value without blanks");
            }
            return;
        };
        let keys = self.keys;
        let Some(key) = keys.iter().find(|key| **key == name) else {
            let hint = closest(name, keys.iter().copied()).map(|key| format!("did you mean {key}?"));
            let hint = hint.unwrap_or_else(|| format!("the keys are {}", keys.join(", ")));
            let is_like_a_key = name.len() <= 20 && name.bytes().all(|c| c.is_ascii_alphabetic() || b"_-".contains(&c));
            let shown = if is_like_a_key { format!(" {name:?}") } else { String::new() };
            self.mistake(format!("unknown key{shown}: {hint}"));
            return;
        };
        if self.given.insert(key, value).is_some() {
            self.mistake(format!("{key} is given twice: remove one of them"));
        }
    }

    pub fn mistake(&mut self, text: impl Into<String>) {
        self.mistakes.push(text.into());
    }

    pub fn must_be(&mut self, what: &str, value: &str, form: &str) {
        self.mistake(format!("{what} is {}: it must be {form}", (self.shown)(value)));
    }

    pub fn has(&self, key: &str) -> bool {
        self.given.contains_key(key)
    }

    pub fn get(&self, key: &str) -> Option<&'a str> {
        self.given.get(key).copied()
    }

    /// Returns the value if it is given and valid.
    pub fn checked(&mut self, key: &str, form: &str, is_valid: impl Fn(&str) -> bool) -> Option<&'a str> {
        let value = self.get(key)?;
        if is_valid(value) {
            return Some(value);
        }
        self.must_be(key, value, form);
        None
    }

    pub fn patterns(&mut self, key: &str) -> Option<Patterns> {
        let parse = |list: &str| Patterns::parse(list).ok().filter(|patterns| !patterns.is_empty());
        let form = "names or patterns such as a,team-*";
        self.checked(key, form, |list| parse(list).is_some()).and_then(parse)
    }

    /// Reads the file that the value of a key names.
    pub fn file<T>(&mut self, key: &str, read: impl Fn(&Path) -> Result<T, String>) -> Option<T> {
        let value = self.get(key)?;
        read(Path::new(value)).map_err(|why| self.mistake(format!("{key} is {}: {why}", (self.shown)(value)))).ok()
    }
}

/// Returns a value in quotes, escaped, of bounded length.
pub fn shown(value: &str) -> String {
    truncate(&format!("{value:?}"), MAX_SHOWN).to_owned()
}
