//! One keep-alive connection of the load, with TLS or without: a request goes out, its reply comes in. If the server has
//! closed it between two requests, as servers do with idle ones, it is opened anew.

use std::io;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::reply::{Reader, Reply, find};

/// Whom to connect to.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Target {
    pub(crate) address: String,
    pub(crate) tls: Option<Tls>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Tls {
    pub(crate) ca_pem: String,
    /// The client's certificate and its key.
    pub(crate) identity: Option<(String, String)>,
}

impl Target {
    pub(crate) fn plain(address: &str) -> Self {
        Self { address: address.to_owned(), tls: None }
    }

    pub(crate) fn tls(address: &str, ca_pem: &str) -> Self {
        let address = address.trim_start_matches("https://").to_owned();
        Self { address, tls: Some(Tls { ca_pem: ca_pem.to_owned(), identity: None }) }
    }
}

impl Tls {
    fn config(&self) -> Result<ClientConfig, String> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(self.ca_pem.as_bytes()) {
            roots.add(certificate.map_err(text)?).map_err(text)?;
        }
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(text)?
            .with_root_certificates(roots);
        let Some((chain, key)) = &self.identity else { return Ok(config.with_no_client_auth()) };
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(chain.as_bytes()).collect();
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(text)?;
        config.with_client_auth_cert(chain.map_err(text)?, key).map_err(text)
    }
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Makes connections to one target.
#[derive(Clone)]
pub(crate) struct Connector {
    address: String,
    tls: Option<TlsConnector>,
}

impl Connector {
    pub(crate) fn new(target: &Target) -> Result<Self, String> {
        let tls = target.tls.as_ref().map(Tls::config).transpose()?;
        Ok(Self { address: target.address.clone(), tls: tls.map(|config| TlsConnector::from(Arc::new(config))) })
    }

    async fn connect(&self) -> io::Result<Box<dyn Stream>> {
        let tcp = TcpStream::connect(&self.address).await?;
        tcp.set_nodelay(true)?;
        let Some(tls) = &self.tls else { return Ok(Box::new(tcp)) };
        let name = ServerName::try_from("127.0.0.1").map_err(io::Error::other)?;
        Ok(Box::new(tls.connect(name, tcp).await?))
    }
}

pub(crate) struct Connection {
    connector: Connector,
    stream: Box<dyn Stream>,
    buffer: Vec<u8>,
}

impl Connection {
    pub(crate) async fn open(connector: &Connector) -> Result<Self, String> {
        let stream = connector.connect().await.map_err(text)?;
        Ok(Self { connector: connector.clone(), stream, buffer: Vec::new() })
    }

    /// Sends a request and reads the reply.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> Result<Reply, String> {
        match self.attempt(request).await {
            Ok(Some(reply)) => Ok(reply),
            // It was closed before anything was answered.
            Ok(None) => {
                self.stream = self.connector.connect().await.map_err(text)?;
                self.attempt(request).await?.ok_or_else(|| "closed again and again".to_owned())
            }
            Err(error) => Err(error),
        }
    }

    async fn attempt(&mut self, request: &[u8]) -> Result<Option<Reply>, String> {
        if self.stream.write_all(request).await.is_err() || self.stream.flush().await.is_err() {
            return Ok(None);
        }
        let mut reader = Reader::new();
        loop {
            // As large as a piece of a log; what is small leaves it alone.
            self.buffer.clear();
            self.buffer.reserve(16 << 10);
            match self.stream.read_buf(&mut self.buffer).await {
                Ok(0) | Err(_) if reader.is_fresh() => return Ok(None),
                Ok(0) => return Err("the connection was closed within a reply".to_owned()),
                Ok(_) => {}
                Err(error) => return Err(text(error)),
            }
            if let Some(reply) = reader.feed(&self.buffer)? {
                return Ok(Some(reply));
            }
        }
    }

    pub(crate) async fn send(&mut self, request: &[u8]) -> Result<(), String> {
        self.stream.write_all(request).await.map_err(text)?;
        self.stream.flush().await.map_err(text)
    }

    /// What comes next, of a stream.
    pub(crate) async fn piece(&mut self) -> Result<&[u8], String> {
        self.buffer.clear();
        match self.stream.read_buf(&mut self.buffer).await.map_err(text)? {
            0 => Err("the stream ended".to_owned()),
            _ => Ok(&self.buffer),
        }
    }

    /// Reads on until this comes, in what comes from now on.
    pub(crate) async fn read_until(&mut self, wanted: &[u8]) -> Result<(), String> {
        let mut seen = 0;
        self.buffer.clear();
        while find(&self.buffer[seen..], wanted).is_none() {
            // What is wanted may come in two pieces.
            seen = self.buffer.len().saturating_sub(wanted.len());
            if self.stream.read_buf(&mut self.buffer).await.map_err(text)? == 0 {
                let head = String::from_utf8_lossy(&self.buffer[..self.buffer.len().min(200)]).into_owned();
                return Err(format!("the stream ended: {head}"));
            }
        }
        Ok(())
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
