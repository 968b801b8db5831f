//! An answer that is read as it comes: a watch, a log that is followed.

use http_body_util::BodyExt;
use hyper::Response;
use hyper::body::{Bytes, Incoming};
use serde_json::Value;
use tokio::time::timeout;

use crate::support::service::PATIENCE;

#[derive(Debug)]
pub struct Stream {
    pub status: u16,
    body: Incoming,
    read: Vec<u8>,
}

impl Stream {
    pub fn new(response: Response<Incoming>) -> Self {
        Self { status: response.status().as_u16(), body: response.into_body(), read: Vec::new() }
    }

    /// The next piece, as the connection gives it; nothing at the proper end; the error of an end
    /// that is not proper.
    pub async fn piece(&mut self) -> Result<Option<Bytes>, hyper::Error> {
        loop {
            let frame = timeout(PATIENCE, self.body.frame()).await.expect("the stream says nothing");
            let piece = frame.transpose()?.map(|frame| frame.into_data().unwrap());
            // HTTP/2 may end a stream with a frame that is empty.
            if piece.as_ref().is_none_or(|piece| !piece.is_empty()) {
                return Ok(piece);
            }
        }
    }

    /// The next line, as JSON.
    pub async fn line(&mut self) -> Value {
        loop {
            if let Some(end) = self.read.iter().position(|&byte| byte == b'\n') {
                let line: Vec<u8> = self.read.drain(..=end).collect();
                return serde_json::from_slice(&line).unwrap();
            }
            let piece = self.piece().await.unwrap().expect("the stream ends");
            self.read.extend_from_slice(&piece);
        }
    }

    /// Waits for the proper end, with nothing more said.
    pub async fn end(&mut self) {
        assert_eq!((self.piece().await.unwrap(), &self.read[..]), (None, &b""[..]));
    }
}
