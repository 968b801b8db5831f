//! Fits the limits of connections to the limit of open files: [`bound_by_open_files`]. [`bounds`] has the other limits.

use crate::config::limits::Limits;
use crate::http::limits::concurrency::Bounds;

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

/// Returns the limits of requests.
pub(super) const fn bounds(limits: &Limits) -> Bounds {
    Bounds { requests: limits.requests, waits: limits.waits, streams: limits.streams, writes: limits.writes }
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
