//! The options of a command, in one table for the parser and for the help: [`CommandOption`].

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::util::text::truncate;

/// An option of the command line.
#[derive(Clone, Copy, Debug)]
pub struct CommandOption {
    /// One letter, or empty.
    pub short: &'static str,
    pub long: &'static str,
    /// The name of the value in the help. A switch has none.
    pub value: &'static str,
    pub help: &'static str,
}

/// The options and arguments that are given.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Arguments {
    values: BTreeMap<&'static str, String>,
    pub positional: Vec<String>,
}

impl Arguments {
    /// Parses arguments such as `-f FILE`, `--file FILE`, `--file=FILE` and `--quiet`.
    pub fn parse(table: &[CommandOption], mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut parsed = Self::default();
        while let Some(argument) = arguments.next() {
            if argument == "-" || !argument.starts_with('-') {
                parsed.positional.push(argument);
                continue;
            }
            let (name, inline) = match argument.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (argument.as_str(), None),
            };
            let is_named = |option: &&CommandOption| match name.strip_prefix("--") {
                Some(long) => long == option.long,
                None => !option.short.is_empty() && name[1..] == *option.short,
            };
            let option = table.iter().find(is_named).ok_or_else(|| unknown(name))?;
            let value = match (option.value, inline) {
                ("", None) => String::new(),
                ("", Some(_)) => return Err(format!("{name} takes no value")),
                (_, inline) => inline
                    .or_else(|| arguments.next())
                    .filter(|value| !value.is_empty())
                    .ok_or_else(|| format!("{name} needs a value"))?,
            };
            if parsed.values.insert(option.long, value).is_some() {
                return Err(format!("{name} is given twice"));
            }
        }
        Ok(parsed)
    }

    pub fn has(&self, long: &str) -> bool {
        self.values.contains_key(long)
    }

    pub fn value(&self, long: &str) -> Option<&str> {
        self.values.get(long).map(String::as_str)
    }

    /// Refuses positional arguments.
    pub fn without_positional(self) -> Result<Self, String> {
        self.positional.first().map_or(Ok(()), |argument| Err(unexpected(argument))).map(|()| self)
    }
}

fn unknown(name: &str) -> String {
    let name = truncate(name, 40);
    format!("unknown option {name:?}")
}

/// The text after an equals sign may be a secret, so it is not shown.
pub fn unexpected(argument: &str) -> String {
    let argument = truncate(argument.split('=').next().unwrap_or_default(), 40);
    format!("unexpected argument {argument:?}")
}

/// Returns the lines of the help. A long option has its text on the next line.
pub fn help(table: &[CommandOption]) -> String {
    let mut text = String::new();
    for CommandOption { short, long, value, help } in table {
        let short = if short.is_empty() { "    ".to_owned() } else { format!("-{short}, ") };
        let name = format!("{short}--{long} {value}");
        let separator = if name.len() < 24 { "" } else { "\n                          " };
        let _ = write!(text, "\n  {:<24}{separator}{help}", name.trim_end());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_after_an_equals_sign_is_not_shown() {
        assert_eq!(unexpected("AWS_SECRET_ACCESS_KEY=abcd"), "unexpected argument \"AWS_SECRET_ACCESS_KEY\"");
        let refused = Arguments::parse(&[], ["--secret=abcd".to_owned()].into_iter()).unwrap_err();
        assert_eq!(refused, "unknown option \"--secret\"");
    }
}
