//! Label selectors in the syntax of kubectl: `a=b,c!=d,e in (f,g),h notin (i),j,!k`
//! (<https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors>).

use std::cmp::Ordering;
use std::fmt;

use crate::jobs::text::shortened;

/// The limits of a selector: its bytes and its requirements. Each requirement is compared with every job.
pub const MAX_LEN: usize = 1024;
pub const MAX_REQUIREMENTS: usize = 16;

/// The requirements, in the order of their keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector(Vec<Requirement>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Requirement {
    key: String,
    rule: Rule,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Rule {
    Exists,
    Missing,
    /// The label has one of these values. The values are sorted, also those of `NotIn`.
    In(Vec<String>),
    /// The label has none of these values, or is missing.
    NotIn(Vec<String>),
}

/// Why a selector is refused.
#[derive(Debug, PartialEq, Eq)]
pub struct BadSelector(String);

impl fmt::Display for BadSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; write a=b, a!=b, a in (b,c), a notin (b,c), a or !a, separated by commas", self.0)
    }
}

impl std::error::Error for BadSelector {}

impl Selector {
    pub fn parse(text: &str) -> Result<Self, BadSelector> {
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        if text.len() > MAX_LEN {
            return Err(bad(&format!("it is longer than {MAX_LEN} bytes")));
        }
        let parts = parts(text)?;
        if parts.len() > MAX_REQUIREMENTS {
            return Err(bad(&format!("it has more than {MAX_REQUIREMENTS} requirements")));
        }
        let mut requirements: Vec<Requirement> = parts.into_iter().map(requirement).collect::<Result<_, _>>()?;
        requirements.sort_by(|one, other| one.key.cmp(&other.key));
        Ok(Self(requirements))
    }

    /// Whether any labels match.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether these labels match. They are in the order of their keys, so each is read once.
    pub fn matches<'a>(&self, labels: impl Iterator<Item = (&'a str, &'a str)>) -> bool {
        let mut labels = labels.peekable();
        self.0.iter().all(|Requirement { key, rule }| {
            let value = loop {
                let Some((label, value)) = labels.peek() else { break None };
                match label.as_bytes().cmp(key.as_bytes()) {
                    Ordering::Less => drop(labels.next()),
                    Ordering::Equal => break Some(*value),
                    Ordering::Greater => break None,
                }
            };
            let is_among = |values: &[String]| {
                value.is_some_and(|value| values.binary_search_by(|one| one.as_str().cmp(value)).is_ok())
            };
            match rule {
                Rule::Exists => value.is_some(),
                Rule::Missing => value.is_none(),
                Rule::In(values) => is_among(values),
                Rule::NotIn(values) => !is_among(values),
            }
        })
    }
}

/// The selector as it is sent to the API server.
impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Requirement { key, rule }) in self.0.iter().enumerate() {
            f.write_str(if index == 0 { "" } else { "," })?;
            match rule {
                Rule::Exists => f.write_str(key)?,
                Rule::Missing => write!(f, "!{key}")?,
                Rule::In(values) => write!(f, "{key} in ({})", values.join(","))?,
                Rule::NotIn(values) => write!(f, "{key} notin ({})", values.join(","))?,
            }
        }
        Ok(())
    }
}

/// Splits the selector at the commas outside of parentheses.
fn parts(text: &str) -> Result<Vec<&str>, BadSelector> {
    let (mut parts, mut from, mut is_within) = (Vec::new(), 0, false);
    for (at, found) in text.char_indices() {
        match found {
            '(' | ')' if is_within == (found == '(') => return Err(bad("its parentheses do not match")),
            '(' | ')' => is_within = found == '(',
            ',' if !is_within => {
                parts.push(&text[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    if is_within {
        return Err(bad("its parentheses do not match"));
    }
    parts.push(&text[from..]);
    Ok(parts)
}

fn requirement(part: &str) -> Result<Requirement, BadSelector> {
    let part = part.trim();
    if let Some(key) = part.strip_prefix('!') {
        return Ok(Requirement { key: label_key(key)?, rule: Rule::Missing });
    }
    if let Some((before, values)) = part.split_once('(') {
        let inside = values.strip_suffix(')').ok_or_else(|| bad("there is text after a parenthesis"))?;
        let mut values: Vec<String> = inside.split(',').map(label_value).collect::<Result<_, _>>()?;
        values.sort_unstable();
        let mut words = before.split_whitespace();
        let (key, operator) = (words.next().unwrap_or(""), words.next());
        let rule = match (operator, words.next()) {
            (Some("in"), None) => Rule::In(values),
            (Some("notin"), None) => Rule::NotIn(values),
            _ => return Err(bad("a parenthesis must follow a key and in or notin")),
        };
        return Ok(Requirement { key: label_key(key)?, rule });
    }
    let (key, rule) = if let Some((key, value)) = part.split_once("!=") {
        (key, Rule::NotIn(vec![label_value(value)?]))
    } else if let Some((key, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
        (key, Rule::In(vec![label_value(value)?]))
    } else {
        (part, Rule::Exists)
    };
    Ok(Requirement { key: label_key(key)?, rule })
}

/// Parses a name of at most 63 characters, with an optional prefix: a DNS subdomain and a slash.
pub fn label_key(key: &str) -> Result<String, BadSelector> {
    let key = key.trim();
    let (prefix, name) = key.rsplit_once('/').map_or((None, key), |(prefix, name)| (Some(prefix), name));
    let is_part = |part: &str| {
        let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        !part.is_empty() && part.chars().all(inner) && !part.starts_with('-') && !part.ends_with('-')
    };
    let is_prefix = |prefix: &str| prefix.len() <= 253 && prefix.split('.').all(is_part);
    if !name.is_empty() && is_word(name) && prefix.is_none_or(is_prefix) {
        return Ok(key.to_owned());
    }
    let name = shortened(key);
    Err(bad(&format!("{name:?} is not a label key")))
}

fn label_value(value: &str) -> Result<String, BadSelector> {
    let value = value.trim();
    if is_word(value) {
        Ok(value.to_owned())
    } else {
        let value = shortened(value);
        Err(bad(&format!("{value:?} is not a label value")))
    }
}

/// Whether a word is empty, or has at most 63 letters, digits, '-', '_' and '.'. Both ends are letters or digits.
fn is_word(word: &str) -> bool {
    let inner = |c: u8| c.is_ascii_alphanumeric() || b"-_.".contains(&c);
    let bytes = word.as_bytes();
    let is_end = |c: Option<&u8>| c.is_none_or(u8::is_ascii_alphanumeric);
    bytes.len() <= 63 && bytes.iter().all(|c| inner(*c)) && is_end(bytes.first()) && is_end(bytes.last())
}

fn bad(why: &str) -> BadSelector {
    BadSelector(why.to_owned())
}

#[cfg(test)]
#[path = "label_selector_tests.rs"]
mod tests;
