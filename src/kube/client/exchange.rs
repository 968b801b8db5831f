//! One attempt of a request: sent, timed and counted.

use std::time::Duration;

use hyper::body::Bytes;
use hyper::header::HeaderValue;
use hyper::{Method, StatusCode};
use tokio::time::{Instant, timeout_at};

use crate::kube::api_server::ApiServer;
use crate::kube::client::reply;
use crate::kube::client::stream::Stream;
use crate::kube::client::transport::{RawReply, collect_body};
use crate::kube::error::Error;
use crate::kube::url::Path;

/// A read that takes longer is sent again. Another replica or connection may be faster.
const READ_TIMEOUT: Duration = Duration::from_secs(10);
/// Admission webhooks may take 10 seconds each (the default of their timeoutSeconds).
const WRITE_TIMEOUT: Duration = Duration::from_secs(15);

#[derive(Debug)]
pub(super) struct Request<'a> {
    pub(super) method: &'a Method,
    pub(super) path: &'a Path,
    pub(super) body: Bytes,
    /// Whether a successful reply is read as it arrives.
    pub(super) is_stream: bool,
}

#[derive(Debug)]
pub(super) enum Response {
    Whole(RawReply),
    Stream(Stream),
}

impl Request<'_> {
    pub(super) async fn send(
        &self,
        api_server: &ApiServer,
        authorization: HeaderValue,
        deadline: Instant,
    ) -> Result<Response, Error> {
        let transport = api_server.transport()?;
        let timeout = if *self.method == Method::GET { READ_TIMEOUT } else { WRITE_TIMEOUT };
        let exchange = api_server.metrics.begin(self.method, self.path);
        let deadline = deadline.min(exchange.started + timeout);
        let attempt = async {
            let is_whole_read = *self.method == Method::GET && !self.is_stream;
            let _permit = if is_whole_read { transport.acquire_read().await } else { None };
            let response = transport.send(self.method, self.path, authorization, self.body.clone()).await?;
            if self.is_stream && response.status().is_success() {
                return Ok(Response::Stream(Stream::new(response.into_body())));
            }
            collect_body(response).await.map(Response::Whole)
        };
        let outcome = timeout_at(deadline, attempt).await.unwrap_or(Err(Error::Timeout));
        exchange.ended(match &outcome {
            Ok(Response::Whole(reply)) => Ok(reply.status),
            Ok(Response::Stream(_)) => Ok(StatusCode::OK),
            Err(error) => Err(error),
        });
        if matches!(outcome, Err(Error::Unreachable(_))) {
            api_server.describe_again.notify_one();
        }
        outcome
    }
}

impl Response {
    /// Returns the error if the token is refused.
    pub(super) fn unauthorized(&self) -> Option<Error> {
        match self {
            Self::Whole(reply) if reply.status == StatusCode::UNAUTHORIZED => {
                Some(reply::error(reply)).filter(|error| matches!(error, Error::Unauthorized { .. }))
            }
            _ => None,
        }
    }
}
