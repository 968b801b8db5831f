//! The bodies of answers that do not simply end: one that is far too long, one that is cut off half
//! way, one that is told bit by bit.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::{Body, Bytes, Frame};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};

use super::connection::Connection;

/// Boxed, so that a held-open stream can be a body as well as a document can.
pub type AnyBody = UnsyncBoxBody<Bytes, io::Error>;

type Polled = Poll<Option<Result<Frame<Bytes>, io::Error>>>;

/// Quotation marks, as many as asked for, and no length announced.
#[derive(Debug)]
pub struct Huge {
    pub left: u64,
}

impl Body for Huge {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Polled {
        const PIECE: &[u8] = &[b'"'; 16 * 1024];
        let take = PIECE.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        self.left -= take as u64;
        Poll::Ready((take > 0).then(|| Ok(Frame::data(Bytes::from_static(&PIECE[..take])))))
    }
}

/// Some bytes, then the end of the connection.
pub struct Truncated {
    bytes: Option<Bytes>,
    end: Pin<Box<dyn Future<Output = Infallible> + Send>>,
}

impl Truncated {
    /// The end waits until the socket has taken as much as these bytes are long, so that the
    /// answer's head is on its way for certain.
    pub fn new(connection: Arc<Connection>, bytes: Bytes) -> Self {
        let enough = connection.written() + bytes.len() + 1;
        let end = async move {
            connection.until_written(enough).await;
            connection.hang_up();
            std::future::pending().await
        };
        Self { bytes: Some(bytes), end: Box::pin(end) }
    }
}

impl Body for Truncated {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Polled {
        if let Some(bytes) = self.bytes.take() {
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        match self.end.as_mut().poll(cx) {
            Poll::Ready(never) => match never {},
            Poll::Pending => Poll::Pending,
        }
    }
}

/// What a future tells, each piece a chunk of its own, until the future ends. It runs only while
/// someone reads, and is dropped when the client leaves.
pub struct Told {
    teller: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    pieces: UnboundedReceiver<Bytes>,
}

impl Told {
    pub fn new<F: Future<Output = ()> + Send + 'static>(teller: impl FnOnce(UnboundedSender<Bytes>) -> F) -> Self {
        let (sender, pieces) = mpsc::unbounded_channel();
        Self { teller: Some(Box::pin(teller(sender))), pieces }
    }
}

impl Body for Told {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Polled {
        // What was told before goes out before the future is asked for more.
        if let Poll::Ready(Some(piece)) = self.pieces.poll_recv(cx) {
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        if self.teller.as_mut().is_some_and(|teller| teller.as_mut().poll(cx).is_ready()) {
            // The sender goes with it, so that the pieces come to an end.
            self.teller = None;
        }
        self.pieces.poll_recv(cx).map(|piece| piece.map(|piece| Ok(Frame::data(piece))))
    }
}
