//! One connection: the TLS handshake, HTTP/1.1, and the end. A [`Handler`] answers its requests.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1::Builder;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::Watcher;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::http::client_cert::Certificate;
use crate::http::connection_io::{ConnectionIo, ConnectionState};
use crate::http::limits::bounds::{HANDSHAKE_TIMEOUT, HEADER_TIMEOUT, LARGE_HEADS, MAX_HEADER_BYTES};
use crate::http::limits::log_throttle::LogThrottle;
use crate::http::peer::Peer;
use crate::http::request::body_stream::RequestBody;
use crate::http::response::HttpResponse;
use crate::http::response::stream_body::ReplyBody;
use crate::util::error_chain::error_chain;
use crate::util::tls_error;

/// Anyone can fail a handshake, so failures are logged once in this time.
const HANDSHAKE_LOG_INTERVAL: Duration = Duration::from_secs(10);

const TLS_REQUIRED: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 35\r\n\
    Connection: close\r\n\r\nthis port speaks TLS: use https://\n";

/// Answers the requests of all connections.
pub trait Handler: Send + Sync + 'static {
    fn handle(
        self: Arc<Self>,
        peer: Arc<Peer>,
        request: Request<RequestBody>,
    ) -> impl Future<Output = HttpResponse> + Send;

    /// Returns when no request is in progress. The caller of such a request may have closed its connection.
    fn finished(&self) -> impl Future<Output = ()> + Send;
}

/// The state that all connections of a listener share.
#[derive(Debug)]
pub struct Connections<H> {
    handler: Arc<H>,
    draining: watch::Receiver<bool>,
    refused_handshakes: LogThrottle,
    large_heads: Arc<Semaphore>,
}

impl<H: Handler> Connections<H> {
    pub fn new(handler: Arc<H>, draining: watch::Receiver<bool>) -> Self {
        let refused_handshakes = LogThrottle::new(HANDSHAKE_LOG_INTERVAL);
        Self { handler, draining, refused_handshakes, large_heads: Arc::new(Semaphore::new(LARGE_HEADS)) }
    }

    /// Serves one connection to its end, over TLS if there is an acceptor.
    pub async fn serve(&self, stream: TcpStream, address: SocketAddr, tls: Option<TlsAcceptor>, watcher: Watcher) {
        // Replies are written whole, so Nagle's algorithm would only delay them.
        let _ = stream.set_nodelay(true);
        match tls {
            None => {
                let peer = Peer { address, over_tls: false, certificate: None };
                self.serve_stream(stream, peer, watcher).await;
            }
            // Boxed: a plain connection would have room for it too.
            Some(tls) => Box::pin(self.serve_tls(&tls, stream, address, watcher)).await,
        }
    }

    async fn serve_tls(&self, tls: &TlsAcceptor, stream: TcpStream, address: SocketAddr, watcher: Watcher) {
        let mut draining = self.draining.clone();
        let handshake = tokio::select! {
            ended = timeout(HANDSHAKE_TIMEOUT, self.handshake(tls, stream)) => ended,
            () = drain_started(&mut draining) => return,
        };
        let late = || io::Error::other(format!("it took longer than {} s", HANDSHAKE_TIMEOUT.as_secs()));
        match handshake.unwrap_or_else(|_| Err(late())) {
            Ok(stream) => {
                let certificates = stream.get_ref().1.peer_certificates();
                let name = certificates.and_then(|chain| Certificate::parse(chain.first()?)?.name());
                log::debug!(caller:% = address, certificate = name.as_deref().unwrap_or(""); "TLS connection");
                let peer = Peer { address, over_tls: true, certificate: name.map(Arc::from) };
                self.serve_stream(stream, peer, watcher).await;
            }
            Err(error) => self.log_handshake_error(address, &error),
        }
    }

    fn log_handshake_error(&self, caller: SocketAddr, error: &io::Error) {
        let (cause, why) = (tls_error::find(error), error_chain(error));
        let is_refusal =
            matches!(cause, Some(rustls::Error::NoCertificatesPresented | rustls::Error::InvalidCertificate(_)));
        if is_refusal && let Some(not_logged) = self.refused_handshakes.allow(Instant::now()) {
            log::info!(caller:% = caller, error = why, not_logged; "refused: no certificate of the client CA");
        } else {
            log::debug!(caller:% = caller, error = why; "TLS handshake failed");
        }
    }

    async fn handshake(&self, tls: &TlsAcceptor, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let mut first = [0];
        // A TLS record never begins with a letter, and a plain HTTP request always does.
        if stream.peek(&mut first).await? == 1 && first[0].is_ascii_alphabetic() {
            let mut plain =
                ConnectionIo::new(stream, Arc::new(ConnectionState::unread()), Arc::clone(&self.large_heads));
            plain.write_all(TLS_REQUIRED).await?;
            plain.shutdown().await?;
            return Err(io::Error::other("the caller speaks plain HTTP"));
        }
        tls.accept(stream).await
    }

    async fn serve_stream(&self, stream: impl AsyncRead + AsyncWrite + Unpin + 'static, peer: Peer, watcher: Watcher) {
        let (address, peer, state) = (peer.address, Arc::new(peer), Arc::<ConnectionState>::default());
        let service = service_fn(|request: Request<Incoming>| {
            state.begin(request.method());
            let request = request.map(|body| RequestBody::new(body, Arc::clone(&state)));
            // Boxed: every connection has room for this future, an idle one too.
            let response = Box::pin(Arc::clone(&self.handler).handle(Arc::clone(&peer), request));
            let state = Arc::clone(&state);
            async move {
                let response = response.await;
                state.answered(matches!(response.body(), ReplyBody::Stream(_)));
                Ok::<_, Infallible>(response)
            }
        });
        let io = TokioIo::new(ConnectionIo::new(stream, Arc::clone(&state), Arc::clone(&self.large_heads)));
        let connection = Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_TIMEOUT)
            .max_buf_size(MAX_HEADER_BYTES)
            .serve_connection(io, service);
        if let Err(error) = watcher.watch(connection).await {
            log::debug!(caller:% = address, error:% = error; "connection ended");
        }
    }
}

/// Returns when the drain begins. A dropped sender counts as a drain.
pub async fn drain_started(draining: &mut watch::Receiver<bool>) {
    let _ = draining.wait_for(|draining| *draining).await;
}
