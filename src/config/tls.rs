//! The files for TLS: [`TlsFiles`]. `http::tls` reads and checks them.

use std::path::PathBuf;

use crate::config::reader::Reader;

const CERT: &str = "EKS_API_TLS_CERT_FILE";
const KEY: &str = "EKS_API_TLS_KEY_FILE";
const CLIENT_CA: &str = "EKS_API_TLS_CLIENT_CA_FILE";

/// The paths of the files, all in PEM form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    pub certificate: PathBuf,
    pub key: PathBuf,
    /// With mutual TLS: the CAs that sign the callers' certificates.
    pub client_ca: Option<PathBuf>,
}

impl TlsFiles {
    /// Returns `None` without TLS. A certificate needs its key, and a client CA needs both.
    pub(super) fn read(read: &mut Reader) -> Option<Self> {
        let file = |name: &str| read.value(name).map(PathBuf::from);
        let (certificate, key, client_ca) = (file(CERT), file(KEY), file(CLIENT_CA));
        let missing = match (&certificate, &key, &client_ca) {
            (Some(_), None, _) => {
                format!("{CERT} is set without {KEY}: set {KEY} to the file of the certificate's private key")
            }
            (None, Some(_), _) => {
                format!("{KEY} is set without {CERT}: set {CERT} to the file of the key's certificate")
            }
            (None, None, Some(_)) => {
                format!("{CLIENT_CA} is set without {CERT} and {KEY}: client certificates need TLS, so set both")
            }
            _ => return Some(Self { certificate: certificate?, key: key?, client_ca }),
        };
        read.error(missing);
        None
    }
}
