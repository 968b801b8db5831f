//! A receiver on loopback that replies as a test says, and senders to it.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::Notify;

use super::super::*;
use crate::jobs::label_selector::Selector;
use crate::util::secret::Secret;
use crate::webhooks::endpoint::EndpointUrl;
use crate::webhooks::secret::Secrets;

pub(super) const ID: &str = "msg_0123456789abcdef0123456789abcdef";
pub(super) const BODY: &str = r#"{"type":"job.failed"}"#;

pub(super) struct Reply {
    bytes: Vec<u8>,
    closes: bool,
}

impl Reply {
    pub(super) fn text(text: impl Into<Vec<u8>>) -> Self {
        Self { bytes: text.into(), closes: false }
    }

    pub(super) fn and_close(self) -> Self {
        Self { closes: true, ..self }
    }
}

#[derive(Default)]
pub(super) struct Seen {
    pub(super) connections: AtomicUsize,
    pub(super) requests: Mutex<Vec<String>>,
    /// Notifies of each connection that ended.
    pub(super) closed: Notify,
    /// The bytes that could not be written because the connection was closed.
    pub(super) unwritten: AtomicUsize,
}

pub(super) struct Receiver {
    pub(super) address: SocketAddr,
    seen: Arc<Seen>,
}

impl std::ops::Deref for Receiver {
    type Target = Seen;

    fn deref(&self) -> &Seen {
        &self.seen
    }
}

impl Receiver {
    /// Replies to each request by its number, which begins with 0.
    pub(super) async fn start(reply: impl Fn(usize) -> Reply + Send + Sync + 'static) -> Self {
        Self::start_on(TcpListener::bind("127.0.0.1:0").await.unwrap(), reply)
    }

    pub(super) fn start_on(listener: TcpListener, reply: impl Fn(usize) -> Reply + Send + Sync + 'static) -> Self {
        let (address, seen) = (listener.local_addr().unwrap(), Arc::<Seen>::default());
        let (reply, all) = (Arc::new(reply), Arc::clone(&seen));
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                all.connections.fetch_add(1, Ordering::Relaxed);
                let (reply, seen) = (Arc::clone(&reply), Arc::clone(&all));
                tokio::spawn(async move {
                    serve(stream, &*reply, &seen).await;
                    seen.closed.notify_one();
                });
            }
        });
        Self { address, seen }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/hooks/hunter2?token=hunter2", self.address)
    }

    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

/// Reads requests and replies until either side closes.
pub(super) async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    reply: &(impl Fn(usize) -> Reply + ?Sized),
    seen: &Seen,
) {
    while let Some(request) = read_request(&mut stream).await {
        let number = {
            let mut requests = seen.requests.lock().unwrap();
            requests.push(request);
            requests.len() - 1
        };
        let Reply { bytes, closes } = reply(number);
        for chunk in bytes.chunks(64 << 10) {
            if stream.write_all(chunk).await.is_err() {
                seen.unwritten.fetch_add(chunk.len(), Ordering::Relaxed);
            }
        }
        if closes {
            return;
        }
    }
}

async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut text = String::new();
    loop {
        let mut bytes = [0; 4096];
        let count = stream.read(&mut bytes).await.ok().filter(|count| *count > 0)?;
        text.push_str(std::str::from_utf8(&bytes[..count]).unwrap());
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        if body.len() == length.parse::<usize>().unwrap() {
            return Some(text);
        }
    }
}

pub(super) fn endpoint(url: &str, ca_pem: Option<String>) -> Arc<Endpoint> {
    let uri: Uri = url.parse().unwrap();
    let host = uri.host().unwrap().trim_matches(['[', ']']).to_owned();
    let path = uri.path_and_query().unwrap().clone();
    let is_tls = uri.scheme_str() == Some("https");
    let port = uri.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
    Arc::new(Endpoint {
        name: "ops".into(),
        url: EndpointUrl { path, host, port, is_tls },
        events: Vec::new(),
        namespaces: None,
        clusters: None,
        label_selector: Selector::default(),
        secrets: Secrets(vec![Secret::new(b"hunter2-hunter2-hunter2-hunter2".to_vec())]),
        ca_pem: ca_pem.map(String::into_bytes),
    })
}

pub(super) fn sender(url: &str) -> Sender {
    Sender::new(endpoint(url, None)).unwrap()
}

/// Sends a message. Neither the error nor the sender shows a part of the URL or the secret.
pub(super) async fn send(sender: &Sender) -> Sent {
    let sent = sender.send(ID, BODY).await;
    let shown = format!("{sender:?} {sent:?}");
    assert!(!shown.contains("hunter2") && !shown.contains("hooks") && !shown.contains("104, 117"), "{shown}");
    sent
}
