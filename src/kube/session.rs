//! One caller's exchanges with the cluster: signs in, cures a refused token, tries again where that is safe, all
//! before the caller's deadline, and counts the time the cluster took.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use hyper::header::DATE;
use hyper::{Method, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use super::backoff::Backoff;
use super::cluster::Cluster;
use super::error::Error;
use super::path::Path;
use super::reply::{Reply, understood};
use super::request::DeleteOptions;
use super::stream::Stream;
use super::transport::{RawReply, whole};
use super::types::Ignored;
use crate::aws::token::{self, Token};

/// What is sent: cheap to clone, as a request may be sent several times.
pub type Body = hyper::body::Bytes;

/// The first pause before another try, and the longest.
pub const BACKOFF: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(2));
/// A read that takes longer is asked again on the chance of a better replica or connection.
const READ_ATTEMPT: Duration = Duration::from_secs(10);
/// A try with less time than this would mostly turn a clear error into a time-out, and a harmless one into a doubt.
const SHORTEST_ATTEMPT: Duration = Duration::from_millis(250);
/// Admission webhooks may take 10 seconds each (the default of their timeoutSeconds).
const WRITE_ATTEMPT: Duration = Duration::from_secs(15);

#[derive(Debug)]
pub struct Session {
    pub cluster: Arc<Cluster>,
    /// By the clock of the timers, which tests can move.
    deadline: Instant,
    upstream_micros: AtomicU64,
}

impl Session {
    pub fn new(cluster: Arc<Cluster>, deadline: impl Into<Instant>) -> Self {
        Self { cluster, deadline: deadline.into(), upstream_micros: AtomicU64::new(0) }
    }

    /// How long the caller has waited for the cluster so far.
    pub fn upstream_time(&self) -> Duration {
        Duration::from_micros(self.upstream_micros.load(Ordering::Relaxed))
    }

    pub async fn get<T: DeserializeOwned>(&self, path: &Path) -> Result<T, Error> {
        Ok(self.send(&Method::GET, path, Body::new()).await?.object)
    }

    /// Opens a stream, once. The deadline is for its beginning; how long it then lasts is up to the reader.
    pub async fn open(&self, path: &Path) -> Result<Stream, Error> {
        let mut token = self.cluster.tokens.current().await.map_err(no_token)?;
        let until = self.deadline.min(Instant::now() + READ_ATTEMPT);
        let mut response = self.cluster.transport()?.open(path, token.authorization.clone(), until).await;
        if response.as_ref().is_ok_and(|response| response.status() == StatusCode::UNAUTHORIZED) {
            token = self.cluster.tokens.instead_of(&token).await.map_err(no_token)?;
            response = self.cluster.transport()?.open(path, token.authorization.clone(), until).await;
        }
        if matches!(response, Err(Error::Unreachable(_))) {
            self.cluster.describe_again.notify_one();
        }
        let response = response?;
        match response.status() {
            StatusCode::UNAUTHORIZED => Err(Error::Unauthorized),
            status if status.is_success() => Ok(Stream::new(response.into_body())),
            _ => {
                let reply = tokio::time::timeout_at(until, whole(response)).await;
                understood::<Ignored>(&reply.map_err(|_| Error::Timeout)??)?;
                Err(Error::BadReply("neither a stream nor an error".to_owned()))
            }
        }
    }

    /// Changes fields of an object to given values, which may be repeated without harm (RFC 7386).
    pub async fn merge_patch<T: DeserializeOwned>(&self, path: &Path, changes: Body) -> Result<T, Error> {
        Ok(self.send(&Method::PATCH, path, changes).await?.object)
    }

    /// Gives the caller more time, as for a wait that it asked for.
    pub fn extend(&mut self, time: Duration) {
        self.deadline += time;
    }

    pub async fn post<T: DeserializeOwned>(&self, path: &Path, body: Body) -> Result<Reply<T>, Error> {
        self.send(&Method::POST, path, body).await
    }

    pub async fn delete<T: DeserializeOwned>(&self, path: &Path, options: &DeleteOptions) -> Result<T, Error> {
        Ok(self.send(&Method::DELETE, path, json(options)?).await?.object)
    }

    /// Asks for the version, which every identity may read, and gives the time of the server's clock, if it said it.
    pub async fn server_date(&self) -> Result<Option<SystemTime>, Error> {
        let reply = self.signed_in(&Method::GET, &Path::version(), Body::new()).await?;
        understood::<Ignored>(&reply)?;
        Ok(reply.headers.get(DATE).and_then(|date| crate::aws::http_date(date.to_str().ok()?)))
    }

    /// Waits before another try; false, at once, if the deadline leaves no time for one.
    pub async fn pause(&self, time: Duration) -> bool {
        // The time may be the cluster's own wish, and any number.
        let needed = time.saturating_add(SHORTEST_ATTEMPT);
        if Instant::now().checked_add(needed).is_none_or(|then| then >= self.deadline) {
            return false;
        }
        tokio::time::sleep(time).await;
        true
    }

    async fn send<T: DeserializeOwned>(&self, method: &Method, path: &Path, body: Body) -> Result<Reply<T>, Error> {
        let mut backoff = BACKOFF;
        loop {
            let outcome = match self.signed_in(method, path, body.clone()).await {
                Ok(reply) => understood(&reply),
                Err(error) => Err(error),
            };
            let error = match outcome {
                Ok(reply) => return Ok(reply),
                Err(error) => error,
            };
            let pause = match retry(method, &error) {
                Retry::No => return Err(error),
                Retry::Soon => backoff.pause(),
                // Never sooner than it was asked for, never at once, and not all callers in step.
                Retry::After(time) => time.saturating_add(backoff.pause()),
            };
            if !self.pause(pause).await {
                return Err(error);
            }
        }
    }

    /// One reply that is not 401, by at most three tries. A refused token is replaced and the request repeated, a POST
    /// too, as authentication comes before any effect. A fresh token refused may mean that the cluster's own question
    /// to STS was throttled, so it gets another chance a little later.
    async fn signed_in(&self, method: &Method, path: &Path, body: Body) -> Result<RawReply, Error> {
        let mut token = self.cluster.tokens.current().await.map_err(no_token)?;
        for tried in 1..=3 {
            let reply = self.attempt(method, path, &token, body.clone()).await?;
            if reply.status != StatusCode::UNAUTHORIZED {
                return Ok(reply);
            }
            if tried == 1 {
                token = self.cluster.tokens.instead_of(&token).await.map_err(no_token)?;
            } else if tried == 2 && !self.pause(Duration::from_millis(fastrand::u64(500..1000))).await {
                break;
            }
        }
        Err(Error::Unauthorized)
    }

    async fn attempt(&self, method: &Method, path: &Path, token: &Token, body: Body) -> Result<RawReply, Error> {
        let transport = self.cluster.transport()?;
        let most = if *method == Method::GET { READ_ATTEMPT } else { WRITE_ATTEMPT };
        let started = Instant::now();
        let until = self.deadline.min(started + most);
        let reply = transport.exchange(method, path, token.authorization.clone(), body, until).await;
        let micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.upstream_micros.fetch_add(micros, Ordering::Relaxed);
        if matches!(reply, Err(Error::Unreachable(_))) {
            self.cluster.describe_again.notify_one();
        }
        reply
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the form that map_err takes")]
fn no_token(error: token::Error) -> Error {
    Error::NotReady(error.to_string())
}

/// Writes a value that always can be written as JSON; the error is for the type's sake.
pub fn json(value: &impl Serialize) -> Result<Body, Error> {
    serde_json::to_vec(value).map(Body::from).map_err(|error| Error::BadReply(error.to_string()))
}

#[derive(Debug, PartialEq, Eq)]
enum Retry {
    No,
    Soon,
    After(Duration),
}

/// A read may always be repeated, and so may a patch that sets fields to given values. Anything else only if it surely had no effect: it was not sent, or was turned away
/// by flow control (429), which comes before the request is looked at.
fn retry(method: &Method, error: &Error) -> Retry {
    let is_read = *method == Method::GET || *method == Method::PATCH;
    match error {
        Error::Unreachable(_) => Retry::Soon,
        Error::Broken(_) | Error::Timeout if is_read => Retry::Soon,
        Error::Refused(refusal) if refusal.code == 429 || (is_read && refusal.code >= 500) => {
            refusal.retry_after.map_or(Retry::Soon, Retry::After)
        }
        _ => Retry::No,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kube::error::Refusal;
    use crate::kube::types::Status;

    #[test]
    fn only_what_had_no_effect_is_sent_again() {
        let refused =
            |code, retry_after| Error::Refused(Box::new(Refusal { code, status: Status::default(), retry_after }));
        let cases = [
            (Method::GET, Error::Broken(String::new()), Retry::Soon),
            (Method::GET, Error::Timeout, Retry::Soon),
            (Method::GET, Error::Unauthorized, Retry::No),
            (Method::GET, refused(404, None), Retry::No),
            (Method::GET, refused(503, None), Retry::Soon),
            (Method::POST, Error::Unreachable(String::new()), Retry::Soon),
            (Method::POST, Error::Broken(String::new()), Retry::No),
            (Method::POST, Error::Timeout, Retry::No),
            (Method::POST, refused(500, None), Retry::No),
            (Method::POST, refused(429, Some(Duration::from_secs(1))), Retry::After(Duration::from_secs(1))),
            (Method::DELETE, Error::Broken(String::new()), Retry::No),
        ];
        for (method, error, expected) in cases {
            assert_eq!(retry(&method, &error), expected, "{method} {error:?}");
        }
    }
}
