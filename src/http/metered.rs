//! A connection's bytes on their way between it and hyper, counted as far as hyper has to keep them: a head that has not
//! ended, and what the caller does not read. What is too much is `room`'s to say.

use std::io::IoSlice;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

use super::limit::{FREE_HEAD, HEAD_COST, MAX_HEADER_BYTES};
use super::room::{Account, Share};

/// Of one connection.
#[derive(Debug)]
pub struct Meter {
    account: Arc<Account>,
    /// No request is under way: what comes is a head.
    is_head: AtomicBool,
    /// What came of it, and as how much that counts.
    head: AtomicUsize,
    counted: AtomicUsize,
    /// What the connection did not take.
    unread: AtomicUsize,
    /// hyper's end is not the connection's. See [`Self::keep_open`].
    stays_open: AtomicBool,
}

#[derive(Debug)]
pub struct Metered<S> {
    stream: S,
    /// What was read of it already, and is to be read again.
    ahead: Vec<u8>,
    meter: Arc<Meter>,
    /// What is written is the answer to what was read.
    is_http1: bool,
}

impl Meter {
    pub fn new(account: Arc<Account>) -> Arc<Self> {
        let [head, counted, unread] = [0; 3].map(AtomicUsize::new);
        Arc::new(Self {
            account,
            is_head: AtomicBool::new(true),
            head,
            counted,
            unread,
            stays_open: AtomicBool::new(false),
        })
    }

    pub fn of<S>(self: &Arc<Self>, stream: S) -> Metered<S> {
        Metered { stream, ahead: Vec::new(), meter: Arc::clone(self), is_http1: true }
    }

    pub fn of_http2<S>(self: &Arc<Self>, stream: S) -> Metered<S> {
        Metered { stream, ahead: Vec::new(), meter: Arc::clone(self), is_http1: false }
    }

    pub fn hold(&self, bytes: usize) -> Share {
        self.account.hold(bytes)
    }

    /// Whether the connection is about to be closed.
    pub fn is_leaving(&self) -> bool {
        self.account.is_leaving()
    }

    pub async fn cleared(&self) {
        self.account.cleared().await;
    }

    /// A head is whole. A long one stays in memory until it is answered; the body after it is counted by who reads it.
    pub fn begun(&self) {
        self.is_head.store(false, Relaxed);
        let head = self.head.load(Relaxed);
        self.count(if head > FREE_HEAD { head.min(MAX_HEADER_BYTES) } else { 0 });
    }

    pub fn answered(&self) {
        self.head.store(0, Relaxed);
        self.count(0);
        self.is_head.store(true, Relaxed);
    }

    /// Whether all that was asked has been answered, as far as can be seen from here: not of what is answered piece by
    /// piece, nor where the caller was told to go on with the body.
    pub fn is_idle(&self) -> bool {
        self.is_head.load(Relaxed) && self.head.load(Relaxed) == 0 && self.unread.load(Relaxed) == 0
    }

    /// Leaves the connection open if hyper shuts it down next. If hyper reads or writes before that, a request was under way
    /// after all, of which there may be more on the connection: then it does not stay open.
    pub fn keep_open(&self) {
        self.stays_open.store(true, Relaxed);
    }

    pub fn stays_open(&self) -> bool {
        self.stays_open.load(Relaxed)
    }

    fn used(&self) {
        self.stays_open.store(false, Relaxed);
    }

    fn read(&self, bytes: usize) {
        if self.is_head.load(Relaxed) {
            self.head.fetch_add(bytes, Relaxed);
        }
    }

    /// More is wanted than has come. Most heads come as a whole, so that to count them costs no time.
    fn waits(&self) {
        let head = self.head.load(Relaxed);
        if head > 0 && self.is_head.load(Relaxed) {
            self.count(HEAD_COST + head.min(MAX_HEADER_BYTES));
        }
    }

    fn count(&self, now: usize) {
        let before = self.counted.load(Relaxed);
        if before != now {
            self.counted.store(now, Relaxed);
            self.account.change(before, now);
        }
    }

    /// So much is left of what was to be written.
    fn left(&self, bytes: usize) {
        let before = self.unread.load(Relaxed);
        if before != bytes {
            self.unread.store(bytes, Relaxed);
            self.account.change(before, bytes);
        }
    }
}

impl<S: AsyncRead + Unpin> Metered<S> {
    /// Waits for the caller to say something. False if it never will.
    pub async fn speaks(&mut self) -> bool {
        let mut first = [0];
        if self.ahead.is_empty() && self.stream.read(&mut first).await.is_ok_and(|read| read > 0) {
            self.ahead = first.to_vec();
        }
        !self.ahead.is_empty()
    }

    /// What was read ahead, copied: a piece of a buffer would hold on to it all.
    pub fn put_back(&mut self, ahead: &[u8]) {
        self.ahead = ahead.to_vec();
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        self.meter.used();
        let before = buffer.filled().len();
        let ahead = std::mem::take(&mut self.ahead);
        if !ahead.is_empty() {
            let (now, later) = ahead.split_at(ahead.len().min(buffer.remaining()));
            buffer.put_slice(now);
            self.ahead = later.to_vec();
        }
        // With what follows, as hyper takes a larger buffer for what comes in two pieces.
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        let bytes = buffer.filled().len() - before;
        match read {
            Poll::Pending if bytes == 0 => self.meter.waits(),
            Poll::Ready(Err(_)) if bytes == 0 => {}
            _ => {
                self.meter.read(bytes);
                return Poll::Ready(Ok(()));
            }
        }
        read
    }
}

impl<S> Metered<S> {
    fn told(&self, written: Poll<std::io::Result<usize>>, whole: usize) -> Poll<std::io::Result<usize>> {
        if written.is_pending() {
            self.meter.left(whole);
        }
        let written = ready!(written);
        self.meter.left(0);
        if self.is_http1 {
            self.meter.answered();
        }
        Poll::Ready(written)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Metered<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        self.meter.used();
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.told(written, bytes.len())
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        if self.meter.stays_open() {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        self.meter.used();
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        if written.is_pending() {
            return self.told(written, slices.iter().map(|slice| slice.len()).sum());
        }
        self.told(written, 0)
    }
}

#[cfg(test)]
#[path = "metered_tests.rs"]
mod tests;
