//! A receiver of webhooks that takes everything.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::support::service::{Folder, PATIENCE};

/// The example of the specification (<https://github.com/standard-webhooks/standard-webhooks>).
pub(super) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A request: the lines of its head, and its body.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) head: Vec<String>,
    pub(super) body: String,
}

impl Received {
    pub(super) fn header(&self, name: &str) -> &str {
        header(&self.head, name).unwrap_or_else(|| panic!("no {name} in {:?}", self.head))
    }
}

/// Answers each request with 204.
#[derive(Debug)]
pub(super) struct Receiver {
    pub(super) address: String,
    received: UnboundedReceiver<Received>,
    task: JoinHandle<()>,
}

impl Receiver {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (sender, received) = unbounded_channel();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // A connection that breaks off has no request.
                if let Some(request) = take(stream).await {
                    let _ = sender.send(request);
                }
            }
        });
        Self { address, received, task }
    }

    /// Writes a webhooks file with the endpoint `ops` and its secret. Returns its path.
    pub(super) fn webhooks_file(&self, folder: &Folder, keys: &str) -> String {
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        folder.write("ops.key", SECRET);
        let (address, secret) = (&self.address, path("ops.key"));
        folder.write("webhooks", &format!("ops url=http://{address}/eks {keys} secret_file={secret}\n"));
        path("webhooks")
    }

    pub(super) async fn next(&mut self) -> Received {
        timeout(PATIENCE, self.received.recv()).await.expect("no request comes").unwrap()
    }

    /// Refuses connections from now on.
    pub(super) async fn stop(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}

fn header<'a>(head: &'a [String], name: &str) -> Option<&'a str> {
    let mut fields = head.iter().filter_map(|line| line.split_once(": "));
    fields.find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// `None` if the connection ends before the request does.
async fn take(mut stream: TcpStream) -> Option<Received> {
    let (mut text, mut buffer) = (String::new(), [0; 4096]);
    loop {
        let read = stream.read(&mut buffer).await.ok().filter(|read| *read > 0)?;
        text += std::str::from_utf8(&buffer[..read]).unwrap();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let head: Vec<String> = head.lines().map(str::to_owned).collect();
        if body.len() == header(&head, "content-length").unwrap().parse::<usize>().unwrap() {
            stream.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n").await.ok()?;
            return Some(Received { head, body: body.to_owned() });
        }
    }
}
