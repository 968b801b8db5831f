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
/// What all callers together may make us hold: heads and bodies that do not end, and replies that nobody reads. Enough for
/// twelve bodies of the largest size at a time, or a hundred usual ones; with what 10,240 connections cost besides, the
/// service stays below 64 MB.
pub const ROOM: usize = 12 << 20;
/// What a head that has begun and has not ended counts as, beside its bytes: the connection's state and buffers, which one
/// that is silent does not have.
pub const HEAD_COST: usize = 16 << 10;
/// How long a head may be that is not counted while its request is served, and a query without its connection's turn
/// being over. Few are longer.
pub const FREE_HEAD: usize = 4 << 10;
/// What a body counts as from the start: the task and the buffer that it is read with.
pub const BODY_COST: usize = 4 << 10;
/// What an exchange over HTTP/2 counts as: its stream, its task, and what is kept of its head.
pub const EXCHANGE_COST: usize = 4 << 10;
/// What a TLS handshake counts as while it lasts: its state, and a message that has not ended.
pub const HANDSHAKE_COST: usize = 12 << 10;
/// A change counts as one more of those under way for each so many bytes of its body: however large they are, all those
/// that the cluster is making have 4 MiB, with as many as there may be by default.
pub const LARGE_BODY: usize = 64 << 10;
pub const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// systemd waits 90 s by default and Kubernetes 30 s before it kills.
pub const DRAIN: Duration = Duration::from_secs(25);
/// What a TLS handshake may take: two round trips, and two signatures on a slow machine.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// What the last bytes of an ended HTTP/2 connection may take.
pub const GOODBYE: Duration = Duration::from_secs(5);

/// Requests at a time on one connection over HTTP/2. RFC 9113 advises against less.
pub const HTTP2_STREAMS: u32 = 100;
/// What may be on its way of one body before it is read. Bodies are short and read at once, so little will do.
pub const HTTP2_STREAM_WINDOW: u32 = 64 << 10;
/// The same of all bodies of a connection: what one connection can make us hold, whatever it sends.
pub const HTTP2_CONNECTION_WINDOW: u32 = 256 << 10;
/// How much of an answer is taken ahead of what the caller reads.
pub const HTTP2_SEND_BUFFER: usize = 64 << 10;
/// Streams that a caller may have reset, or have us reset, before we have dealt with them; the connection of one who
/// goes on (rapid reset, CVE-2023-44487) is closed.
pub const HTTP2_RESETS: usize = 20;
/// How often a silent caller is asked whether it is there, and by when it must say so: streams may be silent for long.
pub const HTTP2_PING_INTERVAL: Duration = Duration::from_secs(20);
pub const HTTP2_PING_TIMEOUT: Duration = Duration::from_secs(10);
