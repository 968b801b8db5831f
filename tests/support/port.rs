//! A port of loopback that stays one's own while nobody listens on it: whoever connects then is refused, and no other test
//! is given it meanwhile, as it would be if it were free.

use std::io;
use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpSocket};

/// It is bound and never listens: the system lets others listen beside it who ask for this very address.
#[derive(Debug)]
pub struct Port {
    _bound: TcpSocket,
    address: SocketAddr,
}

impl Port {
    pub fn new() -> Self {
        let bound = reusing(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let address = bound.local_addr().unwrap();
        Self { _bound: bound, address }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn listen(&self) -> TcpListener {
        reusing(self.address).and_then(|socket| socket.listen(1024)).unwrap()
    }
}

fn reusing(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}
