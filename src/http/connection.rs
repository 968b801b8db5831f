//! One connection: the TLS handshake, the choice of HTTP/1.1 or HTTP/2, and how it ends. Owns its bounds in time;
//! requests are `pipeline`'s.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;

use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::certificate::Certificate;
use super::http1;
use super::http2::{self, Exchanges};
use super::limit::{HANDSHAKE_COST, HANDSHAKE_TIMEOUT};
use super::metered::Meter;
use super::peer::Peer;
use super::pipeline::Pipeline;
use super::tls;

/// Serves one connection to its end. `tls` is what to shake hands with, if callers are to speak TLS.
pub async fn serve(
    stream: TcpStream,
    address: SocketAddr,
    tls: Option<TlsAcceptor>,
    pipeline: Arc<Pipeline>,
    draining: watch::Receiver<bool>,
) {
    // Replies are small and whole; waiting for more to send would only delay them.
    let _ = stream.set_nodelay(true);
    let account = pipeline.shared.traffic.room.account();
    let meter = Meter::new(Arc::clone(&account));
    tokio::select! {
        biased;
        () = account.has_to_leave() => log::debug!(caller:% = address; "connection closed: there is no room for what it holds"),
        () = shaken(stream, address, tls, pipeline, meter, draining) => {}
    }
}

async fn shaken(
    stream: TcpStream,
    address: SocketAddr,
    tls: Option<TlsAcceptor>,
    pipeline: Arc<Pipeline>,
    meter: Arc<Meter>,
    draining: watch::Receiver<bool>,
) {
    match tls {
        None => {
            let peer = Peer { address, over_tls: false, certificate: None };
            told(address, Box::pin(http1::serve(stream, peer, pipeline, meter, draining)).await);
        }
        // Boxed, as a task keeps room for the largest future that it may have to run.
        Some(tls) => Box::pin(over_tls(tls, stream, address, pipeline, meter, draining)).await,
    }
}

async fn over_tls(
    tls: TlsAcceptor,
    stream: TcpStream,
    address: SocketAddr,
    pipeline: Arc<Pipeline>,
    meter: Arc<Meter>,
    mut draining: watch::Receiver<bool>,
) {
    let held = meter.hold(HANDSHAKE_COST);
    let stream = tokio::select! {
        stream = handshake(&tls, stream, address) => stream,
        () = begun(&mut draining) => None,
    };
    drop(held);
    let Some(stream) = stream else { return };
    let session = stream.get_ref().1;
    let certificate = session.peer_certificates().and_then(|chain| Certificate::parse(chain.first()?)?.name());
    let peer = Peer { address, over_tls: true, certificate: certificate.map(Arc::from) };
    let is_http2 = session.alpn_protocol() == Some(tls::H2);
    log::debug!(
        caller:% = address,
        certificate = peer.certificate.as_deref().unwrap_or(""),
        http = if is_http2 { "2" } else { "1.1" };
        "TLS connection"
    );
    if is_http2 {
        http2(stream, peer, pipeline, meter, draining).await;
    } else {
        told(address, http1::serve(stream, peer, pipeline, meter, draining).await);
    }
}

/// Waits for the drain to begin; nobody left to begin it is as good.
pub async fn begun(draining: &mut watch::Receiver<bool>) {
    let _ = draining.wait_for(|draining| *draining).await;
}

async fn handshake(tls: &TlsAcceptor, stream: TcpStream, caller: SocketAddr) -> Option<TlsStream<TcpStream>> {
    let error = match tokio::time::timeout(HANDSHAKE_TIMEOUT, tls.accept(stream)).await {
        Ok(Ok(stream)) => return Some(stream),
        Ok(Err(error)) => error,
        Err(_) => io::Error::other(format!("it took longer than {} s", HANDSHAKE_TIMEOUT.as_secs())),
    };
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>());
    match cause {
        Some(rustls::Error::NoCertificatesPresented | rustls::Error::InvalidCertificate(_)) => {
            log::info!(caller:% = caller, error:% = error; "refused: no certificate of the client CA");
        }
        _ => log::debug!(caller:% = caller, error:% = error; "TLS handshake failed"),
    }
    None
}

async fn http2(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    peer: Peer,
    pipeline: Arc<Pipeline>,
    meter: Arc<Meter>,
    mut draining: watch::Receiver<bool>,
) {
    let address = peer.address;
    let (peer, exchanges) = (Arc::new(peer), Exchanges::default());
    let begin = exchanges.clone();
    let stream = TokioIo::new(meter.of_http2(stream));
    let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        let (pipeline, peer, exchange) = (Arc::clone(&pipeline), Arc::clone(&peer), begin.begin(&meter));
        let meter = Arc::clone(&meter);
        async move {
            let method = request.method().clone();
            let response = if let Some(refused) = http2::too_many_headers(request.headers().len()) {
                refused
            } else {
                meter.cleared().await;
                if meter.is_leaving() {
                    http2::closing()
                } else {
                    let Ok(response) = pipeline.serve(&peer, false, request).await;
                    response
                }
            };
            Ok::<_, Infallible>(http2::outgoing(&method, exchange, response))
        }
    });
    let mut connection = pin!(http2::builder().serve_connection(stream, service));
    tokio::select! {
        ended = connection.as_mut() => return told(address, ended),
        () = begun(&mut draining) => {}
        () = exchanges.idle() => {}
    }
    connection.as_mut().graceful_shutdown();
    tokio::select! {
        ended = connection => told(address, ended),
        // Whoever does not take leave is left.
        () = exchanges.ended() => {}
    }
}

fn told(caller: SocketAddr, ended: hyper::Result<()>) {
    if let Err(error) = ended {
        log::debug!(caller:% = caller, error:% = error; "connection ended");
    }
}
