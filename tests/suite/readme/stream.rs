//! A reply read piece by piece, as `curl -N` shows it: for streams that end late or never.

use std::io;

use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::HeaderMap;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::support::contract::{self, Seen};
use crate::support::service::PATIENCE;

/// Hangs up when it is dropped.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    body: Incoming,
    /// What came and was not given out yet.
    read: String,
    connection: JoinHandle<()>,
}

impl Stream {
    /// The reply to a GET, as soon as its head is there.
    pub(crate) async fn open(address: &str, path: &str, headers: &[(&str, &str)]) -> io::Result<Self> {
        let mut request = Request::get(path).header("host", address);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Empty::<Bytes>::new()).map_err(io::Error::other)?;
        let tcp = TcpStream::connect(address).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(tcp)).await.map_err(io::Error::other)?;
        let connection = tokio::spawn(async move { drop(connection.await) });
        let answer = timeout(PATIENCE, sender.send_request(request)).await?;
        let (head, body) = answer.map_err(io::Error::other)?.into_parts();
        let seen = Seen { method: "GET", target: path, status: head.status, headers: &head.headers, body: None };
        contract::hold(&seen);
        Ok(Self { status: head.status, headers: head.headers, body, read: String::new(), connection })
    }

    /// What comes before this end, which is passed over; `None` if the stream ends without it.
    pub(crate) async fn before(&mut self, end: &str) -> io::Result<Option<String>> {
        loop {
            if let Some((piece, rest)) = self.read.split_once(end) {
                let (piece, rest) = (piece.to_owned(), rest.to_owned());
                self.read = rest;
                return Ok(Some(piece));
            }
            let Some(frame) = timeout(PATIENCE, self.body.frame()).await? else { return Ok(None) };
            let data = frame.map_err(io::Error::other)?.into_data().unwrap_or_default();
            self.read += std::str::from_utf8(&data).map_err(io::Error::other)?;
        }
    }

    /// The next event, without the comments before it.
    pub(crate) async fn event(&mut self) -> io::Result<Option<String>> {
        loop {
            match self.before("\n\n").await? {
                Some(text) if text.starts_with(':') => {}
                other => {
                    if let Some(text) = &other {
                        contract::hold_event(text);
                    }
                    return Ok(other);
                }
            }
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.connection.abort();
    }
}
