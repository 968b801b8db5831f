//! A receiver of webhooks on one loopback port. It judges each message by the rules of Standard Webhooks (`judge`), records
//! it, and answers as it is told. It shares no code with the sender under test.

mod answer;
mod judge;

use std::collections::{HashSet, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::port::Port;
use super::service::PATIENCE;
pub use answer::Answer;
pub use judge::{Message, message_id};

/// What came so far.
#[derive(Debug, Default)]
struct Seen {
    messages: Vec<Message>,
    ids: HashSet<String>,
    /// What is wrong with the requests that are no message.
    mistakes: Vec<String>,
    connections: usize,
}

#[derive(Debug)]
struct State {
    /// `whsec_` and base64. A message must be signed with one of them.
    secrets: Mutex<Vec<String>>,
    path: String,
    seen: watch::Sender<Seen>,
    always: Mutex<Answer>,
    next: Mutex<VecDeque<Answer>>,
    tls: Option<Arc<ServerConfig>>,
}

/// A running receiver. It closes its connections when this is dropped.
#[derive(Debug)]
pub struct Receiver {
    /// `None` if the address is not that of loopback.
    port: Option<Port>,
    address: SocketAddr,
    state: Arc<State>,
    tasks: Arc<Mutex<Vec<JoinHandle<()>>>>,
}

impl Receiver {
    /// Answers 204 to all messages, until it is told otherwise.
    pub fn start() -> Self {
        let port = Port::new();
        let (address, listener) = (port.address(), port.listen());
        Self::listening(Some(port), address, listener, None)
    }

    /// Speaks TLS at this address, which must be one of the machine.
    pub fn start_tls(listener: TcpListener, tls: Arc<ServerConfig>) -> Self {
        Self::listening(None, listener.local_addr().unwrap(), listener, Some(tls))
    }

    fn listening(
        port: Option<Port>,
        address: SocketAddr,
        listener: TcpListener,
        tls: Option<Arc<ServerConfig>>,
    ) -> Self {
        let state = Arc::new(State {
            secrets: Mutex::new(vec![new_secret()]),
            path: format!("/{}?token={}", letters(), letters()),
            seen: watch::Sender::default(),
            always: Mutex::new(Answer::Status(204)),
            next: Mutex::default(),
            tls,
        });
        let receiver = Self { port, address, state, tasks: Arc::default() };
        receiver.accept(listener);
        receiver
    }

    /// The URL. Its path and its query are secrets, too.
    pub fn url(&self) -> String {
        let scheme = if self.state.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}{}", self.address, self.state.path)
    }

    /// The path and the query of the URL, which nobody may show.
    pub fn path(&self) -> &str {
        &self.state.path
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The secret that messages must be signed with.
    pub fn secret(&self) -> String {
        self.state.secrets.lock().unwrap()[0].clone()
    }

    /// From now on a message must be signed with one of these.
    pub fn expect_secrets(&self, secrets: &[&str]) {
        *self.state.secrets.lock().unwrap() = secrets.iter().map(|&secret| secret.to_owned()).collect();
    }

    /// Answers all messages so.
    pub fn answers(&self, answer: Answer) {
        *self.state.always.lock().unwrap() = answer;
    }

    /// Answers the next message so, before all others.
    pub fn answers_next(&self, answer: Answer) {
        self.state.next.lock().unwrap().push_back(answer);
    }

    /// Waits until so many messages came, and returns all. Panics if something came that is no message.
    pub async fn got(&self, count: usize) -> Vec<Message> {
        self.until(&format!("{count} messages"), |messages| messages.len() >= count).await
    }

    /// Waits until the messages fit, and returns them.
    pub async fn until(&self, what: &str, fits: impl Fn(&[Message]) -> bool) -> Vec<Message> {
        let mut seen = self.state.seen.subscribe();
        let fitting = timeout(PATIENCE, seen.wait_for(|seen| !seen.mistakes.is_empty() || fits(&seen.messages))).await;
        drop(fitting.unwrap_or_else(|_| panic!("{what} do not come; these came: {}", self.told())).unwrap());
        self.messages()
    }

    /// The messages up to now.
    pub fn messages(&self) -> Vec<Message> {
        let seen = self.state.seen.borrow();
        assert!(seen.mistakes.is_empty(), "{:?}", seen.mistakes);
        seen.messages.clone()
    }

    /// How many messages came.
    pub fn count(&self) -> usize {
        self.state.seen.borrow().messages.len()
    }

    /// Waits until messages with all of these ids came. Returns false if that takes too long.
    pub async fn has_all(&self, ids: impl Iterator<Item = &str>, patience: Duration) -> bool {
        let (mut seen, mut ids) = (self.state.seen.subscribe(), ids.peekable());
        let all = seen.wait_for(|seen| {
            while ids.next_if(|id| seen.ids.contains(*id)).is_some() {}
            ids.peek().is_none()
        });
        timeout(patience, all).await.is_ok()
    }

    /// Whether a message with this id came.
    pub fn has(&self, id: &str) -> bool {
        self.state.seen.borrow().ids.contains(id)
    }

    pub fn connections(&self) -> usize {
        self.state.seen.borrow().connections
    }

    /// Waits until there were so many connections.
    pub async fn connected(&self, count: usize) {
        let mut seen = self.state.seen.subscribe();
        let enough = timeout(PATIENCE, seen.wait_for(|seen| seen.connections >= count)).await;
        drop(enough.unwrap_or_else(|_| panic!("nobody connects")).unwrap());
    }

    /// Closes its connections, and refuses new ones. The port stays its own.
    pub async fn stop(&self) {
        let tasks = std::mem::take(&mut *self.tasks.lock().unwrap());
        for task in tasks {
            task.abort();
            let _ = task.await;
        }
    }

    /// Listens again after `stop`.
    pub fn restart(&self) {
        self.accept(self.port.as_ref().unwrap().listen());
    }

    fn told(&self) -> String {
        let seen = self.state.seen.borrow();
        let messages: Vec<_> = seen.messages.iter().map(|message| (&message.event_type, &message.id)).collect();
        format!("{messages:?}")
    }

    fn accept(&self, listener: TcpListener) {
        let (state, tasks) = (Arc::clone(&self.state), Arc::clone(&self.tasks));
        let accept = async move {
            while let Ok((tcp, _)) = listener.accept().await {
                state.seen.send_modify(|seen| seen.connections += 1);
                let connection = tokio::spawn(serve(Arc::clone(&state), tcp));
                let mut tasks = tasks.lock().unwrap();
                tasks.retain(|task| !task.is_finished());
                tasks.push(connection);
            }
        };
        let accept = tokio::spawn(accept);
        self.tasks.lock().unwrap().push(accept);
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.tasks.lock().unwrap().iter().for_each(JoinHandle::abort);
    }
}

/// A secret that nobody has yet.
pub fn new_secret() -> String {
    let key: Vec<u8> = std::iter::repeat_with(|| fastrand::u8(..)).take(32).collect();
    format!("whsec_{}", STANDARD.encode(key))
}

fn letters() -> String {
    std::iter::repeat_with(|| fastrand::char('a'..='z')).take(24).collect()
}

async fn serve(state: Arc<State>, mut tcp: TcpStream) {
    tcp.set_nodelay(true).unwrap();
    let always = state.always.lock().unwrap().clone();
    match always {
        Answer::CloseAtOnce => {}
        Answer::Garbage => {
            let _ = tcp.read(&mut [0; 4096]).await;
            let _ = tcp.write_all(b"\x16\x03\x01 this is no HTTP\r\n\r\n").await;
        }
        _ => match state.tls.clone() {
            None => talk(state, tcp).await,
            Some(tls) => {
                // A sender that does not trust the leaf is its test's matter.
                if let Ok(stream) = TlsAcceptor::from(tls).accept(tcp).await {
                    talk(state, stream).await;
                }
            }
        },
    }
}

async fn talk(state: Arc<State>, stream: impl AsyncRead + AsyncWrite + Unpin + 'static) {
    let service = service_fn(|request| receive(Arc::clone(&state), request));
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

/// Records a message, and answers it.
async fn receive(state: Arc<State>, request: Request<Incoming>) -> std::io::Result<Response<answer::Body>> {
    let next = state.next.lock().unwrap().pop_front();
    let answer = next.unwrap_or_else(|| state.always.lock().unwrap().clone());
    if matches!(answer, Answer::CloseUnread) {
        return Err(std::io::Error::other("closed"));
    }
    let (head, body) = request.into_parts();
    // A sender may be killed before the end of the body.
    let body = body.collect().await.map_err(std::io::Error::other)?.to_bytes();
    let secrets = state.secrets.lock().unwrap().clone();
    let judged = judge::message(&state.path, &secrets, &head, &body);
    state.seen.send_modify(|seen| match judged {
        Ok(message) => {
            seen.ids.insert(message.id.clone());
            seen.messages.push(message);
        }
        Err(mistake) => seen.mistakes.push(mistake),
    });
    answer.play().await
}
