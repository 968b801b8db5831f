//! The options that all commands of the client have: [`connection`]. [`execute`] does the work of a command.

use std::path::PathBuf;

use crate::app::error::Error;
use crate::cli::options::{Arguments, CommandOption, option};
use crate::client::exit::Exit;
use crate::client::options::{ClientCertificate, Connection, Url};
use crate::config::duration::{self, Upto};

pub const TIMEOUT: CommandOption = option("", "timeout", "TIME", "stop waiting after this time: 90s, 10m, 1h [never]");
pub const CLUSTER: CommandOption = option("", "cluster", "NAME", "the cluster to use [the service's default]");
pub const URL: CommandOption =
    option("", "url", "URL", "the service's address [EKS_API_URL, else http://127.0.0.1:8000]");
pub const KEY_FILE: CommandOption =
    option("", "key-file", "FILE", "an API key or token; read again for each request [EKS_API_KEY or EKS_API_TOKEN]");
pub const CA_FILE: CommandOption =
    option("", "ca-file", "FILE", "the CAs that may sign the service's certificate [the system's]");

pub const CERT: CommandOption = option("", "cert", "FILE", "your certificate, for mutual TLS [EKS_API_CLIENT_CERT]");
pub const KEY: CommandOption =
    option("", "key", "FILE", "the private key of --cert; not readable by all users [EKS_API_CLIENT_KEY]");

/// Returns the values of the options above.
pub fn connection(arguments: &Arguments) -> Result<Connection, String> {
    let text = |name: &str| arguments.value(name).map(str::to_owned);
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let cert = text("cert").or_else(|| variable("EKS_API_CLIENT_CERT"));
    let key = text("key").or_else(|| variable("EKS_API_CLIENT_KEY"));
    let url = text("url").or_else(|| variable("EKS_API_URL"));
    let url = url.as_deref().unwrap_or("http://127.0.0.1:8000");
    Ok(Connection {
        url: Url::parse(url)?,
        cluster: text("cluster"),
        key_file: text("key-file").map(PathBuf::from),
        ca_file: text("ca-file").map(PathBuf::from),
        certificate: client_certificate(cert, key)?,
        timeout: time(arguments, "timeout")?,
    })
}

/// A certificate and its key need each other.
fn client_certificate(cert: Option<String>, key: Option<String>) -> Result<Option<ClientCertificate>, &'static str> {
    match (cert, key) {
        (None, None) => Ok(None),
        (Some(cert), Some(key)) => Ok(Some(ClientCertificate { cert: cert.into(), key: key.into() })),
        (Some(_), None) => Err("--cert needs --key (or EKS_API_CLIENT_KEY)"),
        (None, Some(_)) => Err("--key needs --cert (or EKS_API_CLIENT_CERT); an API key is for --key-file"),
    }
}

/// Returns the value of an option that is a time.
pub fn time(arguments: &Arguments, option: &str) -> Result<Option<std::time::Duration>, String> {
    let parse = |text| duration::parse(text, Upto::Hours);
    let time = arguments
        .value(option)
        .map(|text| parse(text).ok_or_else(|| format!("--{option} must be a time such as 90s, 10m or 1h")));
    time.transpose()
}

pub fn execute(work: impl Future<Output = Result<(), Exit>>) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Error::Start)?;
    let ended = runtime.block_on(work);
    // A write to stdout may still block; it is not waited for.
    runtime.shutdown_background();
    Ok(ended?)
}
