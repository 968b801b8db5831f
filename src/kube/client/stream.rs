//! The body of a reply that is read as it arrives: a watch, a page of a list, or a log.

use http_body_util::BodyExt;
use hyper::body::{Bytes, Incoming};

use crate::kube::error::Error;
use crate::util::error_chain::causes;

/// A list of one job's pods with all their fields is much smaller.
const MAX_REPLY_BYTES: usize = 16 << 20;

#[derive(Debug)]
pub struct Stream(Incoming);

impl Stream {
    pub(super) const fn new(body: Incoming) -> Self {
        Self(body)
    }

    /// Returns the next chunk, or `None` at the regular end.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            match self.0.frame().await {
                None => return Ok(None),
                Some(Ok(frame)) => {
                    if let Ok(bytes) = frame.into_data() {
                        return Ok(Some(bytes));
                    }
                }
                Some(Err(error)) => return Err(Error::Broken(causes(&error))),
            }
        }
    }

    /// Reads to the end. More than [`MAX_REPLY_BYTES`] are an error.
    pub(crate) async fn collect(mut self) -> Result<Bytes, Error> {
        let mut body = Vec::new();
        while let Some(chunk) = self.next().await? {
            if body.len() + chunk.len() > MAX_REPLY_BYTES {
                return Err(Error::BadReply(format!("more than {} MiB", MAX_REPLY_BYTES >> 20)));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.into())
    }
}
