//! The byte stream below hyper: a time limit on writes, half-closed connections, and a close that reads the rest.
//!
//! hyper drops a request when its caller closes the sending half. During a change this module hides that end from hyper.
//! After an early reply it reads and drops the rest of the request. A close with unread input would make the kernel reset
//! the connection, and the caller would lose the reply.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use hyper::Method;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Sleep, sleep};

use crate::http::limits::bounds::{CLOSE_BYTES, CLOSE_TIMEOUT, SMALL_HEAD_BYTES, STREAM_WRITE_TIMEOUT, WRITE_TIMEOUT};

/// The state that a connection and its current request share.
#[derive(Debug, Default)]
pub struct ConnectionState {
    /// A change is in progress, so the end of the input does not end the connection.
    holds_eof: AtomicBool,
    /// The reply is being written, and the next flush completes it.
    is_answered: AtomicBool,
    eof: AtomicBool,
    eof_seen: Notify,
    /// The caller may be sending data that nobody reads.
    has_unread_input: AtomicBool,
    is_streaming: AtomicBool,
    /// A request is in progress, so input does not belong to a head.
    is_busy: AtomicBool,
    /// The bytes of the current head so far.
    head: AtomicUsize,
    /// Held by a large head until the reply.
    large_head: Mutex<Option<OwnedSemaphorePermit>>,
}

impl ConnectionState {
    /// For a connection whose input nobody reads.
    pub fn unread() -> Self {
        Self { has_unread_input: true.into(), ..Self::default() }
    }

    /// Begins a request. A safe request ends when its caller closes the sending half.
    pub fn begin(&self, method: &Method) {
        self.holds_eof.store(!method.is_safe(), Relaxed);
        self.is_answered.store(false, Relaxed);
        self.is_streaming.store(false, Relaxed);
        self.is_busy.store(true, Relaxed);
        self.head.store(0, Relaxed);
    }

    /// Records that the request was read to its end.
    pub fn input_consumed(&self) {
        self.has_unread_input.store(false, Relaxed);
    }

    /// Records that the request has its reply.
    pub fn answered(&self, is_stream: bool) {
        self.is_streaming.store(is_stream, Relaxed);
        self.is_answered.store(true, Relaxed);
        self.is_busy.store(false, Relaxed);
        drop(self.large_head.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    /// Returns when the caller has closed the sending half.
    pub async fn input_ended(&self) {
        loop {
            let seen = self.eof_seen.notified();
            if self.eof.load(Relaxed) {
                return;
            }
            seen.await;
        }
    }
}

#[derive(Debug)]
pub struct ConnectionIo<S> {
    stream: S,
    state: Arc<ConnectionState>,
    /// The permits for large heads of all connections.
    large_heads: Arc<Semaphore>,
    /// Runs while the caller reads nothing.
    stalled: Option<Pin<Box<Sleep>>>,
    /// Runs from the end of the output on.
    closing: Option<Pin<Box<Sleep>>>,
    dropped: usize,
}

impl<S> ConnectionIo<S> {
    pub const fn new(stream: S, state: Arc<ConnectionState>, large_heads: Arc<Semaphore>) -> Self {
        Self { stream, state, large_heads, stalled: None, closing: None, dropped: 0 }
    }

    /// Counts the bytes of a head. A large head needs a permit.
    fn count_head(&self, bytes: usize) -> io::Result<()> {
        if self.state.is_busy.load(Relaxed) {
            return Ok(());
        }
        let before = self.state.head.fetch_add(bytes, Relaxed);
        if before + bytes > SMALL_HEAD_BYTES {
            let mut held = self.state.large_head.lock().unwrap_or_else(PoisonError::into_inner);
            if held.is_none() {
                let permit = Arc::clone(&self.large_heads).try_acquire_owned();
                *held = Some(permit.map_err(|_| io::Error::other("too many large heads at a time"))?);
            }
        }
        Ok(())
    }

    /// Fails a write that makes no progress within the time limit.
    fn in_time<T>(&mut self, polled: Poll<io::Result<T>>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.stalled = None;
            return polled;
        }
        let limit = if self.state.is_streaming.load(Relaxed) { STREAM_WRITE_TIMEOUT } else { WRITE_TIMEOUT };
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(limit)));
        ready!(stalled.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the caller does not read the reply")))
    }
}

impl<S: AsyncRead + Unpin> ConnectionIo<S> {
    /// Reads and drops input until the caller closes, or a limit is reached.
    fn poll_drop_input(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let deadline = self.closing.get_or_insert_with(|| Box::pin(sleep(CLOSE_TIMEOUT)));
        if deadline.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        let mut input = [0; 8 << 10];
        while self.dropped < CLOSE_BYTES {
            let mut buffer = ReadBuf::new(&mut input);
            let read = ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer));
            if read.is_err() || buffer.filled().is_empty() {
                break;
            }
            self.dropped += buffer.filled().len();
        }
        Poll::Ready(())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for ConnectionIo<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = ready!(Pin::new(&mut self.stream).poll_read(cx, buffer));
        let bytes = buffer.filled().len() - before;
        if bytes > 0 {
            self.state.has_unread_input.store(true, Relaxed);
            return Poll::Ready(self.count_head(bytes));
        }
        // Without close_notify, the end of a TLS connection is an error.
        let is_end = read.as_ref().map_or_else(|error| error.kind() == io::ErrorKind::UnexpectedEof, |()| true);
        if is_end {
            self.state.eof.store(true, Relaxed);
            self.state.eof_seen.notify_waiters();
        }
        if is_end && self.state.holds_eof.load(Relaxed) {
            // hyper reads again after it has written the reply.
            return Poll::Pending;
        }
        Poll::Ready(read)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for ConnectionIo<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.in_time(written, cx)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        if flushed.is_ready() && self.state.is_answered.swap(false, Relaxed) {
            self.state.holds_eof.store(false, Relaxed);
        }
        self.in_time(flushed, cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.closing.is_none() {
            let shut = Pin::new(&mut self.stream).poll_shutdown(cx);
            ready!(self.in_time(shut, cx))?;
        }
        if self.state.has_unread_input.load(Relaxed) && !self.state.eof.load(Relaxed) {
            ready!(self.poll_drop_input(cx));
        }
        Poll::Ready(Ok(()))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.in_time(written, cx)
    }
}

#[cfg(test)]
#[path = "connection_io_tests.rs"]
mod tests;
