//! The command line: [`run`] finds the command in the table, parses its arguments and runs it.

pub mod calls;
pub mod check;
pub mod commands;
pub mod database;
pub mod environment;
pub mod help;
pub mod history;
pub mod keygen;
pub mod options;
pub mod spec;
pub mod stdout;
pub mod token;
pub mod webhook;

use std::ffi::OsString;

use crate::app::error::Error;
use crate::cli::options::Arguments;
use crate::cli::stdout::print;

/// Runs the command. Returns when it is done, or when the service has drained.
pub fn run(given: impl Iterator<Item = OsString>) -> Result<(), Error> {
    let given: Vec<OsString> = given.collect();
    let mut arguments = given.iter().map(|argument| argument.to_string_lossy().into_owned()).peekable();
    let name = arguments.next_if(|first| !first.starts_with('-'));
    let command = name.map_or(Ok(&commands::SERVE), |name| commands::find(&name))?;
    if let Some(index) = given.iter().position(|argument| argument.to_str().is_none()) {
        return Err(command.usage_error(format!("argument {} is not UTF-8", index + 1)));
    }
    let parsed = Arguments::parse(command.options, arguments).map_err(|text| command.usage_error(text))?;
    if parsed.has("help") {
        return print(&commands::help_text(command));
    }
    (command.run)(&parsed)
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt;

    use super::*;

    #[test]
    fn errors_name_the_argument() {
        for (arguments, named) in [
            (&["serve"][..], "unknown command \"serve\"; see eks-api --help"),
            (&["tokne"], "unknown command \"tokne\" (did you mean token?);"),
            (&[""], "unknown command \"\";"),
            (&["chek=abcd"], "unknown command \"chek\" (did you mean check?);"),
            (
                &["token", "--clusters"],
                "unknown option \"--clusters\" (did you mean --cluster?); see eks-api token --help",
            ),
            (&["token", "--bluster=abcd"], "unknown option \"--bluster\" (did you mean --cluster?);"),
            (&["token", "--cluster"], "--cluster needs a value; see eks-api token --help"),
            (&["check", "--region"], "--region needs a value"),
            (&["check", "secret=abcd"], "unexpected argument \"secret\";"),
            (&["--version", "now"], "unexpected argument \"now\"; see eks-api --help"),
            (&["--verson"], "unknown option \"--verson\" (did you mean --version?);"),
            (&["help", "rnu"], "unknown command \"rnu\" (did you mean run?);"),
            (&["help", "run", "now"], "unexpected argument \"now\"; see eks-api help --help"),
            (
                &["run", "-f", "a", "--folow"],
                "unknown option \"--folow\" (did you mean --follow?); see eks-api run --help",
            ),
        ] {
            let error = run(arguments.iter().map(OsString::from)).unwrap_err().to_string();
            assert!(error.contains(named) && !error.contains("abcd"), "{error}");
        }
    }

    #[test]
    fn an_argument_that_is_not_utf_8_is_a_usage_error() {
        let latin_1 = OsString::from_vec(vec![b'a', 0xe4]);
        for (arguments, text) in [
            (
                vec!["run".into(), "-f".into(), latin_1.clone()],
                "eks-api: argument 3 is not UTF-8; see eks-api run --help",
            ),
            (vec!["--version".into(), latin_1.clone()], "argument 2 is not UTF-8; see eks-api --help"),
            (vec![latin_1], "unknown command \"a\u{fffd}\"; see eks-api --help"),
        ] {
            assert_eq!(run(arguments.into_iter()).unwrap_err().to_string(), text);
        }
    }
}
