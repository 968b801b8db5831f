//! Listens, speaks HTTP/1.1 on each connection, and drains. Owns connections and their bounds; requests are
//! `pipeline`'s.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::header::{CONNECTION, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, watch};

use super::limit::{DRAIN, HEADER_TIMEOUT, MAX_HEADER_BYTES, MAX_HEADERS};
use super::pipeline::Pipeline;

/// What to wait after the system refused another connection, mostly for lack of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until `pipeline.shared.draining` turns true, then lets open requests finish. False if some had to be cut off.
pub async fn run(listener: TcpListener, pipeline: Arc<Pipeline>, max_connections: usize) -> bool {
    let permits = Arc::new(Semaphore::new(max_connections));
    // Every connection holds a sender: when the last is dropped, the drain is over.
    let (open, mut all_closed) = mpsc::channel::<Infallible>(1);
    let mut draining = pipeline.shared.draining.clone();
    loop {
        let accepted = tokio::select! {
            () = begun(&mut draining) => break,
            accepted = accept(&listener, &permits) => accepted,
        };
        let Some((stream, peer, permit)) = accepted else { continue };
        let (pipeline, draining, open) = (Arc::clone(&pipeline), pipeline.shared.draining.clone(), open.clone());
        tokio::spawn(async move {
            connection(stream, peer, pipeline, draining).await;
            drop((permit, open));
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

/// Waits for the drain to begin; nobody left to begin it is as good.
async fn begun(draining: &mut watch::Receiver<bool>) {
    let _ = draining.wait_for(|draining| *draining).await;
}

/// The next connection. At the limit, others wait in the kernel's queue.
async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit)> {
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

async fn connection(stream: TcpStream, peer: SocketAddr, pipeline: Arc<Pipeline>, mut draining: watch::Receiver<bool>) {
    // Replies are small and whole; waiting for more to send would only delay them.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let pipeline = Arc::clone(&pipeline);
        async move {
            let mut response = pipeline.serve(peer, request).await;
            // The drain may have begun without this connection having been polled since; the reply is to say so.
            if *pipeline.shared.draining.borrow() {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, Infallible>(response)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_HEADER_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = begun(&mut draining) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        log::debug!(caller:% = peer, error:% = error; "connection ended");
    }
}

#[cfg(test)]
#[path = "server_tests.rs"]
mod tests;
