//! A node that can be asked for logs: the part of a kubelet that the API server itself calls, over TLS, with whatever
//! log it is given. Which pods run there is `kubelet`'s.

use std::fmt::Write as _;
use std::sync::Arc;

use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use super::Api;
use crate::support::pki::Authority;

#[derive(Debug)]
pub struct Node {
    state: Arc<watch::Sender<State>>,
    serving: JoinHandle<()>,
}

#[derive(Clone, Debug, Default)]
struct State {
    /// What the one container that there is has written so far, and whether that is all.
    log: String,
    has_ended: bool,
    asked: Vec<String>,
}

impl Node {
    /// Registers a node of this name.
    pub async fn start(api: &Api, name: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        register(api, name, listener.local_addr().unwrap().port()).await;
        // The API server does not look who signed it unless it is told to.
        let mut tls = (*Authority::new("kubelet-ca").server_config()).clone();
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        let (acceptor, state) = (TlsAcceptor::from(Arc::new(tls)), Arc::new(watch::Sender::default()));
        let shared = Arc::clone(&state);
        let serving = tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                tokio::spawn(serve(tcp, acceptor.clone(), Arc::clone(&shared)));
            }
        });
        Self { state, serving }
    }

    /// The container writes this.
    pub fn write(&self, text: &str) {
        self.state.send_modify(|state| state.log.push_str(text));
    }

    /// The container writes no more.
    pub fn end(&self) {
        self.state.send_modify(|state| state.has_ended = true);
    }

    /// Paths and queries of all requests so far.
    pub fn asked(&self) -> Vec<String> {
        self.state.borrow().asked.clone()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Tells the API server of a node whose kubelet is at this port of loopback.
pub async fn register(api: &Api, name: &str, port: u16) {
    let node = json!({ "metadata": { "name": name }, "status": {
        "addresses": [{ "type": "InternalIP", "address": "127.0.0.1" }],
        "daemonEndpoints": { "kubeletEndpoint": { "Port": port } } } });
    api.post("/api/v1/nodes", &node).await.expect_status(201);
}

/// One request a connection. A client that leaves is its test's matter.
async fn serve(tcp: TcpStream, acceptor: TlsAcceptor, state: Arc<watch::Sender<State>>) {
    let Ok(stream) = acceptor.accept(tcp).await else { return };
    let mut stream = BufReader::new(stream);
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read_until(b'\n', &mut head).await.unwrap_or(0) == 0 {
            return;
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let (is_log, is_followed) = (path.starts_with("/containerLogs/"), path.contains("follow=true"));
    let has_times = path.contains("timestamps=true");
    state.send_modify(|state| state.asked.push(path));
    let status = if is_log { "200 OK" } else { "404 Not Found" };
    let head = format!("HTTP/1.1 {status}\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n");
    let mut sent = stream.write_all(head.as_bytes()).await;
    let (mut state, mut read) = (state.subscribe(), 0);
    while sent.is_ok() && stream.flush().await.is_ok() {
        let State { log, has_ended, .. } = state.borrow_and_update().clone();
        let more = is_log.then(|| lines(&log, read, has_times)).filter(|more| !more.is_empty());
        read = log.len();
        sent = match more {
            Some(more) => stream.write_all(format!("{:x}\r\n{more}\r\n", more.len()).as_bytes()).await,
            None if is_log && is_followed && !has_ended => {
                let _ = state.changed().await;
                continue;
            }
            None => break,
        };
    }
    let _ = stream.write_all(b"0\r\n\r\n").await;
    let _ = stream.shutdown().await;
}

/// What a kubelet sends of a log from here on: with times, each line begins with its own.
fn lines(log: &str, from: usize, has_times: bool) -> String {
    let mut text = String::new();
    let mut at = from;
    for piece in log[from..].split_inclusive('\n') {
        if has_times && (at == 0 || log[..at].ends_with('\n')) {
            let _ = write!(text, "2026-11-28T15:00:00.{:09}Z ", log[..at].matches('\n').count());
        }
        text.push_str(piece);
        at += piece.len();
    }
    text
}
