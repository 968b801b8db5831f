//! Opens the listening socket, or takes the one that systemd passed: [`listener`].

use std::net::{SocketAddr, TcpListener as StdListener, TcpStream};
use std::os::fd::OwnedFd;

use listenfd::ListenFd;
use tokio::net::TcpListener;

use crate::app::error::Error;
use crate::config::Settings;

/// Returns the listener and its address.
pub(super) async fn listener(settings: &Settings) -> Result<(TcpListener, SocketAddr), Error> {
    if let Some(listener) = passed()? {
        return adopted(listener, settings.is_access_chosen);
    }
    let failed = |error| Error::Listen(format!("EKS_API_LISTEN: listening on {}: {error}", settings.listen));
    let listener = TcpListener::bind(settings.listen).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}

/// Returns the socket that systemd passed (`sd_listen_fds(3)`).
fn passed() -> Result<Option<StdListener>, Error> {
    let mut sockets = ListenFd::from_env();
    let wrong =
        |why: &str| Error::Config(format!("LISTEN_FDS: {why}: give the socket unit one ListenStream=ADDRESS:PORT"));
    if sockets.len() > 1 {
        return Err(wrong(&format!("{} sockets were passed, but eks-api serves one", sockets.len())));
    }
    let Some(listener) = sockets.take_tcp_listener(0).map_err(|error| wrong(&error.to_string()))? else {
        return Ok(None);
    };
    // Only a connection has a peer address.
    let stream = TcpStream::from(OwnedFd::from(listener));
    if stream.peer_addr().is_ok() {
        return Err(wrong("a connection was passed (Accept=yes), not a listening socket"));
    }
    Ok(Some(OwnedFd::from(stream).into()))
}

/// Everyone who reaches the port can run containers. So the rule for `EKS_API_LISTEN` holds for this socket too.
fn adopted(listener: StdListener, is_access_chosen: bool) -> Result<(TcpListener, SocketAddr), Error> {
    let failed = |error| Error::Listen(format!("LISTEN_FDS: the socket that was passed: {error}"));
    let address = listener.local_addr().map_err(failed)?;
    if !address.ip().to_canonical().is_loopback() && !is_access_chosen {
        return Err(Error::Config(format!(
            "LISTEN_FDS: the socket that was passed listens on {address}, which others can reach: set EKS_API_AUTH=none if everyone may call, or give the socket unit ListenStream=127.0.0.1:{}",
            address.port()
        )));
    }
    listener.set_nonblocking(true).map_err(failed)?;
    let listener = TcpListener::from_std(listener).map_err(failed)?;
    Ok((listener, address))
}
