//! Connections to the service: TCP that finds out when the other end has died, and TLS by the system's CAs or one's own.

use std::io;
use std::path::Path;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::{ClientConfig, RootCertStore};

use crate::client::exit::Exit;
use crate::client::options::Url;
use crate::util::net;

pub type Connections = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A wait or a log may be silent for long. So it is TCP that asks whether the service is still there.
const SILENCE: Duration = Duration::from_secs(15);

pub fn to(url: &Url, ca_file: Option<&Path>) -> Result<Connections, Exit> {
    let tcp = net::tcp(CONNECT_TIMEOUT, SILENCE, SILENCE * 3);
    let tls = tls(url, ca_file)?;
    let connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1();
    let connector = connector.wrap_connector(tcp);
    Ok(Client::builder(TokioExecutor::new()).timer(TokioTimer::new()).pool_timer(TokioTimer::new()).build(connector))
}

fn tls(url: &Url, ca_file: Option<&Path>) -> Result<ClientConfig, Exit> {
    let wrong = |why: String| Exit::usage(format!("TLS: {why}"));
    let builder = net::tls().map_err(|error| wrong(error.to_string()))?;
    let builder = match ca_file {
        Some(file) => {
            let named = |why: String| Exit::usage(format!("--ca-file {}: {why}", file.display()));
            builder.with_root_certificates(roots(file).map_err(named)?)
        }
        // The system may have none, and none are needed.
        None if !url.is_tls => builder.with_root_certificates(RootCertStore::empty()),
        None => {
            builder.with_native_roots().map_err(|error| wrong(format!("{error}; name the CA's file by --ca-file")))?
        }
    };
    Ok(builder.with_no_client_auth())
}

fn roots(file: &Path) -> Result<RootCertStore, String> {
    let pem = std::fs::read(file).map_err(|error| error.to_string())?;
    let roots = net::roots(&pem)?;
    if roots.is_empty() { Err("there is no certificate in it".to_owned()) } else { Ok(roots) }
}

/// What another attempt would not change, and what to do: the other end does not speak the URL's protocol, or is not
/// trusted.
pub fn refusal(error: &Error, is_tls: bool) -> Option<(&'static str, &'static str)> {
    let is_other = |cause: &(dyn std::error::Error + 'static)| {
        cause.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse)
    };
    match causes(error).find_map(tls_error) {
        Some(rustls::Error::InvalidMessage(_)) => Some(("does not speak TLS", "use http:// for a service without TLS")),
        Some(_) => Some(("is not to be trusted", "see --ca-file")),
        None if !is_tls && causes(error).any(is_other) => {
            Some(("does not speak HTTP", "use https:// for a service with TLS"))
        }
        None => None,
    }
}

fn tls_error<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a rustls::Error> {
    // An error of input and output does not count what it was made of among its causes.
    let inner = || error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    error.downcast_ref::<rustls::Error>().or_else(|| tls_error(inner()?))
}

/// The deepest cause: what is above it says only that a client failed.
pub fn cause(error: &(dyn std::error::Error + 'static)) -> String {
    causes(error).last().map_or_else(String::new, ToString::to_string)
}

/// The error and what caused it.
fn causes<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> impl Iterator<Item = &'a (dyn std::error::Error + 'static)> {
    std::iter::successors(Some(error), |cause: &&'a (dyn std::error::Error + 'static)| cause.source())
}
