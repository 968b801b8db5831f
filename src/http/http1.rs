//! HTTP/1.1 on one connection: waits until the caller says something, and has hyper serve what that is. Where many
//! connections are open, one that is idle waits again, without hyper's buffers. Requests are `pipeline`'s.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use hyper::server::conn::http1::Builder;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::watch;
use tokio::time::timeout;

use super::connection::begun;
use super::limit::{GOODBYE, HEADER_TIMEOUT, MAX_HEADER_BYTES, MAX_HEADERS};
use super::metered::{Meter, Metered};
use super::peer::Peer;
use super::pipeline::Pipeline;

/// Serves a connection to its end. Boxed is what is not there all the time: a connection has room for all else while it is idle.
pub async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    peer: Peer,
    pipeline: Arc<Pipeline>,
    meter: Arc<Meter>,
    mut draining: watch::Receiver<bool>,
) -> hyper::Result<()> {
    let mut stream = meter.of(stream);
    let peer = Arc::new(peer);
    while Box::pin(spoken(&mut stream, &mut draining)).await {
        match Box::pin(served(stream, &peer, &pipeline, &meter, &mut draining)).await {
            Ok(idle) => stream = idle,
            Err(ended) => return ended,
        }
    }
    let _ = Box::pin(timeout(GOODBYE, stream.shutdown())).await;
    Ok(())
}

/// Whether the caller says something. Until then it costs no more than its socket: hyper has buffers for it from the start.
async fn spoken<S: AsyncRead + Unpin>(stream: &mut Metered<S>, draining: &mut watch::Receiver<bool>) -> bool {
    tokio::select! {
        spoken = timeout(HEADER_TIMEOUT, stream.speaks()) => spoken.is_ok_and(|spoken| spoken),
        () = begun(draining) => false,
    }
}

/// Serves until the connection ends, is idle where many are open, or is idle when the drain begins.
async fn served<S: AsyncRead + AsyncWrite + Unpin>(
    stream: Metered<S>,
    peer: &Arc<Peer>,
    pipeline: &Arc<Pipeline>,
    meter: &Meter,
    draining: &mut watch::Receiver<bool>,
) -> Result<Metered<S>, hyper::Result<()>> {
    let service = service_fn(|request| {
        meter.begun();
        Arc::clone(pipeline).serve(peer, true, request)
    });
    let connection = Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_HEADER_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = Box::pin(connection);
    let ended = poll_fn(|context| match connection.as_mut().poll(context) {
        Poll::Pending if meter.is_idle() && pipeline.shared.traffic.has_many_connections() => Poll::Ready(None),
        polled => polled.map(Some),
    });
    let ended = tokio::select! {
        ended = ended => ended,
        () = begun(draining) => None,
    };
    if let Some(ended) = ended {
        return Err(ended);
    }
    // Only hyper knows whether it is idle, and is done at once if so, without another byte. If not, it ends with what is
    // under way.
    connection.as_mut().graceful_shutdown();
    meter.keep_open();
    match poll_fn(|context| Poll::Ready(connection.as_mut().poll(context))).await {
        Poll::Ready(Ok(())) if meter.stays_open() => {
            let parts = Pin::into_inner(connection).into_parts();
            let mut stream = parts.io.into_inner();
            stream.put_back(&parts.read_buf);
            Ok(stream)
        }
        Poll::Ready(ended) => Err(ended),
        Poll::Pending => Err(connection.await),
    }
}
