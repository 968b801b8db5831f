//! The body of a reply: whole, or a stream that a task of its own fills. Owns the hand-over between the two: one piece
//! at a time, so that whoever fills it goes no faster than the caller reads, and learns at once that the caller left.

use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::body::{Body, Bytes, Frame, SizeHint};
use tokio::sync::mpsc;

/// The stream broke off: what was sent is not all there was. The connection is then torn down rather than ended well,
/// so that the caller can tell.
#[derive(Debug)]
pub struct BrokenOff;

impl std::fmt::Display for BrokenOff {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the stream broke off")
    }
}

impl std::error::Error for BrokenOff {}

type Piece = Result<Bytes, BrokenOff>;

#[derive(Debug)]
pub enum ReplyBody {
    Whole(Bytes),
    Stream(mpsc::Receiver<Piece>),
}

/// Where a stream's pieces go.
#[derive(Debug)]
pub struct Sink(mpsc::Sender<Piece>);

/// The caller hung up.
#[derive(Debug)]
pub struct Gone;

impl ReplyBody {
    pub fn stream() -> (Sink, Self) {
        let (sender, receiver) = mpsc::channel(1);
        (Sink(sender), Self::Stream(receiver))
    }
}

impl Sink {
    /// Hands over a piece as soon as the one before was taken.
    pub async fn send(&self, piece: Bytes) -> Result<(), Gone> {
        self.0.send(Ok(piece)).await.map_err(|_| Gone)
    }

    /// Ends the stream as broken off.
    pub async fn break_off(self) {
        let _ = self.0.send(Err(BrokenOff)).await;
    }

    /// Returns when the caller has hung up.
    pub async fn gone(&self) {
        self.0.closed().await;
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        match self.get_mut() {
            Self::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Stream(receiver) => receiver.poll_recv(cx).map(|piece| piece.map(|piece| piece.map(Frame::data))),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Stream(_) => SizeHint::default(),
        }
    }
}
