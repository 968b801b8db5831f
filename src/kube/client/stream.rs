//! A reply that goes on for as long as its two ends like: a watch, or a log that is followed.

use http_body_util::BodyExt;
use hyper::body::{Bytes, Incoming};

use crate::kube::error::Error;
use crate::util::error_chain::causes;

#[derive(Debug)]
pub struct Stream(Incoming);

impl Stream {
    pub(super) const fn new(body: Incoming) -> Self {
        Self(body)
    }

    /// What comes next, as it comes; `None` at the end that the server meant.
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
}
