//! Connects to an endpoint, where `address` allows it: [`Connector`].

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper_rustls::{ConfigBuilderExt, MaybeHttpsStream};
use hyper_util::rt::TokioIo;
use rustls::client::WantsClientCert;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ConfigBuilder, WantsVerifier};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::util::error_chain::{chain, error_chain};
use crate::util::{net, tls_error};
use crate::webhooks::address::judge;
use crate::webhooks::endpoint::Endpoint;

/// The time for a TCP connection to one address. A name may have several.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// That of the other clients, too: another type would be the same code again.
pub(super) type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;

type Builder<State> = ConfigBuilder<ClientConfig, State>;

/// Trusts the CAs of the system. They are many, so they are read once. `None` until that succeeds.
static SYSTEM: Mutex<Option<Arc<ClientConfig>>> = Mutex::new(None);

type Addresses = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;
type Resolve = dyn Fn(String) -> Addresses + Send + Sync;

pub(super) struct Connector {
    host: String,
    port: u16,
    /// `None` for `http://`.
    tls: Option<(TlsConnector, ServerName<'static>)>,
    /// Looks up a name, or takes a literal. Tests replace it.
    pub(super) resolve: Box<Resolve>,
}

impl Connector {
    /// Fails if the CAs cannot be used.
    pub(super) fn new(endpoint: &Endpoint) -> Result<Self, String> {
        let (url, ca_pem) = (&endpoint.url, endpoint.ca_pem.as_deref());
        let tls = if url.is_tls { Some((tls(ca_pem)?, server_name(&url.host)?)) } else { None };
        Ok(Self { host: url.host.clone(), port: url.port, tls, resolve: Box::new(|host| Box::pin(look_up(host))) })
    }

    /// Connects to the first address that is allowed and answers. Returns the address with the connection.
    pub(super) async fn connect(&self) -> Result<(IpAddr, Stream), String> {
        let (address, tcp) = self.connect_tcp().await?;
        Ok((address, self.handshake(tcp).await?))
    }

    pub(super) async fn handshake(&self, tcp: TcpStream) -> Result<Stream, String> {
        let tcp = TokioIo::new(tcp);
        let Some((tls, name)) = &self.tls else { return Ok(MaybeHttpsStream::Http(tcp)) };
        let stream = tls.connect(name.clone(), TokioIo::new(tcp)).await.map_err(|error| failed_handshake(&error))?;
        Ok(MaybeHttpsStream::Https(TokioIo::new(stream)))
    }

    async fn connect_tcp(&self) -> Result<(IpAddr, TcpStream), String> {
        let addresses = (self.resolve)(self.host.clone()).await;
        let addresses = addresses.map_err(|error| format!("the name cannot be resolved: {error}"))?;
        let mut why = None;
        for address in addresses {
            // The failure of an allowed address says more than the refusal of another one.
            if let Err(refused) = judge(address, self.tls.is_none()) {
                why = why.or(Some(refused));
                continue;
            }
            let failed = match timeout(CONNECT_TIMEOUT, TcpStream::connect(SocketAddr::new(address, self.port))).await {
                Ok(Ok(stream)) => {
                    // Otherwise the end of a large message waits for an acknowledgement. A failure only delays.
                    let _ = stream.set_nodelay(true);
                    return Ok((address, stream));
                }
                Ok(Err(error)) => format!("{address} cannot be reached: {error}"),
                Err(_) => format!("{address} does not answer within {} s", CONNECT_TIMEOUT.as_secs()),
            };
            why = Some(failed);
        }
        Err(why.unwrap_or_else(|| "the name has no address".to_owned()))
    }
}

async fn look_up(host: String) -> io::Result<Vec<IpAddr>> {
    Ok(lookup_host((host, 0)).await?.map(|address| address.ip()).collect())
}

fn tls(ca_pem: Option<&[u8]>) -> Result<TlsConnector, String> {
    let Some(pem) = ca_pem else {
        let mut system = SYSTEM.lock().unwrap_or_else(PoisonError::into_inner);
        let config = match &*system {
            Some(config) => Arc::clone(config),
            None => Arc::clone(system.insert(config(with_system_cas)?)),
        };
        return Ok(config.into());
    };
    Ok(config(|builder| Ok(builder.with_root_certificates(net::roots(pem)?)))?.into())
}

fn with_system_cas(builder: Builder<WantsVerifier>) -> Result<Builder<WantsClientCert>, String> {
    builder.with_native_roots().map_err(|error| format!("the CAs of the system cannot be read: {error}; set ca_file"))
}

fn config(
    with_cas: impl FnOnce(Builder<WantsVerifier>) -> Result<Builder<WantsClientCert>, String>,
) -> Result<Arc<ClientConfig>, String> {
    let builder = net::tls().map_err(|error| error.to_string())?;
    let mut config = with_cas(builder)?.with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn server_name(host: &str) -> Result<ServerName<'static>, String> {
    ServerName::try_from(host.to_owned()).map_err(|_| format!("{host} is not a host name"))
}

fn failed_handshake(error: &io::Error) -> String {
    match chain(error).find_map(tls_error::find) {
        Some(error @ rustls::Error::InvalidCertificate(_)) => {
            format!("the certificate is not trusted: {}", tls_error::describe(error))
        }
        _ => format!("the TLS handshake failed: {}", error_chain(error)),
    }
}
