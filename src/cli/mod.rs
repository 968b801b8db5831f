//! The command line: which of the few things to do. Owns arguments, `.env` and the help text.

pub mod check;
pub mod keygen;
pub mod run;
pub mod token;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command as Process;

use self::run as client;
use crate::api::docs::openapi;
use crate::app::{Error, print, serve, split_option};
use crate::auth::keys::Grant;
use crate::config::{Settings, VARIABLES, dotenv};
use crate::util::files;

const MAX_DOTENV_BYTES: u64 = 1 << 20;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Command {
    Serve,
    Token(Overrides),
    Check(Overrides),
    Keygen(Grant),
    Run(client::Wanted),
    OpenApi,
    Version,
    Help,
}

/// Variables given as options, as `aws eks get-token` takes them.
type Overrides = Vec<(&'static str, String)>;

/// Does what the arguments say. Returns when it is done, or when the service has drained.
pub fn run(arguments: impl Iterator<Item = String>) -> Result<(), Error> {
    let command = parse(arguments)?;
    let overrides = match &command {
        Command::Version => {
            print(concat!("eks-api ", env!("CARGO_PKG_VERSION")));
            return Ok(());
        }
        Command::Help => {
            print(&help());
            return Ok(());
        }
        Command::OpenApi => {
            print(openapi::DOCUMENT);
            return Ok(());
        }
        Command::Keygen(grant) => return keygen::run(grant),
        Command::Run(wanted) => return client::run(wanted),
        Command::Serve => &Vec::new(),
        Command::Token(overrides) | Command::Check(overrides) => overrides,
    };
    let environment = environment()?;
    take_up_dotenv(&environment, matches!(command, Command::Serve))?;
    let overridden = overrides.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
    let settings = Settings::read(environment.into_iter().chain(overridden)).map_err(Error::Settings)?;
    // One thread: what is done here is waiting, and threads would spend more on waking each other than they gain.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Error::Start)?;
    runtime.block_on(async {
        match command {
            Command::Token(_) => token::run(&settings).await,
            Command::Check(_) => check::run(&settings).await,
            Command::Serve
            | Command::Keygen(_)
            | Command::Run(_)
            | Command::OpenApi
            | Command::Version
            | Command::Help => serve(settings).await,
        }
    })
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Command, Error> {
    let Some(first) = arguments.next() else { return Ok(Command::Serve) };
    let command = match first.as_str() {
        "token" => return Ok(Command::Token(options(arguments)?)),
        "keygen" => return Ok(Command::Keygen(keygen::parse(arguments)?)),
        "run" => return Ok(Command::Run(client::parse(arguments)?)),
        "check" => return Ok(Command::Check(options(arguments)?)),
        "openapi" => Command::OpenApi,
        "--version" | "-V" => Command::Version,
        "--help" | "-h" | "help" => Command::Help,
        other => return Err(Error::Arguments(format!("eks-api does not know {other:?}; see eks-api --help"))),
    };
    match arguments.next() {
        None => Ok(command),
        Some(extra) => Err(Error::Arguments(format!("{first} takes no argument, but {extra:?} is given"))),
    }
}

fn options(mut arguments: impl Iterator<Item = String>) -> Result<Overrides, Error> {
    let mut overrides = Vec::new();
    while let Some(argument) = arguments.next() {
        let (name, inline) = split_option(argument);
        let variable = match name.as_str() {
            "--cluster-name" => "EKS_CLUSTER_NAME",
            "--region" => "EKS_REGION",
            other => {
                // What follows an equals sign could be a secret.
                let name = other.split('=').next().unwrap_or_default();
                return Err(Error::Arguments(format!("{name:?} is no option; there are --cluster-name and --region")));
            }
        };
        let value = inline.or_else(|| arguments.next());
        let value = value.ok_or_else(|| Error::Arguments(format!("{name} needs a value")))?;
        overrides.push((variable, value));
    }
    Ok(overrides)
}

fn environment() -> Result<BTreeMap<String, String>, Error> {
    let mut environment = BTreeMap::new();
    for (name, value) in std::env::vars_os() {
        match (name.into_string(), value.into_string()) {
            (Ok(name), Ok(value)) => {
                environment.insert(name, value);
            }
            (Ok(name), Err(_)) if name.starts_with("EKS_") || name.starts_with("AWS_") => {
                return Err(Error::DotEnv(format!("the value of {name} is not UTF-8")));
            }
            // What we do not read may hold anything.
            _ => {}
        }
    }
    Ok(environment)
}

/// Starts the program anew with what `.env` adds to the environment. Only so do the SDK and the system's libraries,
/// which read the environment themselves, see it: changing one's own is not safe in a process with threads. The real
/// environment wins, so the second time there is nothing to add.
///
/// `check` and `token` may run in anybody's directory, and print or send a token. There `.env` may say which cluster and
/// which key, but not where AWS is: an endpoint, a proxy, a CA or a configuration file would lead the token astray.
fn take_up_dotenv(environment: &BTreeMap<String, String>, is_serve: bool) -> Result<(), Error> {
    let text = match files::read_text(Path::new(".env"), MAX_DOTENV_BYTES) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Error::DotEnv(format!("reading .env: {error}"))),
    };
    let pairs = dotenv::parse(&text)
        .map_err(|line| Error::DotEnv(format!(".env, line {line}: it must be NAME=value, a comment or blank")))?;
    let added: Vec<_> = pairs.into_iter().filter(|(name, _)| !environment.contains_key(name)).collect();
    if added.is_empty() {
        return Ok(());
    }
    if let Some((name, _)) = added.iter().find(|(name, _)| !is_serve && !is_harmless(name)) {
        return Err(Error::DotEnv(format!(
            ".env sets {name}, which may decide where credentials go: only the service itself takes it from .env; \
             to use it here, set it in the environment"
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
  eks-api check           walk from credentials to permissions and say what fails
  eks-api token           print an ExecCredential for kubectl, as aws eks get-token does
  eks-api keygen NAME --role read|write|admin --namespaces 'a,team-*'
                          make an API key: prints the key, once, and the line for EKS_API_KEYS_FILE
  eks-api run -f job.json [--follow]
                          run a job by a service that is up, and end as it does; see eks-api run --help
  eks-api openapi         print what /openapi.json tells: the calls, as OpenAPI 3.1
  eks-api --version | --help

Options of check and token:
  --cluster-name NAME     instead of EKS_CLUSTER_NAME
  --region REGION         instead of EKS_REGION

Variables (a .env file in the working directory is read; the real environment wins):"
        .to_owned();
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
    fn what_is_not_understood_is_named() {
        for (arguments, named) in [
            (&["serve"][..], "\"serve\""),
            (&["token", "--cluster"], "\"--cluster\""),
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
