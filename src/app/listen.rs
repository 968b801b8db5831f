//! The socket that callers come to: one that systemd passed, else one of our own.

use std::net::{SocketAddr, TcpListener as StdListener, TcpStream};
use std::os::fd::OwnedFd;

use listenfd::ListenFd;
use tokio::net::TcpListener;

use super::Error;
use crate::config::Settings;

/// The listener and its address.
pub(super) async fn listener(settings: &Settings) -> Result<(TcpListener, SocketAddr), Error> {
    if let Some(listener) = passed()? {
        return adopted(listener, settings.is_access_chosen);
    }
    let failed = |error| Error::Listen(format!("EKS_API_LISTEN: listening on {}: {error}", settings.listen));
    let listener = TcpListener::bind(settings.listen).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}

/// The socket that was passed as `sd_listen_fds(3)` says, if one was.
fn passed() -> Result<Option<StdListener>, Error> {
    let mut sockets = ListenFd::from_env();
    let unfit =
        |why: &str| Error::Unfit(format!("LISTEN_FDS: {why}: give the socket unit one ListenStream=ADDRESS:PORT"));
    if sockets.len() > 1 {
        return Err(unfit(&format!("{} sockets were passed, and one is served", sockets.len())));
    }
    let Some(listener) = sockets.take_tcp_listener(0).map_err(|error| unfit(&error.to_string()))? else {
        return Ok(None);
    };
    // The system tells whether the other end is known, whatever type we take the socket for.
    let stream = TcpStream::from(OwnedFd::from(listener));
    if stream.peer_addr().is_ok() {
        return Err(unfit("a connection was passed, not a socket that listens (Accept=yes)"));
    }
    Ok(Some(OwnedFd::from(stream).into()))
}

/// Whoever reaches the port can run containers, so what holds for an address of the settings holds for this one, too.
fn adopted(listener: StdListener, is_access_chosen: bool) -> Result<(TcpListener, SocketAddr), Error> {
    let failed = |error| Error::Listen(format!("LISTEN_FDS: the socket that was passed: {error}"));
    let address = listener.local_addr().map_err(failed)?;
    if !address.ip().to_canonical().is_loopback() && !is_access_chosen {
        return Err(Error::Unfit(format!(
            "LISTEN_FDS: the socket that was passed listens on {address}, which others can reach: set EKS_API_AUTH=none if that is meant, or give the socket unit ListenStream=127.0.0.1:{}",
            address.port()
        )));
    }
    listener.set_nonblocking(true).map_err(failed)?;
    let listener = TcpListener::from_std(listener).map_err(failed)?;
    Ok((listener, address))
}
