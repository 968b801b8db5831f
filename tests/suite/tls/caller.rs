//! A caller over TLS: whom it trusts, what it shows and offers, and the HTTP that comes of it.

use std::io;
use std::sync::Arc;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::support::pki::{Authority, Leaf};
use crate::support::service::{PATIENCE, Reply, Service};

#[derive(Clone)]
pub(crate) struct Caller {
    roots: Arc<RootCertStore>,
    shows: Option<(Vec<CertificateDer<'static>>, Vec<u8>)>,
    offers: Vec<Vec<u8>>,
    versions: Vec<&'static SupportedProtocolVersion>,
    /// Kept, with its sessions, by a caller who comes back.
    config: Option<Arc<ClientConfig>>,
}

impl Caller {
    pub(crate) fn new(trusted: &Authority) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(trusted.pem().as_bytes()).unwrap()).unwrap();
        // As curl offers them.
        let offers = ["h2", "http/1.1"].map(|name| name.as_bytes().to_vec()).into();
        let versions = rustls::ALL_VERSIONS.to_vec();
        Self { roots: Arc::new(roots), shows: None, offers, versions, config: None }
    }

    pub(crate) fn offering(mut self, protocols: &[&str]) -> Self {
        self.offers = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        self
    }

    pub(crate) fn versions(mut self, versions: &[&'static SupportedProtocolVersion]) -> Self {
        self.versions = versions.to_vec();
        self
    }

    pub(crate) fn showing(mut self, leaf: &Leaf) -> Self {
        self.shows = Some((leaf.chain.clone(), leaf.key_pem.clone().into_bytes()));
        self
    }

    /// Keeps its sessions from here on, and resumes them if it may.
    pub(crate) fn remembering(mut self) -> Self {
        self.config = Some(self.config());
        self
    }

    fn config(&self) -> Arc<ClientConfig> {
        if let Some(config) = &self.config {
            return Arc::clone(config);
        }
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&self.versions)
            .unwrap()
            .with_root_certificates(Arc::clone(&self.roots));
        let mut config = match &self.shows {
            Some((chain, key)) => {
                let key = ring::sign::any_supported_type(&PemObject::from_pem_slice(key).unwrap()).unwrap();
                // Unlike with_client_auth_cert, this does not look at the certificate.
                let shown = SingleCertAndKey::from(CertifiedKey::new(chain.clone(), key));
                builder.with_client_cert_resolver(Arc::new(shown))
            }
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols.clone_from(&self.offers);
        Arc::new(config)
    }

    pub(crate) async fn connect(&self, service: &Service) -> io::Result<TlsStream<TcpStream>> {
        self.over(TcpStream::connect(service.address()).await?).await
    }

    pub(crate) async fn over(&self, tcp: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let name = ServerName::try_from("localhost").unwrap();
        timeout(PATIENCE, TlsConnector::from(self.config()).connect(name, tcp)).await.expect("no handshake in time")
    }

    pub(crate) async fn http1(&self, service: &Service) -> io::Result<Http1> {
        let stream = self.connect(service).await?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        tokio::spawn(connection);
        Ok(Http1 { sender })
    }

    /// One request on a connection of its own.
    pub(crate) async fn get(&self, service: &Service, path: &str) -> io::Result<Reply> {
        let exchange = async { self.http1(service).await?.get(path).await };
        timeout(PATIENCE, exchange).await.expect("no answer in time")
    }
}

pub(crate) struct Http1 {
    sender: http1::SendRequest<Full<Bytes>>,
}

impl Http1 {
    pub(crate) async fn get(&mut self, path: &str) -> io::Result<Reply> {
        let request = Request::get(path).header("host", "localhost").body(Full::default()).unwrap();
        whole(self.sender.send_request(request).await.map_err(io::Error::other)?).await
    }
}

async fn whole(response: Response<Incoming>) -> io::Result<Reply> {
    let (head, body) = response.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    Ok(Reply { status: head.status, headers: head.headers, body })
}
