//! The bounds on what a caller may send, each with its reason. Those that depend on the site are settings.

use std::time::Duration;

/// What a connection may take to send a whole header. It begins with the connection, or with the reply before, so it
/// also ends idle connections.
pub const HEADER_TIMEOUT: Duration = Duration::from_secs(30);
/// curl sends four header lines, a browser behind a proxy some thirty.
pub const MAX_HEADERS: usize = 64;
/// Request line and header together. It is also the largest read buffer of a connection.
pub const MAX_HEADER_BYTES: usize = 32 << 10;
/// A head of at most this length counts for nothing. Few are longer.
pub const SMALL_HEAD_BYTES: usize = 8 << 10;
/// How many connections may have a longer one at a time, so at most 32 MiB. A connection beyond that is closed.
pub const LARGE_HEADS: usize = 1024;
/// etcd takes objects of at most 1.5 MiB, so nothing larger could be created.
pub const MAX_BODY_BYTES: usize = 1 << 20;
/// The bodies of all callers together: twelve of the largest size at a time, or a hundred usual large ones.
pub const BODIES_BYTES: usize = 12 << 20;
/// A body of at most this length counts for nothing there. Few manifests are longer. So callers who hold large bodies do
/// not keep out those who send small ones.
pub const SMALL_BODY_BYTES: usize = 16 << 10;
/// A large body that waits longer than this for its part is better sent again.
pub const BODY_QUEUE_TIMEOUT: Duration = Duration::from_secs(2);
pub const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// systemd waits 90 s by default and Kubernetes 30 s before it kills.
pub const DRAIN: Duration = Duration::from_secs(25);
/// What a TLS handshake may take: two round trips, and two signatures on a slow machine.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// For how long a caller may take nothing of a reply. A whole reply may be some hundred KiB.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// The same of a stream, which holds little. Its reader may be a program that a person has paused.
pub const STREAM_WRITE_TIMEOUT: Duration = Duration::from_mins(10);
/// After a reply to a request that was not read to its end: for how long, and how much, the rest is read and dropped.
pub const LINGER_TIMEOUT: Duration = Duration::from_secs(10);
pub const LINGER_BYTES: usize = 16 << 20;
