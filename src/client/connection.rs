//! Connects to the service by HTTP or HTTPS: [`connect`].

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
/// A wait or a log may be idle for long, so TCP keepalive detects a service that is gone.
const KEEPALIVE: Duration = Duration::from_secs(15);

pub fn connect(url: &Url, ca_file: Option<&Path>) -> Result<Connections, Exit> {
    let tcp = net::tcp(CONNECT_TIMEOUT, KEEPALIVE, KEEPALIVE * 3);
    let tls = tls(url, ca_file)?;
    let connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1();
    let connector = connector.wrap_connector(tcp);
    Ok(Client::builder(TokioExecutor::new()).timer(TokioTimer::new()).pool_timer(TokioTimer::new()).build(connector))
}

fn tls(url: &Url, ca_file: Option<&Path>) -> Result<ClientConfig, Exit> {
    let failed = |why: String| Exit::usage(format!("TLS: {why}"));
    let builder = net::tls().map_err(|error| failed(error.to_string()))?;
    let builder = match ca_file {
        Some(file) => {
            let named = |why: String| Exit::usage(format!("--ca-file {}: {why}", file.display()));
            builder.with_root_certificates(roots(file).map_err(named)?)
        }
        // Plain HTTP needs no CAs.
        None if !url.is_tls => builder.with_root_certificates(RootCertStore::empty()),
        None => builder
            .with_native_roots()
            .map_err(|error| failed(format!("{error}; set --ca-file to the file of the CA")))?,
    };
    Ok(builder.with_no_client_auth())
}

fn roots(file: &Path) -> Result<RootCertStore, String> {
    let pem = std::fs::read(file).map_err(|error| error.to_string())?;
    let roots = net::roots(&pem)?;
    if roots.is_empty() { Err("it has no certificate".to_owned()) } else { Ok(roots) }
}

/// Returns an error that another attempt cannot change, with advice: a wrong protocol, or a certificate that is not
/// trusted.
pub fn final_error(error: &Error, is_tls: bool) -> Option<(&'static str, &'static str)> {
    let is_not_http = |cause: &(dyn std::error::Error + 'static)| {
        cause.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse)
    };
    match chain(error).find_map(tls_error) {
        Some(rustls::Error::InvalidMessage(_)) => Some(("does not speak TLS", "use http:// for a service without TLS")),
        Some(_) => Some(("is not trusted", "see --ca-file")),
        None if !is_tls && chain(error).any(is_not_http) => {
            Some(("does not speak HTTP", "use https:// for a service with TLS"))
        }
        None => None,
    }
}

fn tls_error<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a rustls::Error> {
    // The inner error of an io::Error is not its source.
    let inner = || error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    error.downcast_ref::<rustls::Error>().or_else(|| tls_error(inner()?))
}

/// Returns the error and its causes.
fn chain<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> impl Iterator<Item = &'a (dyn std::error::Error + 'static)> {
    std::iter::successors(Some(error), |error: &&'a (dyn std::error::Error + 'static)| (**error).source())
}
