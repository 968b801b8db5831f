//! TLS to callers: loads, checks and reloads the certificate, the key and the client CA.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{InconsistentKeys, RootCertStore, ServerConfig};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio_rustls::TlsAcceptor;

use crate::config::tls::TlsFiles;
use crate::http::client_cert::Certificate;
use crate::util::files;
use crate::util::tls_error::describe;

pub const HTTP_1_1: &[u8] = b"http/1.1";

/// A certificate chain has a few KiB, and a bundle of CAs a few hundred. A larger file is refused.
const MAX_FILE_BYTES: u64 = 1 << 20;

const CERT: &str = "EKS_API_TLS_CERT_FILE";
const KEY: &str = "EKS_API_TLS_KEY_FILE";
const CLIENT_CA: &str = "EKS_API_TLS_CLIENT_CA_FILE";

/// A file that cannot be used. The message never repeats its content.
#[derive(Debug)]
pub struct Error {
    variable: &'static str,
    path: PathBuf,
    reason: String,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.variable, self.path.display(), self.reason)
    }
}

impl std::error::Error for Error {}

/// The configuration in force. It comes from one reading of all files, so certificate, key and CA fit together.
#[derive(Debug)]
pub struct Tls {
    files: TlsFiles,
    current: RwLock<Arc<ServerConfig>>,
}

impl Tls {
    pub fn load(files: TlsFiles) -> Result<Self, Error> {
        let current = RwLock::new(Arc::new(config(&files)?));
        Ok(Self { files, current })
    }

    /// Reads all files again, for new connections. If a file is wrong, nothing changes. Old sessions cannot be resumed: the
    /// new client CA may not accept their certificates.
    pub fn reload(&self) -> Result<(), Error> {
        let config = Arc::new(config(&self.files)?);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = config;
        Ok(())
    }

    pub fn acceptor(&self) -> TlsAcceptor {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner)).into()
    }
}

fn config(files: &TlsFiles) -> Result<ServerConfig, Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let certified = certified_key(files, &provider)?;
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| wrong(CERT, &files.certificate, &error.to_string()))?;
    let builder = match &files.client_ca {
        Some(path) => builder.with_client_cert_verifier(verifier(path, provider)?),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
    config.alpn_protocols = vec![HTTP_1_1.to_vec()];
    Ok(config)
}

fn certified_key(files: &TlsFiles, provider: &CryptoProvider) -> Result<CertifiedKey, Error> {
    let chain = certificates(CERT, &files.certificate)?;
    let key = read(KEY, &files.key)?;
    if files::is_world_readable(&files.key) {
        log::warn!(file:% = files.key.display(); "{KEY}: every user of this machine can read the key: run chmod o-r");
    }
    // The parser's own message is left out: it can quote the key.
    let key = PrivateKeyDer::from_pem_slice(&key).map_err(|_| {
        let may_be = "BEGIN PRIVATE KEY, BEGIN EC PRIVATE KEY or BEGIN RSA PRIVATE KEY";
        wrong(KEY, &files.key, &format!("holds no private key in PEM form that is not encrypted ({may_be})"))
    })?;
    let key = provider.key_provider.load_private_key(key).map_err(|_| {
        wrong(KEY, &files.key, "holds a key of an unsupported type: use ECDSA on P-256 or P-384, Ed25519, or RSA")
    })?;
    let certified = CertifiedKey::new(chain, key);
    match certified.keys_match() {
        Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => {}
        Err(rustls::Error::InconsistentKeys(_)) => {
            let other = files.certificate.display();
            return Err(wrong(
                KEY,
                &files.key,
                &format!("the key does not belong to the first certificate of {other}"),
            ));
        }
        Err(error) => return Err(wrong(CERT, &files.certificate, &describe(&error))),
    }
    log_certificate(&certified, &files.certificate);
    Ok(certified)
}

fn verifier(path: &Path, provider: Arc<CryptoProvider>) -> Result<Arc<dyn ClientCertVerifier>, Error> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(CLIENT_CA, path)? {
        roots.add(certificate).map_err(|error| wrong(CLIENT_CA, path, &describe(&error)))?;
    }
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
    verifier.map_err(|error| wrong(CLIENT_CA, path, &error.to_string()))
}

fn certificates(variable: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let text = read(variable, path)?;
    let certificates = CertificateDer::pem_slice_iter(&text).collect::<Result<Vec<_>, _>>();
    // The parser's message is left out here too: the path may be the key's file.
    let certificates = certificates.map_err(|_| wrong(variable, path, "is not in PEM form"))?;
    if certificates.is_empty() {
        return Err(wrong(variable, path, "holds no certificate in PEM form (BEGIN CERTIFICATE)"));
    }
    Ok(certificates)
}

fn read(variable: &'static str, path: &Path) -> Result<Vec<u8>, Error> {
    files::read(path, MAX_FILE_BYTES).map_err(|error| wrong(variable, path, &error.to_string()))
}

fn wrong(variable: &'static str, path: &Path, reason: &str) -> Error {
    Error { variable, path: path.to_owned(), reason: reason.to_owned() }
}

/// Logs the certificate in force, and warns if it is not valid now by this machine's clock.
fn log_certificate(certified: &CertifiedKey, path: &Path) {
    let certificate = certified.cert.first().and_then(|der| Certificate::parse(der));
    let name = certificate.as_ref().and_then(Certificate::name).unwrap_or_default();
    let name = name.as_str();
    let Some((from, until)) = certificate.as_ref().and_then(Certificate::validity) else {
        log::warn!(file:% = path.display(); "{CERT}: the validity of the certificate cannot be read");
        return;
    };
    let now = OffsetDateTime::now_utc();
    let good_until = until.format(&Rfc3339).unwrap_or_default();
    if until < now {
        log::warn!(file:% = path.display(), name, good_until = good_until.as_str(); "{CERT}: the certificate has expired: callers will refuse it");
    } else if from > now {
        log::warn!(file:% = path.display(), name; "{CERT}: the certificate is not valid yet: callers will refuse it");
    } else {
        log::info!(file:% = path.display(), name, good_until = good_until.as_str(); "TLS certificate in force");
    }
}
