//! Connections that wait for the next message: [`Pool`].

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::client::conn::http1::{Builder, SendRequest};
use tokio::time::{Instant, timeout};

use crate::webhooks::send::connect::Stream;

/// A connection serves no longer, so that a change of the name's address counts soon.
const MAX_AGE: Duration = Duration::from_secs(30);
/// The head of a reply must fit.
const MAX_BUFFER: usize = 16 << 10;

/// A connection that is not in use stays open until its age is [`MAX_AGE`].
#[derive(Debug, Default)]
pub(super) struct Pool(Mutex<Vec<Connection>>);

/// A connection of HTTP/1.1. It closes when it is dropped.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) requests: SendRequest<Full<Bytes>>,
    opened: Instant,
}

impl Pool {
    pub(super) fn take(&self) -> Option<Connection> {
        self.change(|idle| {
            loop {
                let connection = idle.pop()?;
                if connection.is_usable() {
                    return Some(connection);
                }
            }
        })
    }

    pub(super) fn put(&self, connection: Connection) {
        if connection.is_usable() {
            self.change(|idle| idle.push(connection));
        }
    }

    fn change<T>(&self, change: impl FnOnce(&mut Vec<Connection>) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Connection {
    /// Begins HTTP. At its age the connection leaves the pool.
    pub(super) async fn open(stream: Stream, pool: &Arc<Pool>) -> hyper::Result<Self> {
        let opened = Instant::now();
        let (requests, mut connection) = Builder::new().max_buf_size(MAX_BUFFER).handshake(stream).await?;
        let pool = Arc::downgrade(pool);
        tokio::spawn(async move {
            if timeout(MAX_AGE, &mut connection).await.is_err() {
                if let Some(pool) = pool.upgrade() {
                    pool.change(|idle| idle.retain(Self::is_usable));
                }
                // Its error is that of the request.
                let _ = connection.await;
            }
        });
        Ok(Self { requests, opened })
    }

    fn is_usable(&self) -> bool {
        !self.requests.is_closed() && self.opened.elapsed() < MAX_AGE
    }
}
