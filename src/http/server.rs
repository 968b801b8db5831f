//! Listens, lets in as many connections as there may be, and drains. Owns how many; one connection is `connection`'s,
//! and requests are `pipeline`'s.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::connection::{self, begun};
use super::limit::DRAIN;
use super::peers::Peers;
use super::pipeline::Pipeline;
use super::tls::Tls;
use super::traffic::Limit;

/// What to wait after the system refused another connection, mostly for lack of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How connections come in.
#[derive(Debug)]
pub struct Door {
    /// None: callers speak plain HTTP.
    pub tls: Option<Arc<Tls>>,
    pub max_connections: usize,
    pub max_per_peer: usize,
}

/// Serves until `pipeline.shared.draining` turns true, then lets open requests finish. False if some had to be cut off.
pub async fn run(listener: TcpListener, pipeline: Arc<Pipeline>, door: Door) -> bool {
    let permits = Arc::new(Semaphore::new(door.max_connections));
    let peers = Arc::new(Peers::new(door.max_per_peer));
    let (traffic, admission) = (&pipeline.shared.traffic, &pipeline.admission);
    traffic.most_connections.set(door.max_connections as u64);
    traffic.rate_of_peer.set(admission.peers.per_second().into());
    traffic.rate_of_caller.set(admission.callers.per_second().into());
    // Every connection holds a sender: when the last is dropped, the drain is over.
    let (open, mut all_closed) = mpsc::channel::<Infallible>(1);
    let mut draining = pipeline.shared.draining.clone();
    loop {
        let accepted = tokio::select! {
            () = begun(&mut draining) => break,
            accepted = accept(&listener, &permits) => accepted,
        };
        let Some((stream, address, permit)) = accepted else { continue };
        let place = match peers.enter(address.ip(), Instant::now()) {
            Ok(place) => place,
            Err(too_many) => {
                pipeline.shared.traffic.refused(Limit::Connections);
                if let Some(refused) = too_many.tell {
                    let most = door.max_per_peer;
                    log::warn!(caller:% = address, refused, most; "a peer has as many connections as it may, and more are closed");
                }
                continue;
            }
        };
        let tls = door.tls.as_ref().map(|tls| tls.acceptor());
        let (pipeline, draining, open) = (Arc::clone(&pipeline), draining.clone(), open.clone());
        tokio::spawn(async move {
            let shared = Arc::clone(&pipeline.shared);
            let _counted = shared.traffic.connections.hold();
            connection::serve(stream, address, tls, pipeline, draining).await;
            drop((permit, place, open));
        });
    }
    drop((listener, open));
    let ended = async {
        all_closed.recv().await;
        // A call whose caller hung up has no connection any more.
        pipeline.shared.calls.ended().await;
    };
    tokio::time::timeout(DRAIN, ended).await.is_ok()
}

/// The next connection. At the limit, others wait in the kernel's queue.
async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let permit = Arc::clone(permits).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => Some((stream, peer, permit)),
        Err(error) => {
            log::warn!(error:% = error; "a connection could not be accepted");
            tokio::time::sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

#[cfg(test)]
#[path = "server_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "tls_server_tests.rs"]
mod tls_tests;

#[cfg(test)]
#[path = "idle_server_tests.rs"]
mod idle_tests;
