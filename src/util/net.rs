//! Parts of all HTTPS clients: [`tcp`], [`tls`] and [`roots`].

use std::sync::Arc;
use std::time::Duration;

use hyper_util::client::legacy::connect::HttpConnector;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier};

use crate::util::tls_error;

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
        roots.add(certificate).map_err(|error| tls_error::describe(&error))?;
    }
    Ok(roots)
}
