//! Says in plain words why a TLS connection failed, and which side lacks what: [`find`] and [`describe`].

use std::io;

use rustls::{AlertDescription, CertificateError, Error};

/// Returns the error of rustls if this is one. The inner error of an `io::Error` is not its source.
pub fn find<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a Error> {
    let inner = || error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    error.downcast_ref().or_else(|| find(inner()?))
}

/// Returns the text for an error of rustls. "Peer" is the other side of the connection.
pub fn describe(error: &Error) -> String {
    match error {
        Error::InvalidCertificate(error) => certificate(error),
        Error::NoCertificatesPresented => "the peer sent no certificate".to_owned(),
        Error::AlertReceived(alert) => received(*alert),
        Error::InvalidMessage(_) => "the peer does not speak TLS".to_owned(),
        Error::PeerIncompatible(_) => "the peer has no TLS version or cipher in common with us".to_owned(),
        Error::NoApplicationProtocol => "the peer does not offer HTTP/1.1".to_owned(),
        other => other.to_string(),
    }
}

/// Says what is wrong with a certificate: the peer's, or one in a file.
fn certificate(error: &CertificateError) -> String {
    let text = match error {
        CertificateError::UnknownIssuer => "the certificate is not signed by a trusted CA",
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "the certificate has expired",
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the certificate is not valid yet"
        }
        CertificateError::BadEncoding => "the certificate cannot be read",
        CertificateError::BadSignature => "the certificate's signature is wrong",
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "the certificate's extendedKeyUsage does not allow this use"
        }
        // webpki has no other way to name these errors.
        CertificateError::Other(other) => match &*other.0.to_string() {
            "UnsupportedCertVersion" => {
                "the certificate has X.509 version 1: make one of version 3, with \
                 openssl x509 -req -extfile FILE and subjectAltName=DNS:NAME in FILE"
            }
            "CaUsedAsEndEntity" => "the certificate is that of a CA: the peer needs one that the CA has signed",
            _ => return error.to_string(),
        },
        other => return other.to_string(),
    };
    text.to_owned()
}

/// Says why the peer ended the handshake.
fn received(alert: AlertDescription) -> String {
    let text = match alert {
        AlertDescription::CertificateRequired => "the peer requires a client certificate",
        AlertDescription::UnknownCA => "the peer does not trust the CA of our certificate",
        AlertDescription::CertificateExpired => "the peer says that our certificate has expired",
        AlertDescription::BadCertificate
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::CertificateUnknown => "the peer does not accept our certificate",
        AlertDescription::ProtocolVersion | AlertDescription::HandshakeFailure => {
            "the peer has no TLS version or cipher in common with us"
        }
        AlertDescription::NoApplicationProtocol => "the peer does not offer HTTP/1.1",
        other => return format!("the peer ended the TLS connection ({})", other.as_str().unwrap_or("unknown alert")),
    };
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use rustls::client::verify_server_cert_signed_by_trust_anchor;
    use rustls::crypto::ring;
    use rustls::pki_types::{CertificateDer, UnixTime, pem::PemObject};
    use rustls::server::ParsedCertificate;
    use rustls::{PeerIncompatible, RootCertStore};

    use super::*;

    #[test]
    fn a_certificate_of_version_1_says_how_to_make_one_of_version_3() {
        let pem = include_bytes!("../../fixtures/x509-v1.pem");
        let version_1 = CertificateDer::from_pem_slice(pem).unwrap();
        let text = describe(&ParsedCertificate::try_from(&version_1).err().unwrap());
        assert!(text.starts_with("the certificate has X.509 version 1: make one of version 3, with openssl"), "{text}");
    }

    #[test]
    fn a_ca_is_not_the_certificate_of_a_server() {
        let mut params = rcgen::CertificateParams::new(["relay.test".to_owned()]).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let ca = params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(ca.der().clone()).unwrap();
        let (certificate, now) = (ParsedCertificate::try_from(ca.der()).unwrap(), UnixTime::now());
        let algorithms = ring::default_provider().signature_verification_algorithms.all;
        let error = verify_server_cert_signed_by_trust_anchor(&certificate, &roots, &[], now, algorithms).unwrap_err();
        assert_eq!(describe(&error), "the certificate is that of a CA: the peer needs one that the CA has signed");
    }

    #[test]
    fn the_text_says_which_side_lacks_what() {
        for (error, expected) in [
            (Error::InvalidCertificate(CertificateError::UnknownIssuer), "not signed by a trusted CA"),
            (Error::InvalidCertificate(CertificateError::Expired), "has expired"),
            (Error::AlertReceived(AlertDescription::CertificateRequired), "the peer requires a client certificate"),
            (Error::AlertReceived(AlertDescription::UnknownCA), "the peer does not trust the CA of our certificate"),
            (Error::AlertReceived(AlertDescription::DecodeError), "the peer ended the TLS connection (DecodeError)"),
            (Error::PeerIncompatible(PeerIncompatible::NoCipherSuitesInCommon), "in common"),
            (Error::NoCertificatesPresented, "the peer sent no certificate"),
        ] {
            assert!(describe(&error).contains(expected), "{error}: {}", describe(&error));
        }
    }
}
