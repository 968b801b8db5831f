//! Parts of all HTTPS clients: [`port`], [`tcp`], [`tls`], [`roots`] and [`ca_bundle`].

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hyper::http::uri::Authority;
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier};

use crate::util::{files, tls_error};

/// A bundle of all public CAs has some 250 kB. A larger file is an error.
const MAX_CA_BUNDLE_BYTES: u64 = 4 << 20;

/// Returns the port of an authority without user information. It is `default` if none is given, and `None` if it is not
/// 1 to 65535.
pub fn port(authority: &Authority, default: u16) -> Option<u16> {
    let rest = authority.as_str().strip_prefix(authority.host())?;
    if rest.is_empty() {
        return Some(default);
    }
    // A number of Rust may begin with a plus sign.
    let digits = rest.strip_prefix(':').filter(|port| port.bytes().all(|c| c.is_ascii_digit()));
    digits?.parse().ok().filter(|port| *port > 0)
}

/// Makes TCP connections with keepalive probes. A connection is closed after two more probes without an answer, or if
/// sent data is not acknowledged within `user_timeout`.
pub fn tcp(connect_timeout: Duration, keepalive: Duration, user_timeout: Duration) -> HttpConnector {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(connect_timeout));
    tcp.set_keepalive(Some(keepalive));
    tcp.set_keepalive_interval(Some(keepalive));
    tcp.set_keepalive_retries(Some(2));
    tcp.set_tcp_user_timeout(Some(user_timeout));
    tcp
}

/// Begins the TLS configuration of a client. The caller adds the trusted CAs.
pub fn tls() -> Result<ConfigBuilder<ClientConfig, WantsVerifier>, rustls::Error> {
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
}

/// Returns all certificates of a PEM text, which may have none. Fails on the first certificate that cannot be a root.
pub fn roots(pem: &[u8]) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|_| "it is not in PEM form")?;
        let number = roots.len() + 1;
        roots.add(certificate).map_err(|error| format!("certificate {number}: {}", tls_error::describe(&error)))?;
    }
    Ok(roots)
}

/// Reads a PEM file of CAs. It must have a certificate, and each must be usable as a root.
pub fn ca_bundle(path: &Path) -> Result<Vec<u8>, String> {
    let pem = files::read(path, MAX_CA_BUNDLE_BYTES).map_err(|error| error.to_string())?;
    if roots(&pem)?.is_empty() { Err("it has no certificate (BEGIN CERTIFICATE)".to_owned()) } else { Ok(pem) }
}
