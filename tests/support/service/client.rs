//! Talking to the service over plain HTTP/1.1: a connection of its own for every request, or raw
//! bytes for what no client would send. Every reply is held against the OpenAPI document.

use std::io;

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::HeaderMap;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{PATIENCE, Service};
use crate::support::contract::{self, Seen};

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {:?}", self.text()))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The reply itself, if it has this status. Panics with its text if it has another.
    #[track_caller]
    pub fn expect_status(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text());
        self
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

impl Service {
    pub async fn get(&self, path: &str) -> Reply {
        self.send("GET", path, &[], Bytes::new()).await
    }

    /// Asks for an answer from the cluster itself, past what the service knows of it.
    pub async fn get_directly(&self, path: &str) -> Reply {
        self.send("GET", path, &[("cache-control", "no-cache")], Bytes::new()).await
    }

    pub async fn post(&self, path: &str, json: &Value) -> Reply {
        self.send("POST", path, &[("content-type", "application/json")], json.to_string()).await
    }

    pub async fn delete(&self, path: &str) -> Reply {
        self.send("DELETE", path, &[], Bytes::new()).await
    }

    pub async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Reply {
        self.try_send(method, path, headers, body).await.unwrap_or_else(|error| {
            panic!("{method} {path}: {error}\n{}", self.logs().join("\n"));
        })
    }

    /// As `send`, for a service that may close the connection instead of answering.
    pub async fn try_send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> io::Result<Reply> {
        let body = body.into();
        let mut request = Request::builder().method(method).uri(path).header("host", self.address());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body)).map_err(io::Error::other)?;
        let exchange = async {
            let tcp = TcpStream::connect(self.address()).await?;
            let (mut sender, connection) = http1::handshake(TokioIo::new(tcp)).await.map_err(io::Error::other)?;
            let exchange = async {
                let (head, body) = sender.send_request(request).await?.into_parts();
                let body = body.collect().await?.to_bytes();
                Ok(Reply { status: head.status, headers: head.headers, body })
            };
            // The connection is driven here, not in a task of its own, so that it goes with this
            // future.
            let mut exchange = std::pin::pin!(exchange);
            let mut connection = std::pin::pin!(connection);
            let done: hyper::Result<Reply> = tokio::select! {
                biased;
                done = &mut exchange => done,
                _ = &mut connection => exchange.await,
            };
            done.map_err(io::Error::other)
        };
        let answer = timeout(PATIENCE, exchange).await.unwrap_or_else(|_| Err(io::Error::other("no answer in time")));
        answer.inspect(|Reply { status, headers, body }| {
            contract::hold(&Seen { method, target: path, status: *status, headers, body: Some(body) });
        })
    }

    /// Sends these bytes on a connection of their own, and returns all that comes until the service
    /// closes it.
    pub async fn raw(&self, bytes: &[u8]) -> Vec<u8> {
        let exchange = async {
            let mut tcp = TcpStream::connect(self.address()).await.unwrap();
            // The service may well refuse, and close, before it has read everything.
            let _ = tcp.write_all(bytes).await;
            let mut answer = Vec::new();
            let _ = tcp.read_to_end(&mut answer).await;
            answer
        };
        let answer = timeout(PATIENCE, exchange).await;
        answer.unwrap_or_else(|_| panic!("the connection stays open\n{}", self.logs().join("\n")))
    }
}
