//! TLS to a receiver. Its connections are made by hand, because `https://` does not lead to loopback.

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::receiver::{Reply, Seen, endpoint, send, serve};
use super::*;
use crate::webhooks::send::pool::Connection;

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "test");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    fn server(&self, name: &str) -> ServerConfig {
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::Pkcs8(key.serialize_der().into()))
            .unwrap()
    }
}

pub(super) fn ca_pem() -> String {
    Authority::new().pem
}

/// A TCP connection to a receiver with TLS.
async fn connect(server: ServerConfig) -> TcpStream {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (tcp, _) = listener.accept().await.unwrap();
        if let Ok(stream) = TlsAcceptor::from(Arc::new(server)).accept(tcp).await {
            assert_eq!(stream.get_ref().1.server_name(), Some("relay.test"));
            assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
            let reply = |_| Reply::text("HTTP/1.1 204 No Content\r\n\r\n");
            serve(stream, &reply, &Seen::default()).await;
        }
    });
    TcpStream::connect(address).await.unwrap()
}

fn sender(host: &str, ca_pem: String) -> Sender {
    Sender::new(endpoint(&format!("https://{host}/hooks/hunter2"), Some(ca_pem))).unwrap()
}

async fn failure_of(server: ServerConfig, ca_pem: String) -> String {
    sender("relay.test", ca_pem).connector.handshake(connect(server).await).await.err().unwrap()
}

#[tokio::test]
async fn a_receiver_of_the_right_ca_and_name_gets_the_message() {
    let authority = Authority::new();
    let mut server = authority.server("relay.test");
    server.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let sender = sender("relay.test", authority.pem.clone());
    let stream = sender.connector.handshake(connect(server).await).await.unwrap();
    sender.pool.put(Connection::open(stream, &sender.pool).await.unwrap());
    for _ in 0..3 {
        let sent = send(&sender).await;
        assert_eq!((sent.status, sent.error), (Some(204), None));
    }
}

#[tokio::test]
async fn a_certificate_of_another_ca_or_name_is_not_trusted() {
    let (authority, other) = (Authority::new(), Authority::new());
    let why = failure_of(authority.server("relay.test"), other.pem.clone()).await;
    assert_eq!(why, "the certificate is not trusted: the certificate is not signed by a trusted CA");
    let why = failure_of(authority.server("other.test"), authority.pem.clone()).await;
    assert!(why.starts_with("the certificate is not trusted: ") && why.contains("other.test"), "{why}");
}

#[tokio::test]
async fn a_receiver_without_a_common_protocol_says_so() {
    let authority = Authority::new();
    let mut server = authority.server("relay.test");
    server.alpn_protocols = vec![b"h2".to_vec()];
    let why = failure_of(server, authority.pem.clone()).await;
    assert_eq!(why, "the TLS handshake failed: the peer does not offer HTTP/1.1");
}

#[tokio::test]
async fn a_receiver_without_tls_says_so() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let tcp = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (plain, _) = listener.accept().await.unwrap();
    plain.try_write(b"HTTP/1.1 400 hunter2\r\n\r\n").unwrap();
    let why = sender("relay.test", ca_pem()).connector.handshake(tcp).await.err().unwrap();
    assert_eq!(why, "the TLS handshake failed: the peer does not speak TLS");
}

#[test]
fn a_ca_file_without_a_usable_certificate_is_refused() {
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_owned();
    let why = Sender::new(endpoint("https://relay.test/hooks/hunter2", Some(broken))).unwrap_err();
    assert!(why.starts_with("certificate 1: "), "{why}");
}
