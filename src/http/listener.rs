//! Listens, accepts as many connections as the limits allow, and drains. `connection` serves each of them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::http::connection::{Connections, Handler, drain_started};
use crate::http::limits::bounds::DRAIN;
use crate::http::limits::connections::ConnectionLimiter;
use crate::http::limits::log_throttle::LogThrottle;
use crate::http::metrics::HttpMetrics;
use crate::http::tls::Tls;

/// The pause after accept fails, usually for lack of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// A message that callers can cause is logged once in this time.
const LOG_INTERVAL: Duration = Duration::from_mins(1);

#[derive(Debug)]
pub struct ListenerConfig {
    /// `None` means plain HTTP.
    pub tls: Option<Arc<Tls>>,
    pub max_connections: usize,
    pub max_per_peer: usize,
    pub metrics: Arc<HttpMetrics>,
    /// Turns true when the drain begins.
    pub draining: watch::Receiver<bool>,
}

/// Serves until the drain begins, then lets open requests finish. Returns false if some did not finish in time.
pub async fn run<H: Handler>(listener: TcpListener, handler: Arc<H>, config: ListenerConfig) -> bool {
    let ListenerConfig { tls, max_connections, max_per_peer, metrics, mut draining } = config;
    let permits = Arc::new(Semaphore::new(max_connections));
    let per_peer = Arc::new(ConnectionLimiter::new(max_per_peer));
    metrics.max_connections.set(max_connections as u64);
    let [accept_errors, refusals] = [(); 2].map(|()| LogThrottle::new(LOG_INTERVAL));
    let connections = Arc::new(Connections::new(Arc::clone(&handler), draining.clone()));
    let graceful = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            () = drain_started(&mut draining) => break,
            accepted = accept(&listener, &permits, &accept_errors) => accepted,
        };
        let Some((stream, address, permit)) = accepted else { continue };
        let Some(peer_permit) = per_peer.try_acquire(address.ip()) else {
            metrics.refused_connections.count();
            if let Some(not_logged) = refusals.allow(Instant::now()) {
                log::warn!(caller:% = address, most = max_per_peer, not_logged; "one address has EKS_API_MAX_CONNECTIONS_PER_PEER connections; further ones are closed");
            }
            continue;
        };
        let tls = tls.as_ref().map(|tls| tls.acceptor());
        let (metrics, connections, watcher) = (Arc::clone(&metrics), Arc::clone(&connections), graceful.watcher());
        tokio::spawn(async move {
            let _counted = metrics.connections.hold();
            connections.serve(stream, address, tls, watcher).await;
            drop((permit, peer_permit));
        });
    }
    drop(listener);
    let ended = async {
        graceful.shutdown().await;
        handler.finished().await;
    };
    tokio::time::timeout(DRAIN, ended).await.is_ok()
}

/// Accepts the next connection. At the limit, connections wait in the kernel's queue.
async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
    errors: &LogThrottle,
) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let permit = Arc::clone(permits).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => Some((stream, peer, permit)),
        Err(error) => {
            if let Some(not_logged) = errors.allow(Instant::now()) {
                log::warn!(error:% = error, not_logged; "a connection could not be accepted");
            }
            tokio::time::sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

#[cfg(test)]
#[path = "listener_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "listener_tls_tests.rs"]
mod tls_tests;
