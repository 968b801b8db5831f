//! A connection's bytes on their way between it and hyper, counted as far as hyper has to keep them: a head that has not
//! ended, and what the caller does not read. What is too much is `room`'s to say.

use std::io::IoSlice;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

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
}

#[derive(Debug)]
pub struct Metered<S> {
    stream: S,
    meter: Arc<Meter>,
    /// What is written is the answer to what was read.
    is_http1: bool,
}

impl Meter {
    pub fn new(account: Arc<Account>) -> Arc<Self> {
        let [head, counted, unread] = [0; 3].map(AtomicUsize::new);
        Arc::new(Self { account, is_head: AtomicBool::new(true), head, counted, unread })
    }

    pub fn of<S>(self: &Arc<Self>, stream: S) -> Metered<S> {
        Metered { stream, meter: Arc::clone(self), is_http1: true }
    }

    pub fn of_http2<S>(self: &Arc<Self>, stream: S) -> Metered<S> {
        Metered { stream, meter: Arc::clone(self), is_http1: false }
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

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if read.is_pending() {
            self.meter.waits();
        }
        ready!(read)?;
        self.meter.read(buffer.filled().len() - before);
        Poll::Ready(Ok(()))
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
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.told(written, bytes.len())
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
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
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        if written.is_pending() {
            return self.told(written, slices.iter().map(|slice| slice.len()).sum());
        }
        self.told(written, 0)
    }
}

#[cfg(test)]
mod tests {
    use std::future::ready;
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    use super::*;
    use crate::http::room::Room;

    /// A connection that has no room for anything that counts, and the caller's end of it.
    fn connection() -> (Arc<Account>, Arc<Meter>, Metered<DuplexStream>, DuplexStream) {
        let account = Arc::new(Room::new(10)).account();
        let meter = Meter::new(Arc::clone(&account));
        let (here, there) = duplex(100);
        (account, Arc::clone(&meter), meter.of(here), there)
    }

    async fn counts(account: &Account) -> bool {
        tokio::time::timeout(Duration::ZERO, account.has_to_leave()).await.is_ok()
    }

    /// Reads all there is, and wants more.
    async fn read_on(stream: &mut Metered<DuplexStream>) {
        let mut read = Vec::new();
        tokio::select! {
            biased;
            _ = stream.read_to_end(&mut read) => panic!("it ends"),
            () = ready(()) => {}
        }
    }

    #[tokio::test]
    async fn a_head_counts_once_more_of_it_is_waited_for() {
        let (account, _meter, mut stream, mut caller) = connection();
        read_on(&mut stream).await;
        assert!(!counts(&account).await, "nothing has come");
        caller.write_all(b"GET").await.unwrap();
        read_on(&mut stream).await;
        assert!(counts(&account).await);
    }

    #[tokio::test]
    async fn what_comes_while_a_request_is_served_is_no_head() {
        let (account, meter, mut stream, mut caller) = connection();
        caller.write_all(b"GET").await.unwrap();
        stream.read_exact(&mut [0; 3]).await.unwrap();
        meter.begun();
        caller.write_all(b"body").await.unwrap();
        read_on(&mut stream).await;
        assert!(!counts(&account).await);
        stream.write_all(b"200").await.unwrap();
        read_on(&mut stream).await;
        assert!(!counts(&account).await, "it is idle");
        caller.write_all(b"GET").await.unwrap();
        read_on(&mut stream).await;
        assert!(counts(&account).await);
    }

    #[tokio::test]
    async fn what_the_caller_does_not_read_counts() {
        let (account, _meter, mut stream, _caller) = connection();
        stream.write_all(&[0; 100]).await.unwrap();
        assert!(!counts(&account).await, "the connection took it");
        tokio::select! {
            biased;
            _ = stream.write_all(&[0; 11]) => panic!("it is read"),
            () = ready(()) => {}
        }
        assert!(counts(&account).await);
    }
}
