//! A command as a row of a table: [`CommandSpec`]. The parser, the help, the completion and the man page use it.

use std::fmt::Display;

use crate::app::error::Error;
use crate::cli::options::{Arguments, CommandOption, HELP};
use crate::client::exit::Exit;

#[derive(Debug)]
pub struct CommandSpec {
    /// The service itself has no name.
    pub name: &'static str,
    /// The arguments after the name. If its first word is lower case, such as `bash|zsh|fish`, completion
    /// offers it.
    pub usage: &'static str,
    pub summary: &'static str,
    /// The options without `--help`, which every command has.
    pub options: &'static [CommandOption],
    /// More paragraphs, one a line.
    pub help: &'static str,
    pub exit_codes: &'static [ExitCode],
    /// Whether the command calls a running service. It has the exit codes of [`Exit`] and reads the client's variables.
    pub is_client: bool,
    pub run: fn(&Arguments) -> Result<(), Error>,
}

/// An exit code and its meaning.
pub type ExitCode = (u8, &'static str);

/// The exit codes of [`Error`].
pub const WRONG_ARGUMENTS: ExitCode = (64, "wrong arguments");
pub const WRONG_SETTINGS: ExitCode = (78, "a setting, or a file that a setting names, is wrong");
/// The exit code of `stdout::print`.
pub const NO_OUTPUT: ExitCode =
    (74, "stdout cannot be written; a reader that leaves early, as head does, is not an error");

impl CommandSpec {
    /// Returns the name of the command with the program's.
    pub fn full_name(&self) -> String {
        format!("eks-api {}", self.name).trim_end().to_owned()
    }

    /// Returns all options with `--help`.
    pub fn options(&self) -> impl Iterator<Item = &'static CommandOption> {
        self.options.iter().chain([&HELP])
    }

    pub fn usage_error(&self, text: impl Display) -> Error {
        let text = format!("{text}; see {} --help", self.full_name());
        if self.is_client { Exit::usage(text).into() } else { Error::Arguments(text) }
    }
}
