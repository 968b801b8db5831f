//! The files that are needed to speak TLS to callers. Owns which of them need each other; what they are worth is judged
//! when they are read, by `http::tls`.

use std::path::PathBuf;

use crate::config::reader::Reader;

const CERT: &str = "EKS_API_TLS_CERT_FILE";
const KEY: &str = "EKS_API_TLS_KEY_FILE";
const CLIENT_CA: &str = "EKS_API_TLS_CLIENT_CA_FILE";

/// Where they lie, all in PEM form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    pub certificate: PathBuf,
    pub key: PathBuf,
    /// Whose certificates callers must show, under mutual TLS.
    pub client_ca: Option<PathBuf>,
}

impl TlsFiles {
    /// A certificate and its key, or neither; what they are worth is judged when they are read.
    pub(super) fn read(read: &mut Reader) -> Option<Self> {
        let file = |name: &str| read.value(name).map(PathBuf::from);
        let (certificate, key, client_ca) = (file(CERT), file(KEY), file(CLIENT_CA));
        let missing = match (&certificate, &key, &client_ca) {
            (Some(_), None, _) => {
                format!("{CERT} is set without {KEY}: name the file of the certificate's private key")
            }
            (None, Some(_), _) => format!("{KEY} is set without {CERT}: name the file of the key's certificate"),
            (None, None, Some(_)) => format!(
                "{CLIENT_CA} is set without {CERT} and {KEY}: callers can show a certificate only over TLS, so set these, too"
            ),
            _ => return Some(Self { certificate: certificate?, key: key?, client_ca }),
        };
        read.mistake(missing);
        None
    }
}
