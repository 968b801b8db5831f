//! A long reply in pieces, each of which is dealt with in a moment: those who ask for something have their turn in between.

use hyper::body::Bytes;

use crate::kube::client::stream::Stream;
use crate::kube::error::Error;

/// A handful of jobs, and what takes some 100 µs.
const TURN: usize = 16 << 10;

#[derive(Debug)]
pub(super) struct Turns {
    stream: Stream,
    /// What has come and is still to be dealt with.
    rest: Bytes,
}

impl Turns {
    pub(super) const fn new(stream: Stream) -> Self {
        Self { stream, rest: Bytes::new() }
    }

    /// What comes next; `None` at the end that the server meant.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        // Of a busy watch, or a long list, there is always more.
        tokio::task::yield_now().await;
        if self.rest.is_empty() {
            let Some(chunk) = self.stream.next().await? else { return Ok(None) };
            self.rest = chunk;
        }
        Ok(Some(self.rest.split_to(self.rest.len().min(TURN))))
    }
}
