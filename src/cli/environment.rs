//! Reads the settings from the environment and from `.env`: [`serve_settings`], [`settings`] and [`state_dir`].
//! [`named_cluster`] finds the cluster that a command is for.

use std::collections::BTreeMap;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command as Process;

use crate::app::error::Error;
use crate::cli::options::{Arguments, CommandOption, option};
use crate::cli::spec::CommandSpec;
use crate::config::clusters::ClusterConfig;
use crate::config::{Settings, dotenv};
use crate::util::files;
use crate::util::text::truncate;

const MAX_DOTENV_BYTES: u64 = 1 << 20;

const CLUSTERS_FILE: &str = "EKS_API_CLUSTERS_FILE";
const STATE_DIR: &str = "EKS_API_STATE_DIR";

/// Options of `check` and `token`, as `aws eks get-token` has them.
pub const CLUSTER_NAME: CommandOption =
    option("", "cluster-name", "NAME", "instead of EKS_CLUSTER_NAME; EKS_API_CLUSTERS_FILE is not read then");
pub const REGION: CommandOption = option("", "region", "REGION", "instead of EKS_REGION");

/// Reads the settings of the service.
pub fn serve_settings() -> Result<Settings, Error> {
    let environment = environment()?;
    apply_dotenv(&environment, true)?;
    Ok(Settings::read(environment)?)
}

/// Reads the settings of `check` or `token`. Their options replace the variables of the cluster.
pub fn settings(command: &CommandSpec, arguments: &Arguments) -> Result<Settings, Error> {
    arguments.without_positional().map_err(|text| command.usage_error(text))?;
    let (name, region) = (arguments.value("cluster-name"), arguments.value("region"));
    if arguments.has("cluster") && (name.is_some() || region.is_some()) {
        let text = "--cluster cannot be given with --cluster-name or --region: use one of the two ways";
        return Err(command.usage_error(text));
    }
    let mut environment = environment()?;
    // It sends nothing, so it can read .env as the service does.
    apply_dotenv(&environment, arguments.has("config-only"))?;
    if name.is_some() {
        environment.remove(CLUSTERS_FILE);
    }
    if region.is_some() && environment.get(CLUSTERS_FILE).is_some_and(|path| !path.is_empty()) {
        let text = format!("--region needs --cluster-name: {CLUSTERS_FILE} has the region of each cluster");
        return Err(command.usage_error(text));
    }
    let given = [("EKS_CLUSTER_NAME", name), ("EKS_REGION", region)];
    environment.extend(given.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned()))));
    Ok(Settings::read(environment)?)
}

/// Returns the directory of the history. It takes no other setting from `.env`: the caller may be root.
pub fn state_dir() -> Result<PathBuf, Error> {
    let dir = match std::env::var_os(STATE_DIR) {
        None => dotenv()?.into_iter().rfind(|(name, _)| name == STATE_DIR).map(|(_, dir)| dir.into()),
        dir => dir,
    };
    dir.map(PathBuf::from).filter(|dir| dir.is_absolute()).ok_or_else(|| {
        let form = "the absolute path of the service's directory, such as /var/lib/eks-api";
        Error::Config(format!("set {STATE_DIR} to {form}"))
    })
}

/// Finds the cluster that `--cluster` names. Without the option it returns `None`.
pub fn named_cluster(
    command: &CommandSpec,
    arguments: &Arguments,
    clusters: &[ClusterConfig],
) -> Result<Option<ClusterConfig>, Error> {
    let Some(name) = arguments.value("cluster") else { return Ok(None) };
    let named = clusters.iter().find(|cluster| cluster.name == name).cloned();
    named.map(Some).ok_or_else(|| {
        let known: Vec<&str> = clusters.iter().map(|cluster| cluster.name.as_str()).collect();
        let (name, known) = (truncate(name, 40), known.join(", "));
        command.usage_error(format!("unknown cluster {name:?} (known: {known})"))
    })
}

/// Uses one thread: the work is mostly waiting, and threads would cost more than they gain.
pub fn block_on(work: impl Future<Output = Result<(), Error>>) -> Result<(), Error> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Error::Start)?.block_on(work)
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

/// Returns the variables of `.env`. There are none without the file.
fn dotenv() -> Result<Vec<(String, String)>, Error> {
    let text = match files::read_text(Path::new(".env"), MAX_DOTENV_BYTES) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::Config(format!("reading .env: {error}"))),
    };
    dotenv::parse(&text)
        .map_err(|line| Error::Config(format!(".env, line {line}: it must be NAME=value, a comment or blank")))
}

/// Executes the program again with the variables that `.env` adds to the environment. The SDK and the system's libraries
/// read the environment themselves, and a process with threads cannot change its own safely. The environment takes
/// precedence, so the second time there is nothing to add.
///
/// `check` and `token` may run in any directory, and they print or send a token. There `.env` may name the cluster and
/// the credentials. It must not set an endpoint, a proxy, a CA or a configuration file: these could redirect the token.
fn apply_dotenv(environment: &BTreeMap<String, String>, is_serve: bool) -> Result<(), Error> {
    let added: Vec<_> = dotenv()?.into_iter().filter(|(name, _)| !environment.contains_key(name)).collect();
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

/// A clusters file can have endpoints and their CAs, so it is not harmless.
fn is_harmless(name: &str) -> bool {
    const AWS: [&str; 5] =
        ["AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"];
    (name.starts_with("EKS_") && name != CLUSTERS_FILE) || name.starts_with("LOG_") || AWS.contains(&name)
}
