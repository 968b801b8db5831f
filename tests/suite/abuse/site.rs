//! What is attacked, and connections to it from as many addresses of the loopback network as there have to be.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::support::service::Service;
use crate::tls::caller::Caller;

/// Of one peer, well below what it may have.
const BY_PEER: usize = 2000;

#[derive(Clone)]
pub(super) struct Site {
    address: SocketAddr,
    /// With the protocol that it offers, if TLS is spoken.
    tls: Option<Caller>,
}

pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

pub(super) type Connection = Box<dyn Stream>;

impl Site {
    pub(super) fn of(service: &Service, tls: Option<Caller>) -> Self {
        Self { address: service.address().parse().unwrap(), tls }
    }

    pub(super) fn offering(&self, protocol: &str) -> Self {
        Self { address: self.address, tls: self.tls.clone().map(|tls| tls.offering(&[protocol]).remembering()) }
    }

    /// The connection with this number, not from the address that others call from.
    pub(super) async fn connect(&self, number: usize) -> io::Result<Connection> {
        self.over(self.tcp(number).await?).await
    }

    /// As a caller connects who means well.
    pub(super) async fn connect_well(&self) -> io::Result<Connection> {
        let tcp = TcpStream::connect(self.address).await?;
        tcp.set_nodelay(true)?;
        self.over(tcp).await
    }

    async fn over(&self, tcp: TcpStream) -> io::Result<Connection> {
        match &self.tls {
            None => Ok(Box::new(tcp)),
            Some(tls) => Ok(Box::new(tls.over(tcp).await?)),
        }
    }

    /// As `connect`, without a handshake.
    pub(super) async fn tcp(&self, number: usize) -> io::Result<TcpStream> {
        let socket = TcpSocket::new_v4()?;
        // Nothing of what is unread is to lie in the kernel.
        socket.set_recv_buffer_size(4096)?;
        socket.bind(SocketAddr::from(([127, 0, 1, u8::try_from(number / BY_PEER + 1).unwrap()], 0)))?;
        socket.connect(self.address).await
    }

    /// That many connections, on each of which this was sent.
    pub(super) async fn connections(&self, many: usize, sent: &[u8]) -> Vec<Connection> {
        let mut open = Vec::with_capacity(many);
        for number in 0..many {
            let Ok(mut connection) = self.connect(number).await else { continue };
            // It may well be thrown out meanwhile.
            let _ = connection.write_all(sent).await;
            open.push(connection);
        }
        open
    }
}
