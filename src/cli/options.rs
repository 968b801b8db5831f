//! The options of a command, in one table for the parser and for the help: [`CommandOption`].

use std::collections::BTreeMap;

use crate::util::text::{closest, truncate};

/// An option of the command line.
#[derive(Clone, Copy, Debug)]
pub struct CommandOption {
    /// One letter, or empty.
    pub short: &'static str,
    pub long: &'static str,
    /// The name of the value in the help. A switch has none. Completion offers files for `FILE`, and the words of a choice
    /// such as `read|write`.
    pub value: &'static str,
    pub help: &'static str,
}

pub const fn option(short: &'static str, long: &'static str, value: &'static str, help: &'static str) -> CommandOption {
    CommandOption { short, long, value, help }
}

/// The option that every command has.
pub const HELP: CommandOption = option("h", "help", "", "print this help");

/// The options and arguments that are given.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Arguments {
    values: BTreeMap<&'static str, String>,
    pub positional: Vec<String>,
}

impl Arguments {
    /// Parses arguments such as `-f FILE`, `-f=FILE`, `--file FILE`, `--file=FILE` and `--quiet`.
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
            let option = table.iter().chain([&HELP]).find(is_named).ok_or_else(|| unknown(name, table))?;
            let value = match (option.value, inline) {
                ("", None) => String::new(),
                ("", Some(_)) => return Err(format!("{name} takes no value")),
                (_, inline) => inline
                    .or_else(|| arguments.next())
                    .filter(|value| !value.is_empty())
                    .ok_or_else(|| format!("{name} needs a value"))?,
            };
            if option.value.contains('|') && !option.value.split('|').any(|choice| choice == value) {
                return Err(format!("--{} must be {}", option.long, alternatives(option.value)));
            }
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
    pub fn without_positional(&self) -> Result<(), String> {
        self.positional.first().map_or(Ok(()), |argument| Err(unexpected(argument)))
    }
}

/// Returns `read, write or admin` for `read|write|admin`.
fn alternatives(choice: &str) -> String {
    let (first, last) = choice.rsplit_once('|').unwrap_or(("", choice));
    format!("{} or {last}", first.replace('|', ", "))
}

fn unknown(name: &str, table: &[CommandOption]) -> String {
    let name = truncate(name, 40);
    let options = table.iter().chain([&HELP]).map(|option| option.long);
    let hint = closest(name.trim_start_matches('-'), options);
    let hint = hint.map(|long| format!(" (did you mean --{long}?)")).unwrap_or_default();
    format!("unknown option {name:?}{hint}")
}

/// The text after an equals sign may be a secret, so it is not shown.
pub fn without_value(argument: &str) -> &str {
    truncate(argument.split('=').next().unwrap_or_default(), 40)
}

pub fn unexpected(argument: &str) -> String {
    let argument = without_value(argument);
    format!("unexpected argument {argument:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: [CommandOption; 2] = [option("f", "file", "FILE", ""), option("", "follow", "", "")];

    fn parsed(arguments: &[&str]) -> Result<Arguments, String> {
        Arguments::parse(&TABLE, arguments.iter().map(|argument| (*argument).to_owned()))
    }

    #[test]
    fn a_value_follows_its_option_or_an_equals_sign() {
        for arguments in [&["-f", "a=b"][..], &["-f=a=b"], &["--file", "a=b"], &["--file=a=b"]] {
            assert_eq!(parsed(arguments).unwrap().value("file"), Some("a=b"), "{arguments:?}");
        }
        assert!(parsed(&["-h"]).unwrap().has("help"));
    }

    #[test]
    fn a_value_after_an_equals_sign_is_not_shown() {
        assert_eq!(unexpected("AWS_SECRET_ACCESS_KEY=abcd"), "unexpected argument \"AWS_SECRET_ACCESS_KEY\"");
        assert_eq!(parsed(&["--secret=abcd"]).unwrap_err(), "unknown option \"--secret\"");
        assert_eq!(parsed(&["--fille=abcd"]).unwrap_err(), "unknown option \"--fille\" (did you mean --file?)");
    }

    #[test]
    fn one_option_is_suggested_for_a_typing_error() {
        for (given, meant) in [("--folow", "--follow"), ("-file", "--file"), ("--hlep", "--help")] {
            assert!(parsed(&[given]).unwrap_err().ends_with(&format!("(did you mean {meant}?)")), "{given}");
        }
        for given in ["-x", "--", "--quiet", "--fo"] {
            assert_eq!(parsed(&[given]).unwrap_err(), format!("unknown option {given:?}"));
        }
    }
}
