//! The bounds on time of connections over TLS and HTTP/2, on a real socket under paused time.

use std::time::SystemTime;

use http_body_util::Empty;
use hyper::body::Bytes;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::tests::{self, Running};
use super::*;
use crate::config::tls::TlsFiles;
use crate::http::limit::{GOODBYE, HANDSHAKE_TIMEOUT, HEADER_TIMEOUT};

pub(super) struct Secure {
    pub(super) running: Running,
    trusted: CertificateDer<'static>,
}

async fn start(name: &str) -> Secure {
    start_with(name, 10).await
}

pub(super) async fn start_with(name: &str, max_connections: usize) -> Secure {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let folder = std::env::temp_dir().join(format!("eks-api-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let files = TlsFiles { certificate: folder.join("cert.pem"), key: folder.join("key.pem"), client_ca: None };
    std::fs::write(&files.certificate, made.cert.pem()).unwrap();
    std::fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
    let tls = Tls::load(files).unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    let running = tests::start_with(SystemTime::now, Some(Arc::new(tls)), max_connections).await;
    Secure { running, trusted: made.cert.der().clone() }
}

impl Secure {
    async fn connect(&self) -> TlsStream<TcpStream> {
        self.connect_for(&[crate::http::tls::H2]).await
    }

    pub(super) async fn connect_for(&self, protocols: &[&[u8]]) -> TlsStream<TcpStream> {
        let mut roots = RootCertStore::empty();
        roots.add(self.trusted.clone()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
        let config = config.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots);
        let mut config = config.with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        let tcp = TcpStream::connect(self.running.address).await.unwrap();
        tcp.set_nodelay(true).unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, tcp).await.unwrap()
    }
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_does_not_come_ends_the_connection() {
    let server = start("handshake").await;
    for begun in ["", "\x16\x03\x01\x02\0\x01"] {
        assert_eq!(server.running.exchange(begun).await, (String::new(), HANDSHAKE_TIMEOUT.as_secs()), "{begun:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_over_http2_is_closed() {
    let server = start("idle").await;
    let (mut sender, connection) =
        http2::handshake::<_, _, Empty<Bytes>>(TokioExecutor::new(), TokioIo::new(server.connect().await))
            .await
            .unwrap();
    let connection = tokio::spawn(connection);
    let mut ask =
        |path: &str| sender.send_request(hyper::Request::get(format!("https://lab{path}")).body(Empty::new()).unwrap());
    tokio::time::sleep(HEADER_TIMEOUT * 2 / 3).await;
    assert_eq!(ask("/livez").await.unwrap().status(), 200);
    let last = Instant::now();
    // Far more than it may take, so that it fails rather than hangs.
    tokio::time::timeout(HEADER_TIMEOUT * 10, connection).await.expect("it stays open").unwrap().unwrap();
    assert_eq!(last.elapsed().as_secs(), HEADER_TIMEOUT.as_secs());
}

#[tokio::test(start_paused = true)]
async fn a_header_over_http2_that_does_not_end_ends_the_connection() {
    let server = start("header").await;
    let begun = Instant::now();
    let mut stream = server.connect().await;
    // The preface, settings, and a header that is to be continued.
    let header = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0\0\0\x01\x01\0\0\0\0\x01\x82";
    stream.write_all(header).await.unwrap();
    let mut answer = Vec::new();
    // It may well be reset.
    let _ = stream.read_to_end(&mut answer).await;
    assert!(begun.elapsed() <= HEADER_TIMEOUT + GOODBYE, "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_does_not_take_leave_does_not_hold_up_the_drain() {
    let server = start("leave").await;
    let mut stream = server.connect().await;
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let begun = Instant::now();
    server.running.drain.send_replace(true);
    assert!(server.running.ended.await.unwrap());
    assert!(begun.elapsed() <= GOODBYE, "{:?}", begun.elapsed());
}
