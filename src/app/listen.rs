//! Opens the listening socket, or takes the one that systemd passed: [`listener`]. Fits the limits of connections to the
//! limit of open files: [`bound_by_open_files`].

use std::net::{SocketAddr, TcpListener as StdListener, TcpStream};
use std::os::fd::OwnedFd;

use listenfd::ListenFd;
use tokio::net::TcpListener;

use crate::app::error::Error;
use crate::config::Settings;
use crate::config::access::Limits;

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

/// Raises the soft limit of open files to the hard one, and bounds the limits of connections by it.
pub(super) fn bound_by_open_files(limits: Limits) -> Limits {
    // If the system forbids the change, the limit stays.
    let raised = rlimit::increase_nofile_limit(u64::MAX);
    let Ok(files) = raised.or_else(|_| rlimit::Resource::NOFILE.get_soft()) else { return limits };
    let bounded = bounded(limits, files);
    if bounded.connections < limits.connections {
        let (connections, wanted) = (bounded.connections, limits.connections);
        log::warn!(files, connections, wanted; "the limit of open files allows fewer connections than EKS_API_MAX_CONNECTIONS: raise it (LimitNOFILE= of a unit, ulimit -n)");
    }
    bounded
}

/// Leaves a quarter of the files for connections to the cluster and everything else. If that bounds the connections, one
/// peer can use half of them.
fn bounded(limits: Limits, files: u64) -> Limits {
    let connections = usize::try_from((files / 4 * 3).max(1)).unwrap_or(usize::MAX);
    if connections >= limits.connections {
        return limits;
    }
    let connections_per_peer = limits.connections_per_peer.min(connections.div_ceil(2));
    Limits { connections, connections_per_peer, ..limits }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c5_connections_leave_files_free_and_one_peer_leaves_connections_free() {
        let settings = |connections, connections_per_peer| Limits {
            by_caller: 1,
            by_peer: 1,
            connections,
            connections_per_peer,
            requests: 1,
            waits: 1,
            streams: 1,
            writes: 1,
        };
        for (files, (connections, per_peer), expected) in [
            (1_048_576, (4096, 2048), (4096, 2048)),
            (8192, (4096, 4096), (4096, 4096)),
            (4096, (4096, 2048), (3072, 1536)),
            (256, (4096, 2048), (192, 96)),
            (256, (4096, 10), (192, 10)),
            (256, (100, 100), (100, 100)),
            (1, (4096, 2048), (1, 1)),
            (u64::MAX, (4096, 2048), (4096, 2048)),
        ] {
            let bounded = bounded(settings(connections, per_peer), files);
            assert_eq!((bounded.connections, bounded.connections_per_peer), expected, "{files} files");
        }
    }
}
