//! Connects to the service by HTTP or HTTPS: [`connect`].

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{AlertDescription, ClientConfig, RootCertStore};

use crate::client::credential::file_error;
use crate::client::exit::Exit;
use crate::client::options::{ClientCertificate, Url};
use crate::util::error_chain::chain;
use crate::util::{net, tls_error};

pub type Connections = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A wait or a log may be idle for long, so TCP keepalive detects a service that is gone.
const KEEPALIVE: Duration = Duration::from_secs(15);

pub fn connect(
    url: &Url,
    ca_file: Option<&Path>,
    certificate: Option<&ClientCertificate>,
) -> Result<Connections, Exit> {
    let tcp = net::tcp(CONNECT_TIMEOUT, KEEPALIVE, KEEPALIVE * 3);
    let tls = tls(url, ca_file, certificate)?;
    let connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1();
    let connector = connector.wrap_connector(tcp);
    Ok(Client::builder(TokioExecutor::new()).timer(TokioTimer::new()).pool_timer(TokioTimer::new()).build(connector))
}

fn tls(url: &Url, ca_file: Option<&Path>, certificate: Option<&ClientCertificate>) -> Result<ClientConfig, Exit> {
    let failed = |why: String| Exit::usage(format!("TLS: {why}"));
    let builder = net::tls().map_err(|error| failed(error.to_string()))?;
    let builder = match ca_file {
        Some(file) => builder.with_root_certificates(roots(file).map_err(|why| file_error("--ca-file", file, &why))?),
        // Plain HTTP needs no CAs.
        None if !url.is_tls => builder.with_root_certificates(RootCertStore::empty()),
        None => builder
            .with_native_roots()
            .map_err(|error| failed(format!("{error}; set --ca-file to the file of the CA")))?,
    };
    let Some(ClientCertificate { cert, key }) = certificate else { return Ok(builder.with_no_client_auth()) };
    let chain = chain_of(cert).map_err(|why| file_error("--cert", cert, &why))?;
    let private_key = private_key(key).map_err(|why| file_error("--key", key, &why))?;
    builder.with_client_auth_cert(chain, private_key).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => {
            let why = format!("the key does not belong to the first certificate of {}", cert.display());
            file_error("--key", key, &why)
        }
        error => file_error("--cert", cert, &error.to_string()),
    })
}

fn chain_of(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let pem = std::fs::read(file).map_err(|error| error.to_string())?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    // The parser's message can quote a key.
    chain.ok().filter(|chain| !chain.is_empty()).ok_or_else(|| "it has no certificate in PEM form".to_owned())
}

/// As for ssh, other users must not have access to the key.
fn private_key(file: &Path) -> Result<PrivateKeyDer<'static>, String> {
    let pem = std::fs::read(file).map_err(|error| error.to_string())?;
    let mode = std::fs::metadata(file).map_err(|error| error.to_string())?.permissions().mode();
    if mode & 0o007 != 0 {
        return Err(format!("all users have access to it (mode {:o}); run chmod 600 on it", mode & 0o777));
    }
    PrivateKeyDer::from_pem_slice(&pem)
        .map_err(|_| "it has no private key in PEM form that is not encrypted (BEGIN PRIVATE KEY)".to_owned())
}

fn roots(file: &Path) -> Result<RootCertStore, String> {
    let pem = std::fs::read(file).map_err(|error| error.to_string())?;
    let roots = net::roots(&pem)?;
    if roots.is_empty() { Err("it has no certificate".to_owned()) } else { Ok(roots) }
}

/// Returns an error that another attempt cannot change, with advice: a wrong protocol, or a certificate that one side does
/// not accept.
pub fn final_error(error: &Error, is_tls: bool) -> Option<(&'static str, &'static str)> {
    let is_not_http = |cause: &(dyn std::error::Error + 'static)| {
        cause.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse)
    };
    match chain(error).find_map(tls_error::find) {
        Some(rustls::Error::InvalidMessage(_)) => Some(("does not speak TLS", "use http:// for a service without TLS")),
        Some(rustls::Error::AlertReceived(AlertDescription::CertificateRequired)) => {
            Some(("requires a client certificate", "see --cert and --key"))
        }
        Some(rustls::Error::AlertReceived(_)) => Some((
            "refuses the TLS connection",
            "if it requires a client certificate, --cert must be valid and of a CA that the service trusts",
        )),
        Some(_) => Some(("is not trusted", "see --ca-file")),
        None if !is_tls && chain(error).any(is_not_http) => {
            Some(("does not speak HTTP", "use https:// for a service with TLS"))
        }
        None => None,
    }
}

/// Returns the messages for an address without a connection: while it is tried again, and at last.
pub fn unreachable(url: &str, why: &str, has_timeout: bool) -> [String; 2] {
    let time = if has_timeout { "until the timeout" } else { "for 2 minutes" };
    [
        format!("nothing answers at {url} ({why}); trying again {time}"),
        format!("{url} cannot be reached: {why}. Is eks-api running there? Set --url or EKS_API_URL"),
    ]
}

/// Returns the short form of an error that says that nothing listens there.
pub fn refused(error: &Error) -> Option<&'static str> {
    let is_refused = |cause: &(dyn std::error::Error + 'static)| {
        cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
    };
    chain(error).any(is_refused).then_some("connection refused")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_api_key_in_place_of_the_private_keys_file_is_not_printed() {
        let cert = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/x509-v1.pem");
        let certificate = ClientCertificate { cert, key: "eks-api-hunter2".into() };
        let refused = tls(&Url::parse("http://127.0.0.1").unwrap(), None, Some(&certificate)).unwrap_err();
        assert_eq!(refused, Exit::usage("--key: this is a key, not the name of a file"));
    }

    #[test]
    fn an_address_without_a_service_is_named_with_advice() {
        let [first, last] = unreachable("http://127.0.0.1:9", "connection refused", false);
        assert_eq!(first, "nothing answers at http://127.0.0.1:9 (connection refused); trying again for 2 minutes");
        let advice = "Is eks-api running there? Set --url or EKS_API_URL";
        assert_eq!(last, format!("http://127.0.0.1:9 cannot be reached: connection refused. {advice}"));
        assert!(unreachable("", "", true)[0].ends_with("trying again until the timeout"));
    }
}
