//! The man page in roff, made from the table of commands: [`page`].

use std::fmt::Write as _;

use crate::cli::help::{ABOUT, usage};
use crate::cli::options::CommandOption;
use crate::cli::spec::CommandSpec;
use crate::config::{CLIENT_VARIABLES, VARIABLES, Variable};

pub fn page(commands: &[&CommandSpec]) -> String {
    let mut page = format!(
        ".TH EKS\\-API 1 \"\" \"eks\\-api {}\" \"User Commands\"\n.SH NAME\neks\\-api \\- {}\n.SH SYNOPSIS\n.B eks\\-api\n\
         .RI [ COMMAND ]\n.RI [ OPTIONS ]\n.SH COMMANDS",
        env!("CARGO_PKG_VERSION"),
        escaped(ABOUT)
    );
    for command in commands {
        section(&mut page, command);
    }
    page += "\n.SH ENVIRONMENT\nThe service and its commands:";
    for variable in &VARIABLES {
        item(&mut page, variable);
    }
    page += "\n.PP\nThe commands that call a service:";
    for variable in &CLIENT_VARIABLES {
        item(&mut page, variable);
    }
    page
}

fn section(page: &mut String, command: &CommandSpec) {
    let _ = write!(page, "\n.SS {}\n{}.", escaped(&usage(command)), escaped(command.summary));
    for paragraph in command.help.lines() {
        let _ = write!(page, "\n.PP\n{}", escaped(paragraph));
    }
    for CommandOption { short, long, value, help, .. } in command.options() {
        let short = if short.is_empty() { String::new() } else { format!("\\fB\\-{short}\\fR, ") };
        let value = if value.is_empty() { String::new() } else { format!(" \\fI{}\\fR", escaped(value)) };
        let _ = write!(page, "\n.TP\n{short}\\fB\\-\\-{}\\fR{value}\n{}", escaped(long), escaped(help));
    }
    page.push_str("\n.PP\nExit codes:");
    for (code, meaning) in command.exit_codes {
        let _ = write!(page, "\n.TP\n\\fB{code}\\fR\n{}", escaped(meaning));
    }
}

fn item(page: &mut String, variable: &Variable) {
    let Variable { name, default, meaning } = variable;
    let _ = write!(page, "\n.TP\n\\fB{name}\\fR [{}]\n{}", escaped(default), escaped(meaning));
}

/// In roff a backslash begins an escape. A dot or a quote at the start of a line begins a request.
fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    if text.starts_with(['.', '\'']) { format!("\\&{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::commands::COMMANDS;

    #[test]
    fn the_page_has_every_command_option_exit_code_and_variable() {
        let page = page(&COMMANDS);
        let has = |line: &str| assert!(page.lines().any(|found| found == line), "{line} is not in\n{page}");
        for command in COMMANDS {
            has(&format!(".SS {}", escaped(&usage(command))));
            let meanings = command.exit_codes.iter().map(|(_, meaning)| *meaning);
            for text in command.options().map(|option| option.help).chain(meanings) {
                has(&escaped(text));
            }
        }
        for variable in VARIABLES.iter().chain(&CLIENT_VARIABLES) {
            has(&escaped(variable.meaning));
        }
    }

    #[test]
    fn texts_do_not_become_requests() {
        assert_eq!(escaped(".SH a-b\\c"), "\\&.SH a\\-b\\ec");
        assert_eq!(escaped("'quoted'"), "\\&'quoted'");
    }
}
