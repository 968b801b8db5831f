//! TLS to the cluster. Trusts only the CA certificates that `DescribeCluster` returns.

use std::fmt;

use rustls::ClientConfig;

use crate::util::net;

#[derive(Debug, PartialEq, Eq)]
pub enum Error {
    /// A PEM block cannot be read, or a certificate cannot be a trust anchor.
    BadCertificate(String),
    NoCertificate,
    Provider(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadCertificate(why) => write!(f, "the cluster's CA data: {why}"),
            Self::NoCertificate => f.write_str("the cluster's CA data has no certificate"),
            Self::Provider(why) => write!(f, "TLS: {why}"),
        }
    }
}

impl std::error::Error for Error {}

/// Returns TLS settings that trust every certificate of the PEM text. It has two while EKS rotates the CA.
pub fn client_config(ca_pem: &[u8]) -> Result<ClientConfig, Error> {
    let roots = net::roots(ca_pem).map_err(Error::BadCertificate)?;
    if roots.is_empty() {
        return Err(Error::NoCertificate);
    }
    let config = net::tls().map_err(|error| Error::Provider(error.to_string()))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pem(name: &str) -> String {
        let mut parameters = rcgen::CertificateParams::new(Vec::new()).unwrap();
        parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        parameters.distinguished_name.push(rcgen::DnType::CommonName, name);
        parameters.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap().pem()
    }

    #[test]
    fn every_block_of_a_bundle_is_read() {
        let bundle = format!("# old\n{}\n# new\n{}", pem("old"), pem("new"));
        assert!(client_config(bundle.as_bytes()).is_ok());
    }

    #[test]
    fn data_without_a_usable_certificate_is_an_error() {
        assert_eq!(client_config(b"").unwrap_err(), Error::NoCertificate);
        assert_eq!(client_config(b"not pem").unwrap_err(), Error::NoCertificate);
        let broken = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert!(matches!(client_config(broken).unwrap_err(), Error::BadCertificate(_)));
        let cut = format!("{}\n-----BEGIN CERTIFICATE-----\nMIIB", pem("whole"));
        assert!(client_config(cut.as_bytes()).is_err());
    }
}
