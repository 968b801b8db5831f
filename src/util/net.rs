//! What the clients of HTTPS have in common: TCP that finds out when the other end has died, the TLS they speak, and the
//! CAs in a PEM text. Owns no figure and no trust: whom to connect to and whom to believe is each client's.

use std::sync::Arc;
use std::time::Duration;

use hyper_util::client::legacy::connect::HttpConnector;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier};

/// Connections that are probed once they are silent for this long, and given up after two probes more, or when what was
/// sent is not acknowledged in time.
pub fn tcp(connect_timeout: Duration, silence: Duration, acknowledged_within: Duration) -> HttpConnector {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(connect_timeout));
    tcp.set_keepalive(Some(silence));
    tcp.set_keepalive_interval(Some(silence));
    tcp.set_keepalive_retries(Some(2));
    tcp.set_tcp_user_timeout(Some(acknowledged_within));
    tcp
}

/// A client's TLS, before it is said whom it trusts.
pub fn tls() -> Result<ConfigBuilder<ClientConfig, WantsVerifier>, rustls::Error> {
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
}

/// All certificates of a PEM text, which may have none. The error is the first that cannot be an anchor of trust.
pub fn roots(pem: &[u8]) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|error| error.to_string())?;
        roots.add(certificate).map_err(|error| error.to_string())?;
    }
    Ok(roots)
}
