//! The options of a command, in one table for the parser and for the help: [`CommandOption`].

use std::collections::BTreeMap;

use crate::util::text::{closest, truncate};

/// An option of the command line.
#[derive(Clone, Copy, Debug)]
pub struct CommandOption {
    /// One letter, or empty.
    pub short: &'static str,
    /// Empty for the row of `--`, which takes all words after it.
    pub long: &'static str,
    /// The name of the value in the help. A switch has none. Completion offers files for `FILE`, templates for `TEMPLATE`,
    /// and the words of a choice such as `read|write`.
    pub value: &'static str,
    pub help: &'static str,
    /// Whether it can be given several times.
    pub is_repeatable: bool,
}

/// Returns an option that is given at most once.
pub const fn option(short: &'static str, long: &'static str, value: &'static str, help: &'static str) -> CommandOption {
    CommandOption { short, long, value, help, is_repeatable: false }
}

/// Returns an option that can be given several times.
pub const fn repeatable(
    short: &'static str,
    long: &'static str,
    value: &'static str,
    help: &'static str,
) -> CommandOption {
    CommandOption { is_repeatable: true, ..option(short, long, value, help) }
}

/// Returns the row of a command that takes words after `--`.
pub const fn words(value: &'static str, help: &'static str) -> CommandOption {
    option("", "", value, help)
}

/// The option that every command has.
pub const HELP: CommandOption = option("h", "help", "", "print this help");

/// The options and arguments that are given.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Arguments {
    values: BTreeMap<&'static str, Vec<String>>,
    pub positional: Vec<String>,
    /// The words after `--`, if the command takes them. Empty without `--`.
    pub words: Vec<String>,
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
            if argument == "--" && table.iter().any(|option| option.long.is_empty()) {
                parsed.words = arguments.collect();
                if parsed.words.is_empty() {
                    return Err("-- needs a word after it".to_owned());
                }
                break;
            }
            let (name, inline) = match argument.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (argument.as_str(), None),
            };
            let is_named = |option: &&CommandOption| match name.strip_prefix("--") {
                Some(long) => long == option.long && !long.is_empty(),
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
            let values = parsed.values.entry(option.long).or_default();
            if !values.is_empty() && !option.is_repeatable {
                return Err(format!("{name} is given twice"));
            }
            values.push(value);
        }
        Ok(parsed)
    }

    pub fn has(&self, long: &str) -> bool {
        self.values.contains_key(long)
    }

    pub fn value(&self, long: &str) -> Option<&str> {
        self.values(long).first().map(String::as_str)
    }

    /// Returns all values of a repeatable option.
    pub fn values(&self, long: &str) -> &[String] {
        self.values.get(long).map_or(&[], Vec::as_slice)
    }

    /// Returns the values `NAME=VALUE` of a repeatable option by their names. The error does not repeat a value, which may
    /// be a secret.
    pub fn pairs(&self, long: &str) -> Result<BTreeMap<String, String>, String> {
        let mut pairs = BTreeMap::new();
        for pair in self.values(long) {
            let pair = pair.split_once('=').filter(|(name, _)| !name.is_empty());
            let (name, value) = pair.ok_or_else(|| format!("--{long} must be NAME=VALUE"))?;
            if pairs.insert(name.to_owned(), value.to_owned()).is_some() {
                return Err(format!("--{long} {} is given twice", truncate(name, 40)));
            }
        }
        Ok(pairs)
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
    fn a_repeatable_option_has_all_its_values_by_their_names() {
        let table = [repeatable("p", "parameter", "NAME=VALUE", "")];
        let pairs = |arguments: &[&str]| {
            let arguments = arguments.iter().map(|argument| (*argument).to_owned());
            Arguments::parse(&table, arguments).and_then(|arguments| arguments.pairs("parameter"))
        };
        let found = pairs(&["-p", "B=1=2", "-p=A=", "--parameter=C=x y", "--parameter", "D=-p"]).unwrap();
        let found: Vec<(&str, &str)> = found.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(found, [("A", ""), ("B", "1=2"), ("C", "x y"), ("D", "-p")]);
        assert_eq!(pairs(&[]).unwrap().len(), 0);
        for (arguments, why) in [
            (&["-p"][..], "-p needs a value"),
            (&["-p", "secret"], "--parameter must be NAME=VALUE"),
            (&["-p", "=secret"], "--parameter must be NAME=VALUE"),
            (&["-p", "A=secret", "-p", "A=secret"], "--parameter A is given twice"),
        ] {
            assert_eq!(pairs(arguments).unwrap_err(), why, "{arguments:?}");
        }
    }

    #[test]
    fn words_after_two_hyphens_are_taken_as_they_are_if_the_command_has_them() {
        let table = [TABLE[0], words("COMMAND...", "")];
        let parsed =
            |arguments: &[&str]| Arguments::parse(&table, arguments.iter().map(|argument| (*argument).to_owned()));
        let found = parsed(&["-f", "a", "b", "--", "sh", "-f", "", "--", "--x=y"]).unwrap();
        assert_eq!((found.value("file"), &found.positional[..]), (Some("a"), &["b".to_owned()][..]));
        assert_eq!(found.words, ["sh", "-f", "", "--", "--x=y"]);
        assert_eq!(parsed(&["-f", "--", "--", "b"]).unwrap().value("file"), Some("--"), "it is a value here");
        assert_eq!(parsed(&["--"]).unwrap_err(), "-- needs a word after it");
        assert_eq!(parsed(&["--=a"]).unwrap_err(), "unknown option \"--\"");
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
