//! The body of a reply: whole, or a stream that a task of its own fills. Owns the hand-over between the two: one piece
//! at a time, so that whoever fills it goes no faster than the caller reads, and learns at once that the caller left.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame, SizeHint};
use tokio::sync::mpsc;

/// For how long a reader that reads nothing may hold up the drain.
pub const FINAL_WRITE_TIMEOUT: Duration = Duration::from_secs(1);

/// The stream broke off: what was sent is not all there was. The connection is then torn down rather than ended well,
/// so that the caller can tell.
#[derive(Debug)]
pub struct StreamAborted;

impl std::fmt::Display for StreamAborted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the stream broke off")
    }
}

impl std::error::Error for StreamAborted {}

#[derive(Debug)]
enum Piece {
    /// Boxed, as a channel has room for 32 pieces from the start, and there are thousands of streams.
    Data(Box<Bytes>),
    End,
}

#[derive(Debug)]
pub enum ReplyBody {
    Whole(Bytes),
    Stream(ChannelBody),
}

#[derive(Debug)]
pub struct ChannelBody {
    receiver: mpsc::Receiver<Piece>,
    is_breaking: bool,
    has_ended: bool,
}

/// Where a stream's pieces go. Unless it is ended before it is dropped, for whatever reason, the stream breaks off.
#[derive(Debug)]
pub struct Sink(mpsc::Sender<Piece>);

/// The caller hung up.
#[derive(Debug)]
pub struct Gone;

impl ReplyBody {
    pub fn stream() -> (Sink, Self) {
        let (sender, receiver) = mpsc::channel(1);
        (Sink(sender), Self::Stream(ChannelBody { receiver, is_breaking: false, has_ended: false }))
    }
}

impl Sink {
    /// Hands over a piece as soon as the one before was taken.
    pub async fn send(&self, piece: Bytes) -> Result<(), Gone> {
        self.0.send(Piece::Data(Box::new(piece))).await.map_err(|_| Gone)
    }

    /// Ends the stream: this was all.
    pub async fn end(&self) {
        // Whoever hung up does not care.
        let _ = self.0.send(Piece::End).await;
    }

    /// Returns when the caller has hung up.
    pub async fn gone(&self) {
        self.0.closed().await;
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = StreamAborted;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, StreamAborted>>> {
        match self.get_mut() {
            Self::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Stream(pieces) if pieces.has_ended => Poll::Ready(None),
            Self::Stream(pieces) => match ready!(pieces.receiver.poll_recv(cx)) {
                Some(Piece::Data(bytes)) => Poll::Ready(Some(Ok(Frame::data(*bytes)))),
                // hyper drops what it has not written yet when a body fails. While the body is pending, it writes.
                None if !std::mem::replace(&mut pieces.is_breaking, true) => {
                    cx.waker().wake_by_ref();
                    Poll::Pending
                }
                ended => {
                    pieces.has_ended = true;
                    Poll::Ready(if ended.is_some() { None } else { Some(Err(StreamAborted)) })
                }
            },
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
