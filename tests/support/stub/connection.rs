//! One accepted connection: the switch that tears it down, and how much has really been written to
//! its socket. What travels over it is no concern of this file.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{Notify, watch};

#[derive(Debug, Default)]
pub struct Connection {
    cut: Notify,
    writer: Mutex<Option<OwnedWriteHalf>>,
    written: watch::Sender<usize>,
}

impl Connection {
    /// Has the connection's task drop the socket. Under HTTP/2 this ends the streams of all
    /// requests, which resetting the one stream would not.
    pub fn cut(&self) {
        self.cut.notify_one();
    }

    /// Cuts, and leaves the request that asked for it without an answer.
    pub async fn cut_now<T>(&self) -> T {
        self.cut();
        std::future::pending().await
    }

    pub async fn until_cut(&self) {
        self.cut.notified().await;
    }

    /// Sends no more, not even the end of the TLS session, but goes on reading. A client that still
    /// writes to a socket that was dropped gets a reset, which may take from it what it was sent
    /// before; this loses nothing.
    pub fn hang_up(&self) {
        self.writer.lock().unwrap().take();
    }

    pub fn written(&self) -> usize {
        *self.written.borrow()
    }

    /// Waits until the socket has taken this many bytes in all.
    pub async fn until_written(&self, bytes: usize) {
        let reached = |written: &usize| *written >= bytes;
        self.written.subscribe().wait_for(reached).await.expect("the sender lives in self");
    }
}

/// The socket, counting.
#[derive(Debug)]
pub struct Counted {
    reader: OwnedReadHalf,
    connection: Arc<Connection>,
}

impl Counted {
    pub fn new(tcp: TcpStream, connection: Arc<Connection>) -> Self {
        let (reader, writer) = tcp.into_split();
        *connection.writer.lock().unwrap() = Some(writer);
        Self { reader, connection }
    }

    /// Once the writing half is gone, whoever writes waits for the end of the connection.
    fn write<T>(&self, poll: impl FnOnce(Pin<&mut OwnedWriteHalf>) -> Poll<T>) -> Poll<T> {
        self.connection.writer.lock().unwrap().as_mut().map_or(Poll::Pending, |writer| poll(Pin::new(writer)))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.connection.hang_up();
    }
}

impl AsyncRead for Counted {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.reader).poll_read(cx, buf)
    }
}

impl AsyncWrite for Counted {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let polled = self.write(|writer| writer.poll_write(cx, buf));
        if let Poll::Ready(Ok(count)) = polled {
            self.connection.written.send_modify(|written| *written += count);
        }
        polled
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.write(|writer| writer.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.write(|writer| writer.poll_shutdown(cx))
    }
}
