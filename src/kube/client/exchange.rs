//! One exchange with the API server: a request and its answer, counted, within its time.

use std::time::Duration;

use hyper::body::Bytes;
use hyper::header::HeaderValue;
use hyper::{Method, StatusCode};
use tokio::time::{Instant, timeout_at};

use crate::kube::api_server::ApiServer;
use crate::kube::client::reply;
use crate::kube::client::stream::Stream;
use crate::kube::client::transport::{RawReply, whole};
use crate::kube::error::Error;
use crate::kube::url::Path;

/// A read that takes longer is asked again on the chance of a better replica or connection.
const READ_ATTEMPT: Duration = Duration::from_secs(10);
/// Admission webhooks may take 10 seconds each (the default of their timeoutSeconds).
const WRITE_ATTEMPT: Duration = Duration::from_secs(15);

/// A request, as often as it is sent.
#[derive(Debug)]
pub(super) struct Request<'a> {
    pub(super) method: &'a Method,
    pub(super) path: &'a Path,
    pub(super) body: Bytes,
    /// Whether a success is read as it comes.
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
        cluster: &ApiServer,
        authorization: HeaderValue,
        deadline: Instant,
    ) -> Result<Response, Error> {
        let transport = cluster.transport()?;
        let most = if *self.method == Method::GET { READ_ATTEMPT } else { WRITE_ATTEMPT };
        let exchange = cluster.traffic.begin(self.method, self.path);
        let until = deadline.min(exchange.started + most);
        let answer = if self.is_stream {
            match transport.open(self.path, authorization, until).await {
                Ok(response) if response.status().is_success() => {
                    Ok(Response::Stream(Stream::new(response.into_body())))
                }
                Ok(response) => {
                    let reply = timeout_at(until, whole(response)).await;
                    reply.unwrap_or(Err(Error::Timeout)).map(Response::Whole)
                }
                Err(error) => Err(error),
            }
        } else {
            let reply = transport.exchange(self.method, self.path, authorization, self.body.clone(), until).await;
            reply.map(Response::Whole)
        };
        exchange.ended(match &answer {
            Ok(Response::Whole(reply)) => Ok(reply.status),
            Ok(Response::Stream(_)) => Ok(StatusCode::OK),
            Err(error) => Err(error),
        });
        if matches!(answer, Err(Error::Unreachable(_))) {
            cluster.describe_again.notify_one();
        }
        answer
    }
}

impl Response {
    /// The error, if the token is refused.
    pub(super) fn unauthorized(&self) -> Option<Error> {
        match self {
            Self::Whole(reply) if reply.status == StatusCode::UNAUTHORIZED => {
                Some(reply::error(reply)).filter(|error| matches!(error, Error::Unauthorized { .. }))
            }
            _ => None,
        }
    }
}
