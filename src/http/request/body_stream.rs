//! The body of a request, in pieces. It ends early if its caller closes the sending half.

use std::sync::Arc;

use http_body_util::BodyExt;
use hyper::body::{Body, Bytes, Incoming};

use crate::http::connection_io::ConnectionState;

#[derive(Debug)]
pub struct RequestBody {
    incoming: Incoming,
    connection: Arc<ConnectionState>,
}

/// The body ended early, or its framing is invalid.
#[derive(Debug)]
pub struct Truncated;

impl RequestBody {
    pub fn new(incoming: Incoming, connection: Arc<ConnectionState>) -> Self {
        if incoming.is_end_stream() {
            connection.input_consumed();
        }
        Self { incoming, connection }
    }

    pub fn connection(&self) -> Arc<ConnectionState> {
        Arc::clone(&self.connection)
    }

    pub fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    /// The value of Content-Length, if there is one.
    pub fn content_length(&self) -> Option<u64> {
        self.incoming.size_hint().exact()
    }

    /// The next piece, or `None` at the end. Trailers are dropped.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Truncated> {
        loop {
            let frame = tokio::select! {
                // hyper returns the data before the end of the input first.
                biased;
                frame = self.incoming.frame() => frame,
                () = self.connection.input_ended() => return Err(Truncated),
            };
            match frame {
                None => {
                    self.connection.input_consumed();
                    return Ok(None);
                }
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        return Ok(Some(data));
                    }
                }
                Some(Err(_)) => return Err(Truncated),
            }
        }
    }
}
