//! Time limits of TLS connections, on a real socket with paused time.

use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::tests::{self, Running};
use super::*;
use crate::config::tls::TlsFiles;
use crate::http::limits::bounds::{HANDSHAKE_TIMEOUT, HEADER_TIMEOUT};

struct Secure {
    running: Running,
    trusted: CertificateDer<'static>,
}

async fn start(name: &str) -> Secure {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let folder = std::env::temp_dir().join(format!("eks-api-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let files = TlsFiles { certificate: folder.join("cert.pem"), key: folder.join("key.pem"), client_ca: None };
    std::fs::write(&files.certificate, made.cert.pem()).unwrap();
    std::fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
    let tls = Tls::load(files).unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    let running = tests::start_with(Some(Arc::new(tls))).await;
    Secure { running, trusted: made.cert.der().clone() }
}

impl Secure {
    async fn connect(&self) -> TlsStream<TcpStream> {
        let mut roots = RootCertStore::empty();
        roots.add(self.trusted.clone()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
        let config = config.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots);
        let mut config = config.with_no_client_auth();
        config.alpn_protocols = vec![crate::http::tls::HTTP_1_1.to_vec()];
        let tcp = TcpStream::connect(self.running.address).await.unwrap();
        tcp.set_nodelay(true).unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, tcp).await.unwrap()
    }
}

#[tokio::test(start_paused = true)]
async fn a_missing_handshake_ends_the_connection() {
    let server = start("handshake").await;
    for begun in ["", "\x16\x03\x01\x02\0\x01"] {
        assert_eq!(server.running.exchange(begun).await, (String::new(), HANDSHAKE_TIMEOUT.as_secs()), "{begun:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_closed() {
    let server = start("idle").await;
    let mut stream = server.connect().await;
    let begun = Instant::now();
    stream.write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    // The connection ends without close_notify.
    let _ = stream.read_to_end(&mut answer).await;
    assert!(answer.starts_with(b"HTTP/1.1 200 "), "{answer:?}");
    assert_eq!(begun.elapsed().as_secs(), HEADER_TIMEOUT.as_secs());
}

#[tokio::test(start_paused = true)]
async fn a_plain_http_request_is_answered_with_a_hint() {
    let server = start("plain").await;
    for sent in ["GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n", "POST /"] {
        let mut stream = TcpStream::connect(server.running.address).await.unwrap();
        stream.write_all(sent.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, text) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{head}");
        assert!(head.contains(&format!("Content-Length: {}\r\n", text.len())), "{answer}");
        assert_eq!(text, "this port speaks TLS: use https://\n");
    }
}

#[tokio::test(start_paused = true)]
async fn a_handshake_in_progress_does_not_delay_the_drain() {
    let server = start("drain").await;
    let _silent = TcpStream::connect(server.running.address).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let begun = Instant::now();
    server.running.drain.send_replace(true);
    assert!(server.running.ended.await.unwrap());
    assert_eq!(begun.elapsed().as_secs(), 0);
}
