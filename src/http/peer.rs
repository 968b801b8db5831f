//! Who is at the other end of a connection, as the connection itself shows it.

use std::net::SocketAddr;
use std::sync::Arc;

#[derive(Clone, Debug)]
pub struct Peer {
    pub address: SocketAddr,
    pub over_tls: bool,
    /// The name in the certificate that the peer has proved to hold, under mutual TLS.
    pub certificate: Option<Arc<str>>,
}
