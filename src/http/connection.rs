//! One connection: the TLS handshake, HTTP/1.1, and how it ends. Requests are handled by `pipeline`.

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

use crate::api::service::Service;
use crate::http::client_cert::Certificate;
use crate::http::connection_io::{ConnectionIo, ConnectionState};
use crate::http::limits::bounds::{HANDSHAKE_TIMEOUT, HEADER_TIMEOUT, LARGE_HEADS, MAX_HEADER_BYTES};
use crate::http::limits::log_throttle::LogThrottle;
use crate::http::peer::Peer;
use crate::http::request::body_stream::RequestBody;
use crate::http::response::stream_body::ReplyBody;

/// Anybody can fail a handshake, so not every failure is logged.
const HANDSHAKES_LOGGED_EVERY: Duration = Duration::from_secs(10);

const SPEAKS_TLS: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 35\r\n\
    Connection: close\r\n\r\nthis port speaks TLS: use https://\n";

/// What all connections of a listener share.
#[derive(Debug)]
pub struct Connections {
    pipeline: Arc<Service>,
    refused_handshakes: LogThrottle,
    large_heads: Arc<Semaphore>,
}

impl Connections {
    pub fn new(pipeline: Arc<Service>) -> Self {
        let refused_handshakes = LogThrottle::new(HANDSHAKES_LOGGED_EVERY);
        Self { pipeline, refused_handshakes, large_heads: Arc::new(Semaphore::new(LARGE_HEADS)) }
    }

    /// Serves one connection to its end. `tls` is what to shake hands with, if callers are to speak TLS.
    pub async fn serve(&self, stream: TcpStream, address: SocketAddr, tls: Option<TlsAcceptor>, watcher: Watcher) {
        // Replies are small and whole; waiting for more to send would only delay them.
        let _ = stream.set_nodelay(true);
        match tls {
            None => {
                let peer = Peer { address, over_tls: false, certificate: None };
                self.serve_http(stream, peer, watcher).await;
            }
            Some(tls) => self.serve_tls(&tls, stream, address, watcher).await,
        }
    }

    async fn serve_tls(&self, tls: &TlsAcceptor, stream: TcpStream, address: SocketAddr, watcher: Watcher) {
        let mut draining = self.pipeline.shared.draining.clone();
        let shaken = tokio::select! {
            shaken = timeout(HANDSHAKE_TIMEOUT, self.handshake(tls, stream)) => shaken,
            () = drain_started(&mut draining) => return,
        };
        let late = || io::Error::other(format!("it took longer than {} s", HANDSHAKE_TIMEOUT.as_secs()));
        match shaken.unwrap_or_else(|_| Err(late())) {
            Ok(stream) => {
                let certificates = stream.get_ref().1.peer_certificates();
                let name = certificates.and_then(|chain| Certificate::parse(chain.first()?)?.name());
                log::debug!(caller:% = address, certificate = name.as_deref().unwrap_or(""); "TLS connection");
                let peer = Peer { address, over_tls: true, certificate: name.map(Arc::from) };
                self.serve_http(stream, peer, watcher).await;
            }
            Err(error) => self.log_handshake(address, &error),
        }
    }

    fn log_handshake(&self, caller: SocketAddr, error: &io::Error) {
        let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>());
        let is_refusal =
            matches!(cause, Some(rustls::Error::NoCertificatesPresented | rustls::Error::InvalidCertificate(_)));
        if is_refusal && let Some(not_logged) = self.refused_handshakes.allow(Instant::now()) {
            log::info!(caller:% = caller, error:% = error, not_logged; "refused: no certificate of the client CA");
        } else {
            log::debug!(caller:% = caller, error:% = error; "TLS handshake failed");
        }
    }

    async fn handshake(&self, tls: &TlsAcceptor, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let mut first = [0];
        // A TLS record never begins with a letter, and a request always does.
        if stream.peek(&mut first).await? == 1 && first[0].is_ascii_alphabetic() {
            let mut plain =
                ConnectionIo::new(stream, Arc::new(ConnectionState::unread()), Arc::clone(&self.large_heads));
            plain.write_all(SPEAKS_TLS).await?;
            plain.shutdown().await?;
            return Err(io::Error::other("the caller speaks plain HTTP"));
        }
        tls.accept(stream).await
    }

    async fn serve_http(&self, stream: impl AsyncRead + AsyncWrite + Unpin + 'static, peer: Peer, watcher: Watcher) {
        let (address, state) = (peer.address, Arc::<ConnectionState>::default());
        let service = service_fn(|request: Request<Incoming>| {
            state.begin(request.method());
            let request = request.map(|body| RequestBody::new(body, Arc::clone(&state)));
            let reply = Arc::clone(&self.pipeline).handle(&peer, request);
            let state = Arc::clone(&state);
            async move {
                let reply = reply.await;
                let is_stream = reply.as_ref().is_ok_and(|reply| matches!(reply.body(), ReplyBody::Stream(_)));
                state.answered(is_stream);
                reply
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

/// Waits for the drain to begin. A sender that is gone counts as a drain.
pub async fn drain_started(draining: &mut watch::Receiver<bool>) {
    let _ = draining.wait_for(|draining| *draining).await;
}
