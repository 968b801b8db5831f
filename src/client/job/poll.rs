//! Requests a status again and again, and returns it when it has changed: [`Poll`].

use std::time::Duration;

use hyper::body::Bytes;
use hyper::header::{ETAG, HeaderValue};
use hyper::{Response, StatusCode};
use tokio::time::{Instant, sleep};

use crate::client::service::{BACKOFF, Error};
use crate::util::backoff::Backoff;

/// How long one request waits for a change of the status. It is shorter than the idle timeout.
const WAIT: &str = "15s";

/// A wait that fails later than this was cut by a proxy. After an earlier failure comes a pause.
const CUT: Duration = Duration::from_secs(5);

/// The state of the requests for one status.
#[derive(Debug)]
pub struct Poll {
    etag: Option<HeaderValue>,
    has_begun: bool,
    backoff: Backoff,
}

impl Default for Poll {
    fn default() -> Self {
        Self { etag: None, has_begun: false, backoff: BACKOFF }
    }
}

impl Poll {
    /// Returns the status when it has changed; `None` if it has not changed for a while.
    ///
    /// `ask` requests it with more parameters and an entity tag. The last argument is whether it repeats the request
    /// while the service is down.
    pub async fn next(
        &mut self,
        ask: impl AsyncFn(&[(&str, &str)], Option<&HeaderValue>, bool) -> Result<Response<Bytes>, Error>,
    ) -> Result<Option<Bytes>, Error> {
        if self.has_begun {
            let begun = Instant::now();
            match ask(&[("wait", WAIT)], self.etag.as_ref(), false).await {
                // A proxy may have cut the wait. The next request finds out whether the service is up.
                Err(Error::Retryable { .. }) if begun.elapsed() >= CUT => {}
                Err(Error::Retryable { retry_after, .. }) => {
                    sleep(retry_after.unwrap_or_default() + self.backoff.pause()).await;
                }
                result => {
                    let response = result?;
                    self.backoff = BACKOFF;
                    return Ok(self.changed(response));
                }
            }
        }
        self.has_begun = true;
        let response = ask(&[], self.etag.as_ref(), true).await?;
        Ok(self.changed(response))
    }

    fn changed(&mut self, response: Response<Bytes>) -> Option<Bytes> {
        if response.status() == StatusCode::NOT_MODIFIED {
            return None;
        }
        self.etag = response.headers().get(ETAG).cloned();
        Some(response.into_body())
    }
}
