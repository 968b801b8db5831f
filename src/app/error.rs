//! Why the program ends early, with its exit code: [`Error`].

use std::process::ExitCode;
use std::{fmt, io};

use crate::client::exit::Exit;
use crate::config::SettingsErrors;

#[derive(Debug)]
pub enum Error {
    Arguments(String),
    /// A setting, `.env`, a file that a setting names, or a socket that systemd passed is wrong.
    Config(String),
    /// The database of the history is not there, or cannot be read.
    NoInput(String),
    /// A file that a command writes exists, or cannot be written.
    CannotCreate(String),
    Listen(String),
    Start(io::Error),
    Failed(String),
    /// `eks-api run` has exit codes of its own.
    Run(Exit),
}

impl Error {
    /// 64, 66, 73 and 78 are `EX_USAGE`, `EX_NOINPUT`, `EX_CANTCREAT` and `EX_CONFIG` of sysexits. After 78 a new start
    /// does not help; the unit file tells systemd so.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Arguments(_) => ExitCode::from(64),
            Self::NoInput(_) => ExitCode::from(66),
            Self::CannotCreate(_) => ExitCode::from(73),
            Self::Config(_) => ExitCode::from(78),
            Self::Run(exit) => ExitCode::from(exit.code),
            Self::Listen(_) | Self::Start(_) | Self::Failed(_) => ExitCode::FAILURE,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Arguments(text)
            | Self::Config(text)
            | Self::NoInput(text)
            | Self::CannotCreate(text)
            | Self::Listen(text)
            | Self::Failed(text) => f.write_str(text),
            Self::Start(error) => error.fmt(f),
            Self::Run(exit) => exit.fmt(f),
        }
    }
}

impl std::error::Error for Error {}

impl From<SettingsErrors> for Error {
    fn from(errors: SettingsErrors) -> Self {
        Self::Config(errors.to_string())
    }
}

impl From<Exit> for Error {
    fn from(exit: Exit) -> Self {
        Self::Run(exit)
    }
}
