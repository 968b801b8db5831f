//! A service of canned answers, for what a real one does rarely: it is cut by a proxy, silent, older, or gone.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::support::service::PATIENCE;

/// A request that came.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// As in `/api/eks-OPERATION`.
    pub(super) operation: String,
    pub(super) query: BTreeMap<String, String>,
    pub(super) body: String,
    /// The Idempotency-Key, or nothing.
    pub(super) key: String,
    /// How many of this operation came, with this one.
    pub(super) count: usize,
}

impl Asked {
    pub(super) fn has(&self, parameter: &str) -> bool {
        self.query.contains_key(parameter)
    }

    pub(super) fn follows(&self) -> bool {
        self.query.get("follow").is_some_and(|follow| follow == "true")
    }
}

pub(super) enum Reply {
    Json(u16, Value),
    /// An error with `Retry-After: 0`.
    Later(u16, Value),
    /// A page of a proxy.
    Page(u16),
    /// The connection ends without an answer.
    Cut,
    /// Nothing comes until the client leaves.
    Hold,
    Log(String, After),
}

#[derive(Clone, Copy)]
pub(super) enum After {
    End,
    Cut,
    Hold,
}

pub(super) fn problem(status: u16, reason: &str, detail: &str) -> Reply {
    Reply::Json(status, json!({ "status": status, "reason": reason, "detail": detail, "request_id": "r1" }))
}

/// The status of the job `t1` in this state.
pub(super) fn status(state: &str) -> Value {
    json!({ "job_name": "t1", "namespace": "demo", "uid": "u1", "state": state })
}

pub(super) fn created() -> Reply {
    Reply::Json(201, json!({ "job_name": "t1", "namespace": "demo", "uid": "u1", "status": "created" }))
}

/// These lines of the container `p/main`, each with a time.
pub(super) fn log(lines: &[&str]) -> String {
    let line = |(at, text): (usize, &&str)| format!("2026-11-28T15:00:{at:02}Z {text}\n");
    ["==> p/main <==\n".to_owned()].into_iter().chain(lines.iter().enumerate().map(line)).collect()
}

#[derive(Clone)]
pub(super) struct Fake {
    address: String,
    asked: Arc<watch::Sender<Vec<Asked>>>,
}

impl Fake {
    pub(super) async fn start(answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let fake = Self { address, asked: Arc::default() };
        let (own, answer) = (fake.clone(), Arc::new(answer));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (own, answer) = (own.clone(), Arc::clone(&answer));
                tokio::spawn(async move { own.serve(stream, &*answer).await });
            }
        });
        fake
    }

    pub(super) fn address(&self) -> &str {
        &self.address
    }

    pub(super) fn asked(&self, operation: &str) -> Vec<Asked> {
        self.asked.borrow().iter().filter(|asked| asked.operation == operation).cloned().collect()
    }

    /// Waits until this operation was asked for so often.
    pub(super) async fn wait_for(&self, operation: &str, count: usize) {
        let mut asked = self.asked.subscribe();
        let is_there = |all: &Vec<Asked>| all.iter().filter(|asked| asked.operation == operation).count() >= count;
        timeout(PATIENCE, asked.wait_for(is_there)).await.expect("it is not asked").unwrap();
    }

    async fn serve(&self, mut stream: TcpStream, answer: &(dyn Fn(&Asked) -> Reply + Send + Sync)) -> Option<()> {
        let asked = self.read(&mut stream).await?;
        let reply = answer(&asked);
        let (bytes, after) = match reply {
            Reply::Later(status, body) => {
                let bytes = whole(status, "application/problem+json\r\nretry-after: 0", &body.to_string());
                (bytes, After::End)
            }
            Reply::Json(status, body) => (
                whole(
                    status,
                    if status < 400 { "application/json" } else { "application/problem+json" },
                    &body.to_string(),
                ),
                After::End,
            ),
            Reply::Page(status) => (whole(status, "text/html", "<html>gateway</html>"), After::End),
            Reply::Cut => (String::new(), After::Cut),
            Reply::Hold => (String::new(), After::Hold),
            Reply::Log(text, after) => {
                let end = if matches!(after, After::End) { "0\r\n\r\n" } else { "" };
                let head = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n";
                (format!("{head}connection: close\r\n\r\n{:x}\r\n{text}\r\n{end}", text.len()), after)
            }
        };
        stream.write_all(bytes.as_bytes()).await.ok()?;
        if matches!(after, After::Hold) {
            let _ = stream.read(&mut [0]).await;
        }
        Some(())
    }

    async fn read(&self, stream: &mut TcpStream) -> Option<Asked> {
        let mut bytes = Vec::new();
        let (head, body) = loop {
            if stream.read_buf(&mut bytes).await.ok()? == 0 {
                return None;
            }
            let text = String::from_utf8_lossy(&bytes).into_owned();
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
                if body.len() >= length.unwrap_or(0) {
                    break (head.to_owned(), body.to_owned());
                }
            }
        };
        let key = head.lines().find_map(|line| line.strip_prefix("idempotency-key: ")).unwrap_or_default().to_owned();
        let target = head.split(' ').nth(1)?.strip_prefix("/api/eks-")?;
        let (operation, query) = target.split_once('?').unwrap_or((target, ""));
        let query = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let mut asked = Asked { operation: operation.to_owned(), query, body, key, count: 0 };
        self.asked.send_modify(|all| {
            asked.count = all.iter().filter(|other| other.operation == operation).count() + 1;
            all.push(asked.clone());
        });
        Some(asked)
    }
}

fn whole(status: u16, kind: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
}
