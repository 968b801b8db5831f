//! Each attack, of any size: it says when it has begun in earnest, and goes on until it is dropped.

use std::future::pending;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;

use super::site::Site;
use crate::given::job;
use crate::wire::create_head;

const HEAD: &str = "GET /livez HTTP/1.1\r\nHost: localhost\r\n";
const LIST: &str = "GET /api/eks-list-jobs?limit=500 HTTP/1.1\r\nHost: localhost\r\n\r\n";
const EVENTS: &str = "GET /api/eks-watch-jobs HTTP/1.1\r\nHost: localhost\r\n\r\n";

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
    /// Those of them that cost more over TLS, and that of TLS alone.
    pub(super) const TLS: [Self; 4] = [Self::SlowHeads, Self::SlowBodies, Self::UnreadReplies, Self::HalfHandshakes];

    /// With so many connections. `begun` is called when as much is held as this attack holds at a time.
    pub(super) async fn run(self, site: Site, many: usize, begun: impl FnOnce()) {
        let site = site.offering("http/1.1");
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
