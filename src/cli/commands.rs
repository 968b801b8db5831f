//! The table of all commands: [`COMMANDS`].

use crate::api::docs::openapi;
use crate::app::error::Error;
use crate::app::serve;
use crate::cli::calls::{batch, jobs, run, templates};
use crate::cli::environment::{block_on, serve_settings};
use crate::cli::help;
use crate::cli::options::{option, unexpected, without_value};
use crate::cli::spec::{CommandSpec, NO_OUTPUT, WRONG_ARGUMENTS, WRONG_SETTINGS};
use crate::cli::stdout::print;
use crate::cli::{check, history, keygen, token, webhook};
use crate::util::text::closest;

/// All commands, in the order of the help.
pub static COMMANDS: [&CommandSpec; 18] = [
    &SERVE,
    &run::SPEC,
    &batch::SPEC,
    &templates::SPEC,
    &jobs::STATUS,
    &jobs::LIST,
    &jobs::LOGS,
    &jobs::DELETE,
    &jobs::WAIT,
    &history::SPEC,
    &check::SPEC,
    &token::SPEC,
    &keygen::SPEC,
    &webhook::SPEC,
    &OPENAPI,
    &COMPLETION,
    &MAN,
    &HELP,
];

pub static SERVE: CommandSpec = CommandSpec {
    name: "",
    usage: "",
    summary: "serve the API until SIGTERM",
    options: &[option("V", "version", "", "print the version")],
    help: "",
    exit_codes: &[
        (0, "the service was stopped, and all requests have ended"),
        (1, "the service could not start, for example because another program uses its address"),
        WRONG_ARGUMENTS,
        NO_OUTPUT,
        WRONG_SETTINGS,
    ],
    is_client: false,
    run: |arguments| {
        arguments.without_positional().map_err(|text| SERVE.usage_error(text))?;
        if arguments.has("version") {
            return print(concat!("eks-api ", env!("CARGO_PKG_VERSION")));
        }
        block_on(serve(serve_settings()?))
    },
};

static OPENAPI: CommandSpec = CommandSpec {
    name: "openapi",
    usage: "",
    summary: "print the OpenAPI 3.1 document, as /openapi.json returns it",
    options: &[],
    help: "",
    exit_codes: &[(0, "the document is printed"), WRONG_ARGUMENTS, NO_OUTPUT],
    is_client: false,
    run: |arguments| {
        arguments.without_positional().map_err(|text| OPENAPI.usage_error(text))?;
        print(openapi::DOCUMENT)
    },
};

static COMPLETION: CommandSpec = CommandSpec {
    name: "completion",
    usage: "bash|zsh|fish",
    summary: "print a completion script for a shell",
    options: &[],
    help: "To try it: source <(eks-api completion bash). The packages install the scripts.",
    exit_codes: &[(0, "the script is printed"), WRONG_ARGUMENTS, NO_OUTPUT],
    is_client: false,
    run: |arguments| {
        let script = match &arguments.positional[..] {
            [shell] => help::completion::script(shell, &COMMANDS),
            _ => None,
        };
        print(&script.ok_or_else(|| COMPLETION.usage_error("completion needs one of bash, zsh and fish"))?)
    },
};

static MAN: CommandSpec = CommandSpec {
    name: "man",
    usage: "",
    summary: "print the man page",
    options: &[],
    help: "To read it: eks-api man | man -l -",
    exit_codes: &[(0, "the page is printed"), WRONG_ARGUMENTS, NO_OUTPUT],
    is_client: false,
    run: |arguments| {
        arguments.without_positional().map_err(|text| MAN.usage_error(text))?;
        print(&help::man::page(&COMMANDS))
    },
};

static HELP: CommandSpec = CommandSpec {
    name: "help",
    usage: "[COMMAND]",
    summary: "print the help of a command",
    options: &[],
    help: "",
    exit_codes: &[(0, "the help is printed"), WRONG_ARGUMENTS, NO_OUTPUT],
    is_client: false,
    run: |arguments| {
        let command = match &arguments.positional[..] {
            [] => &SERVE,
            [name] => find(name)?,
            [_, extra, ..] => return Err(HELP.usage_error(unexpected(extra))),
        };
        print(&help_text(command))
    },
};

/// Finds the command with this name.
pub fn find(name: &str) -> Result<&'static CommandSpec, Error> {
    let mut named = COMMANDS.into_iter().filter(|command| !command.name.is_empty());
    named.clone().find(|command| command.name == name).ok_or_else(|| {
        let name = without_value(name);
        let meant = closest(name, named.by_ref().map(|command| command.name));
        let hint = meant.map(|meant| format!(" (did you mean {meant}?)")).unwrap_or_default();
        SERVE.usage_error(format!("unknown command {name:?}{hint}"))
    })
}

/// Returns the help of a command. That of the service has all commands.
pub fn help_text(command: &CommandSpec) -> String {
    if command.name.is_empty() { help::overview(command, &COMMANDS) } else { help::of_command(command) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_commands_that_call_a_service_take_the_options_of_the_connection() {
        for command in COMMANDS.iter().filter(|command| command.is_client) {
            for name in ["cluster", "timeout", "url", "key-file", "ca-file", "cert", "key"] {
                assert!(command.options.iter().any(|option| option.long == name), "{} --{name}", command.name);
            }
        }
    }
}
