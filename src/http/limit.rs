//! The bounds on what a caller may send, each with its reason. Those that depend on the site are settings.

use std::time::Duration;

/// What a connection may take to send a whole header, counted from its first byte or from the end of the request
/// before: so it also ends idle connections.
pub const HEADER_TIMEOUT: Duration = Duration::from_secs(30);
/// curl sends four header lines, a browser behind a proxy some thirty.
pub const MAX_HEADERS: usize = 64;
/// Request line and header together; also the size of the read buffer, of which every open connection may have one.
pub const MAX_HEADER_BYTES: usize = 32 << 10;
/// etcd takes objects of at most 1.5 MiB, so nothing larger could be created.
pub const MAX_BODY_BYTES: usize = 1 << 20;
pub const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// systemd waits 90 s by default and Kubernetes 30 s before it kills.
pub const DRAIN: Duration = Duration::from_secs(25);
