//! The body of a response: whole, a list in pieces, or a stream that another task writes. The channel holds one piece, so the writer goes at
//! the reader's pace.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame, SizeHint};
use tokio::sync::mpsc;

use crate::http::response::list_body::ListBody;

/// How long the last write of a stream may take. A reader that reads nothing does not hold up the drain longer.
pub const FINAL_WRITE_TIMEOUT: Duration = Duration::from_secs(1);

/// The stream ended before its end. hyper then breaks the connection, so the caller notices.
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
    /// Boxed: a channel allocates 32 pieces, and there are thousands of streams.
    Data(Box<Bytes>),
    End,
}

#[derive(Debug)]
pub enum ReplyBody {
    Whole(Bytes),
    List(ListBody),
    Stream(ChannelBody),
}

#[derive(Debug)]
pub struct ChannelBody {
    receiver: mpsc::Receiver<Piece>,
    is_aborting: bool,
    has_ended: bool,
}

/// The writer's side of a stream. A drop without [`Sink::end`] aborts the stream.
#[derive(Debug)]
pub struct Sink(mpsc::Sender<Piece>);

#[derive(Debug)]
pub struct ClientDisconnected;

impl ReplyBody {
    pub fn stream() -> (Sink, Self) {
        let (sender, receiver) = mpsc::channel(1);
        (Sink(sender), Self::Stream(ChannelBody { receiver, is_aborting: false, has_ended: false }))
    }
}

impl Sink {
    /// Sends a piece. Waits until the one before it is taken.
    pub async fn send(&self, piece: Bytes) -> Result<(), ClientDisconnected> {
        self.0.send(Piece::Data(Box::new(piece))).await.map_err(|_| ClientDisconnected)
    }

    /// Ends the stream.
    pub async fn end(&self) {
        // Fails only if the client has disconnected.
        let _ = self.0.send(Piece::End).await;
    }

    /// Returns when the client has disconnected.
    pub async fn disconnected(&self) {
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
            Self::List(list) => Poll::Ready(list.next().map(|piece| Ok(Frame::data(piece)))),
            Self::Stream(pieces) if pieces.has_ended => Poll::Ready(None),
            Self::Stream(pieces) => match ready!(pieces.receiver.poll_recv(cx)) {
                Some(Piece::Data(bytes)) => Poll::Ready(Some(Ok(Frame::data(*bytes)))),
                // If a body fails, hyper drops its unwritten output. It writes that output while the body is pending.
                None if !std::mem::replace(&mut pieces.is_aborting, true) => {
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
        match self {
            Self::Whole(bytes) => bytes.is_empty(),
            Self::List(list) => list.is_empty(),
            Self::Stream(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::List(list) => SizeHint::with_exact(list.bytes_left()),
            Self::Stream(_) => SizeHint::default(),
        }
    }
}
