//! The help of the command line, made from the table of commands: [`overview`] and [`of_command`].

pub mod completion;
pub mod man;

use std::fmt::Write as _;

use crate::cli::options::CommandOption;
use crate::cli::spec::CommandSpec;
use crate::config::{CLIENT_VARIABLES, VARIABLES, Variable};

const ABOUT: &str = "a plain REST API for Kubernetes Jobs and Namespaces on Amazon EKS";
/// The longest line in characters.
const WIDTH: usize = 120;

/// Returns the help of the service: all commands and all variables.
pub fn overview(service: &CommandSpec, commands: &[&CommandSpec]) -> String {
    let mut text = format!(
        "eks-api: {ABOUT}\n\nUsage:\n  eks-api [COMMAND] [OPTIONS]\n\n\
         Commands (see eks-api COMMAND --help):"
    );
    for command in commands {
        let name = if command.name.is_empty() { "(none)" } else { command.name };
        let _ = write!(text, "\n  {name:<12} {}", command.summary);
    }
    text += &options(service);
    text += "\n\nVariables (from the environment, else from a .env file in the working directory):";
    text += &variables(&VARIABLES);
    text += "\n\nVariables of the commands that call a service (from the environment):";
    text += &variables(&CLIENT_VARIABLES);
    text + &exit_codes(service)
}

/// Returns the help of one command.
pub fn of_command(command: &CommandSpec) -> String {
    let name = command.full_name();
    let mut text = format!("{name}: {}\n\nUsage:\n  {}{}", command.summary, usage(command), options(command));
    if !command.help.is_empty() {
        text.push('\n');
        command.help.lines().for_each(|paragraph| text += &wrapped(paragraph, ""));
    }
    if command.is_client {
        text += "\n\nVariables:";
        text += &variables(&CLIENT_VARIABLES);
    }
    text + &exit_codes(command)
}

/// Returns the command with its arguments.
fn usage(command: &CommandSpec) -> String {
    format!("{} {}", command.full_name(), command.usage).trim_end().to_owned()
}

/// A long option has its text on the next line.
fn options(command: &CommandSpec) -> String {
    let mut text = "\n\nOptions:".to_owned();
    for CommandOption { short, long, value, help, .. } in command.options() {
        let short = if short.is_empty() { "    ".to_owned() } else { format!("-{short}, ") };
        let name = format!("{short}--{long} {value}");
        let separator = if name.len() < 24 { "" } else { "\n                          " };
        let _ = write!(text, "\n  {:<24}{separator}{help}", name.trim_end());
    }
    text
}

fn variables(variables: &[Variable]) -> String {
    let line = |variable: &Variable| {
        let Variable { name, default, meaning } = variable;
        format!("\n  {name:<33} {meaning} [{default}]")
    };
    variables.iter().map(line).collect()
}

fn exit_codes(command: &CommandSpec) -> String {
    let codes = command.exit_codes.iter();
    let codes: String = codes.map(|(code, meaning)| wrapped(&format!("{code:>5}  {meaning}"), "       ")).collect();
    format!("\n\nExit codes:{codes}")
}

/// Returns the text in lines of at most [`WIDTH`] characters. All but the first are indented.
fn wrapped(text: &str, indent: &str) -> String {
    let mut lines = String::new();
    let mut width = WIDTH;
    for word in text.split(' ') {
        if width + 1 + word.len() > WIDTH {
            let indent = if lines.is_empty() { "" } else { indent };
            let _ = write!(lines, "\n{indent}{word}");
            width = indent.len() + word.len();
        } else {
            let _ = write!(lines, " {word}");
            width += 1 + word.len();
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::commands::{COMMANDS, help_text};

    #[test]
    fn the_help_of_each_command_has_its_options_and_exit_codes() {
        for command in COMMANDS {
            let help = help_text(command);
            assert!(help.starts_with(&format!("{}: ", command.full_name())), "{help}");
            for CommandOption { short, long, value, help: meaning, .. } in command.options() {
                let name = format!("--{long} {value}");
                let is_shown = help.lines().any(|line| line.contains(name.trim_end()));
                assert!(is_shown && help.contains(meaning) && help.contains(&format!("-{short}")), "{name}: {help}");
            }
            let (_, codes) = help.split_once("\n\nExit codes:\n").unwrap();
            for (code, _) in command.exit_codes {
                assert!(codes.lines().any(|line| line.starts_with(&format!("{code:>5}  "))), "{code}: {help}");
            }
        }
    }

    #[test]
    fn the_lines_of_a_commands_help_have_at_most_120_characters() {
        for command in COMMANDS.into_iter().filter(|command| !command.name.is_empty()) {
            let help = help_text(command);
            assert!(help.lines().all(|line| line.len() <= WIDTH), "{help}");
        }
    }

    #[test]
    fn the_overview_has_every_command_and_variable() {
        let help = help_text(COMMANDS[0]);
        for command in COMMANDS {
            assert!(
                help.lines().any(|line| line.trim_start().starts_with(command.name) && line.ends_with(command.summary))
            );
        }
        assert!(VARIABLES.iter().chain(&CLIENT_VARIABLES).all(|variable| help.contains(variable.name)), "{help}");
    }

    #[test]
    fn a_text_is_wrapped_between_words() {
        let word = "a".repeat(59);
        assert_eq!(wrapped(&format!("{word} {word} bb c"), "  "), format!("\n{word} {word}\n  bb c"));
        assert_eq!(wrapped(&"a".repeat(200), "  "), format!("\n{}", "a".repeat(200)));
    }
}
