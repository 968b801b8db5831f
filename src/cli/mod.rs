//! The command line: [`run`] parses the arguments, reads `.env` and runs a command.

pub mod check;
pub mod keygen;
pub mod options;
pub mod run;
pub mod stdout;
pub mod token;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command as Process;

use self::options::{Arguments, CommandOption};
use self::run::RunCommand;
use self::stdout::print;
use crate::api::docs::openapi;
use crate::app::error::Error;
use crate::app::serve;
use crate::auth::keys::Grant;
use crate::config::{Settings, VARIABLES, dotenv};
use crate::util::files;

const MAX_DOTENV_BYTES: u64 = 1 << 20;

/// The options of `check` and `token`, as `aws eks get-token` has them.
const OPTIONS: [CommandOption; 2] = [
    CommandOption { short: "", long: "cluster-name", value: "NAME", help: "instead of EKS_CLUSTER_NAME" },
    CommandOption { short: "", long: "region", value: "REGION", help: "instead of EKS_REGION" },
];

#[derive(Debug, PartialEq, Eq)]
enum Command {
    Serve,
    Token(Overrides),
    Check(Overrides),
    Keygen(Grant),
    Run(RunCommand),
    OpenApi,
    Version,
    Help,
}

/// Settings that are given as options.
type Overrides = Vec<(&'static str, String)>;

/// Runs the command. Returns when it is done, or when the service has drained.
pub fn run(arguments: impl Iterator<Item = String>) -> Result<(), Error> {
    match parse(arguments)? {
        Command::Version => print(concat!("eks-api ", env!("CARGO_PKG_VERSION"))),
        Command::Help => print(&help()),
        Command::OpenApi => print(openapi::DOCUMENT),
        Command::Keygen(grant) => keygen::run(&grant)?,
        Command::Run(command) => run::run(command)?,
        Command::Serve => block_on(serve(settings(Vec::new(), true)?))?,
        Command::Token(overrides) => block_on(token::run(&settings(overrides, false)?))?,
        Command::Check(overrides) => block_on(check::run(&settings(overrides, false)?))?,
    }
    Ok(())
}

/// Uses one thread: the work is mostly waiting, and threads would cost more than they gain.
fn block_on(work: impl Future<Output = Result<(), Error>>) -> Result<(), Error> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Error::Start)?.block_on(work)
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Command, Error> {
    let Some(first) = arguments.next() else { return Ok(Command::Serve) };
    let command = match first.as_str() {
        "token" => return Ok(Command::Token(overrides(arguments)?)),
        "keygen" => return Ok(Command::Keygen(keygen::parse(arguments)?)),
        "run" => return Ok(Command::Run(run::parse(arguments)?)),
        "check" => return Ok(Command::Check(overrides(arguments)?)),
        "openapi" => Command::OpenApi,
        "--version" | "-V" => Command::Version,
        "--help" | "-h" | "help" => Command::Help,
        other => return Err(usage(format!("unknown command {other:?}"))),
    };
    match arguments.next() {
        None => Ok(command),
        Some(extra) => Err(usage(options::unexpected(&extra))),
    }
}

fn overrides(arguments: impl Iterator<Item = String>) -> Result<Overrides, Error> {
    let parsed = Arguments::parse(&OPTIONS, arguments).and_then(Arguments::without_positional).map_err(usage)?;
    let names = [("cluster-name", "EKS_CLUSTER_NAME"), ("region", "EKS_REGION")];
    Ok(names.into_iter().filter_map(|(option, name)| Some((name, parsed.value(option)?.to_owned()))).collect())
}

fn usage(text: String) -> Error {
    Error::Arguments(text + "; see eks-api --help")
}

fn settings(overrides: Overrides, is_serve: bool) -> Result<Settings, Error> {
    let environment = environment()?;
    apply_dotenv(&environment, is_serve)?;
    let overrides = overrides.into_iter().map(|(name, value)| (name.to_owned(), value));
    Ok(Settings::read(environment.into_iter().chain(overrides))?)
}

fn environment() -> Result<BTreeMap<String, String>, Error> {
    let mut environment = BTreeMap::new();
    for (name, value) in std::env::vars_os() {
        match (name.into_string(), value.into_string()) {
            (Ok(name), Ok(value)) => {
                environment.insert(name, value);
            }
            (Ok(name), Err(_)) if name.starts_with("EKS_") || name.starts_with("AWS_") => {
                return Err(Error::Config(format!("the value of {name} is not UTF-8")));
            }
            // Other variables are not read.
            _ => {}
        }
    }
    Ok(environment)
}

/// Executes the program again with the variables that `.env` adds to the environment. The SDK and the system's libraries
/// read the environment themselves, and a process with threads cannot change its own safely. The environment takes
/// precedence, so the second time there is nothing to add.
///
/// `check` and `token` may run in any directory, and they print or send a token. There `.env` may name the cluster and
/// the credentials. It must not set an endpoint, a proxy, a CA or a configuration file: these could redirect the token.
fn apply_dotenv(environment: &BTreeMap<String, String>, is_serve: bool) -> Result<(), Error> {
    let text = match files::read_text(Path::new(".env"), MAX_DOTENV_BYTES) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Error::Config(format!("reading .env: {error}"))),
    };
    let pairs = dotenv::parse(&text)
        .map_err(|line| Error::Config(format!(".env, line {line}: it must be NAME=value, a comment or blank")))?;
    let added: Vec<_> = pairs.into_iter().filter(|(name, _)| !environment.contains_key(name)).collect();
    if added.is_empty() {
        return Ok(());
    }
    if let Some((name, _)) = added.iter().find(|(name, _)| !is_serve && !is_harmless(name)) {
        return Err(Error::Config(format!(
            ".env sets {name}, which may decide where credentials are sent: only the service reads it from .env; to use \
             it here, set it in the environment"
        )));
    }
    let program = std::env::current_exe().map_err(Error::Start)?;
    let mut arguments = std::env::args_os();
    let mut process = Process::new(program);
    if let Some(name) = arguments.next() {
        process.arg0(name);
    }
    Err(Error::Start(process.args(arguments).envs(added).exec()))
}

fn is_harmless(name: &str) -> bool {
    const AWS: [&str; 5] =
        ["AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"];
    name.starts_with("EKS_") || name.starts_with("LOG_") || AWS.contains(&name)
}

fn help() -> String {
    let mut text = "\
eks-api: a plain REST API for Kubernetes Jobs and Namespaces on Amazon EKS

Usage:
  eks-api                 serve
  eks-api check           check everything from credentials to permissions, and say what fails
  eks-api token           print an ExecCredential for kubectl, as aws eks get-token does
  eks-api keygen NAME --role read|write|admin --namespaces 'a,team-*'
                          make an API key; print the key once, and its line for EKS_API_KEYS_FILE
  eks-api run -f job.json [--follow]
                          run a job on a running service, and exit as the job does; see eks-api run --help
  eks-api openapi         print the OpenAPI 3.1 document, as /openapi.json returns it
  eks-api --version | --help

Options of check and token:"
        .to_owned();
    text += &options::help(&OPTIONS);
    text += "\n\nVariables (from the environment, else from a .env file in the working directory):";
    for variable in VARIABLES {
        let _ = write!(text, "\n  {:<33} {} [{}]", variable.name, variable.meaning, variable.default);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &[&str]) -> Result<Command, String> {
        parse(arguments.iter().map(|a| (*a).to_owned())).map_err(|error| error.to_string())
    }

    #[test]
    fn arguments_choose_the_command() {
        assert_eq!(parsed(&[]), Ok(Command::Serve));
        assert_eq!(parsed(&["--version"]), Ok(Command::Version));
        assert_eq!(parsed(&["openapi"]), Ok(Command::OpenApi));
        let overrides = vec![("EKS_CLUSTER_NAME", "lab".to_owned()), ("EKS_REGION", "us-east-1".to_owned())];
        assert_eq!(parsed(&["token", "--cluster-name", "lab", "--region=us-east-1"]), Ok(Command::Token(overrides)));
    }

    #[test]
    fn errors_name_the_argument() {
        for (arguments, named) in [
            (&["serve"][..], "unknown command \"serve\""),
            (&["token", "--cluster"], "unknown option \"--cluster\""),
            (&["token", "--cluster=secret"], "unknown option \"--cluster\";"),
            (&["check", "--region"], "--region needs a value"),
            (&["--version", "now"], "\"now\""),
        ] {
            assert!(parsed(arguments).unwrap_err().contains(named), "{arguments:?}");
        }
    }

    #[test]
    fn help_names_every_variable() {
        let help = help();
        assert!(VARIABLES.iter().all(|variable| help.contains(variable.name)));
    }
}
