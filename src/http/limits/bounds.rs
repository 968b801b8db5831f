//! Fixed limits, with their reasons. Limits that depend on the site are settings.

use std::time::Duration;

/// How long the header of a request may take. The time begins with the connection or with the reply before. So it also
/// closes idle connections.
pub const HEADER_TIMEOUT: Duration = Duration::from_secs(30);
/// The most header lines. curl sends four, a browser behind a proxy about thirty. Beyond it a request gets 431.
pub const MAX_HEADERS: usize = 64;
/// The most bytes of request line and header. It is also the largest read buffer of a connection.
pub const MAX_HEADER_BYTES: usize = 32 << 10;
/// A request head up to this length needs no permit. Few are longer.
pub const SMALL_HEAD_BYTES: usize = 8 << 10;
/// The most connections with a longer head at a time, so at most 32 MiB. Further connections are closed.
pub const LARGE_HEADS: usize = 1024;
/// The largest body. etcd stores objects of at most 1.5 MiB. A larger body gets 413.
pub const MAX_BODY_BYTES: usize = 1 << 20;
/// The memory of all bodies together: twelve of the largest size.
pub const BODIES_BYTES: usize = 12 << 20;
/// The bytes of large bodies that are parsed and sent on at a time. Each of the largest delays other requests by some
/// 15 ms.
pub const PROCESSING_BYTES: usize = 2 << 20;
/// The largest body of create-batch: 1,000 jobs of 4 KiB. A larger one gets 413.
pub const MAX_BATCH_BODY_BYTES: usize = 4 << 20;
/// The memory of all bodies of create-batch together: two of the largest size. They have a budget of their own, so that
/// they never keep the bodies of other calls out.
pub const BATCH_BODIES_BYTES: usize = 8 << 20;
/// The bytes of large bodies of create-batch that are parsed and sent on at a time: one of the largest size. A hostile one
/// takes some twenty times its bytes when it is parsed.
pub const BATCH_PROCESSING_BYTES: usize = 4 << 20;
/// The calls that wait for each of these. More are refused immediately, so that they hold no memory.
pub const MAX_WAITING_BODIES: usize = 1024;
/// A body up to this length needs no permit. Few manifests are longer. So large bodies do not keep small ones out.
pub const SMALL_BODY_BYTES: usize = 16 << 10;
/// How long a large body waits for memory. Beyond it the request gets 503.
pub const BODY_QUEUE_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a body may take to arrive. Beyond it the request gets 408.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the drain may take. Before they kill, systemd waits 90 s by default and Kubernetes 30 s.
pub const DRAIN: Duration = Duration::from_secs(25);
/// How long a TLS handshake may take. It needs two round trips and two signatures.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a caller may read nothing of a reply. Beyond it the connection is closed.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// The same for a stream, which holds little memory. A person may have paused its reader.
pub const STREAM_WRITE_TIMEOUT: Duration = Duration::from_mins(10);
/// How long the rest of a request is read and dropped, if the reply came before its end.
pub const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);
/// The most bytes that are dropped this way.
pub const CLOSE_BYTES: usize = 16 << 20;
