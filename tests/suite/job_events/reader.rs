//! A reader of events: it parses them as browsers do, keeps the picture that they paint, and leaves when it is dropped.

use std::collections::{BTreeMap, VecDeque};

use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::http::response::Parts;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::support::contract::{self, Seen};
use crate::support::service::{PATIENCE, Service};

/// The status of each job, by its uid.
pub(crate) type Picture = BTreeMap<String, Value>;

#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) kind: String,
    pub(crate) id: Option<String>,
    pub(crate) data: String,
}

impl Event {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.data).unwrap()
    }

    /// The kind and the job's name.
    pub(crate) fn told(&self) -> (String, String) {
        (self.kind.clone(), self.json()["job_name"].as_str().unwrap_or_default().to_owned())
    }
}

/// What stands between two empty lines.
#[derive(Debug)]
enum Block {
    Event(Event),
    Comment(String),
}

#[derive(Debug)]
pub(crate) struct Reader {
    pub(crate) head: Parts,
    body: Incoming,
    buffer: Vec<u8>,
    blocks: VecDeque<Block>,
    /// How many bytes of events came so far.
    pub(crate) bytes: usize,
    /// The last id, as it is sent by whoever comes back.
    pub(crate) id: String,
    pub(crate) picture: Picture,
    /// Whether the first jobs, or those after a reset, are still being told.
    is_partial: bool,
    connection: JoinHandle<()>,
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

pub(crate) fn path(query: &str) -> String {
    format!("/api/eks-watch-jobs?{query}")
}

impl Reader {
    pub(crate) async fn open(service: &Service, query: &str) -> Self {
        Self::with(service, query, &[]).await
    }

    pub(crate) async fn with(service: &Service, query: &str, headers: &[(&str, &str)]) -> Self {
        let tcp = TcpStream::connect(service.address()).await.unwrap();
        Self::on(tcp, service, query, headers).await
    }

    /// A reader whose own system keeps little of what it does not read.
    pub(crate) async fn slow(service: &Service) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let tcp = socket.connect(service.address().parse().unwrap()).await.unwrap();
        Self::on(tcp, service, "", &[]).await
    }

    async fn on(tcp: TcpStream, service: &Service, query: &str, headers: &[(&str, &str)]) -> Self {
        let (mut sender, connection) = http1::handshake(TokioIo::new(tcp)).await.unwrap();
        let connection = tokio::spawn(async move { drop(connection.await) });
        let mut request = Request::get(path(query)).header("host", service.address());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let asked = sender.send_request(request.body(Empty::<Bytes>::new()).unwrap());
        let (head, body) = timeout(PATIENCE, asked).await.expect("no head comes").unwrap().into_parts();
        let seen =
            Seen { method: "GET", target: &path(query), status: head.status, headers: &head.headers, body: None };
        contract::hold(&seen);
        let (buffer, blocks, picture) = (Vec::new(), VecDeque::new(), Picture::new());
        let is_partial = !headers.iter().any(|(name, _)| *name == "last-event-id");
        Self { head, body, buffer, blocks, bytes: 0, id: String::new(), picture, is_partial, connection }
    }

    /// Comes back with this id.
    pub(crate) async fn after(service: &Service, query: &str, id: &str) -> Self {
        Self::with(service, query, &[("last-event-id", id)]).await
    }

    /// The next block, or nothing at the proper end.
    async fn block(&mut self) -> Option<Block> {
        loop {
            if let Some(block) = self.blocks.pop_front() {
                return Some(block);
            }
            let frame = timeout(PATIENCE, self.body.frame()).await.expect("the stream says nothing")?;
            let piece = frame.expect("the stream breaks off").into_data().unwrap();
            self.bytes += piece.len();
            self.buffer.extend_from_slice(&piece);
            while let Some(end) = self.buffer.windows(2).position(|two| two == b"\n\n") {
                let block: Vec<u8> = self.buffer.drain(..end + 2).collect();
                self.blocks.push_back(parse(std::str::from_utf8(&block).unwrap().trim_end()));
            }
        }
    }

    /// The next event, which it takes into its picture. Heartbeats are passed over.
    pub(crate) async fn event(&mut self) -> Event {
        let event = loop {
            match self.block().await.expect("the stream ends") {
                Block::Event(event) => break event,
                Block::Comment(comment) => assert_eq!(comment, "heartbeat"),
            }
        };
        if let Some(id) = &event.id {
            self.id.clone_from(id);
        }
        let uid = || event.json()["uid"].as_str().unwrap().to_owned();
        match event.kind.as_str() {
            "added" | "modified" => drop(self.picture.insert(uid(), event.json())),
            "deleted" => drop(self.picture.remove(&uid())),
            "reset" => {
                self.picture.clear();
                self.is_partial = true;
            }
            "snapshot-end" => self.is_partial = false,
            other => panic!("{other}"),
        }
        event
    }

    /// The kinds and names of the next events.
    pub(crate) async fn told(&mut self, count: usize) -> Vec<(String, String)> {
        let mut told = Vec::new();
        for _ in 0..count {
            told.push(self.event().await.told());
        }
        told
    }

    /// Reads on to the end of the first jobs, and gives what came before it.
    pub(crate) async fn snapshot(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        loop {
            match self.event().await {
                end if end.kind == "snapshot-end" => return events,
                event => events.push(event),
            }
        }
    }

    /// Reads on until a job with this name was told of, among the first jobs also to the end of those.
    pub(crate) async fn until(&mut self, name: &str) {
        while self.event().await.told().1 != name {}
        while self.is_partial {
            self.event().await;
        }
    }

    /// The comments that are left before the proper end.
    pub(crate) async fn last_words(&mut self) -> Vec<String> {
        let mut words = Vec::new();
        while let Some(block) = self.block().await {
            match block {
                Block::Comment(comment) => words.push(comment),
                Block::Event(event) => panic!("{event:?}"),
            }
        }
        words
    }
}

fn parse(block: &str) -> Block {
    if let Some(comment) = block.strip_prefix(": ") {
        return Block::Comment(comment.to_owned());
    }
    let mut event = Event { kind: String::new(), id: None, data: String::new() };
    for line in block.lines() {
        match line.split_once(": ").unwrap() {
            ("event", kind) => kind.clone_into(&mut event.kind),
            ("id", id) => event.id = Some(id.to_owned()),
            ("data", data) => data.clone_into(&mut event.data),
            other => panic!("{other:?}"),
        }
    }
    Block::Event(event)
}
