//! One caller's exchanges with the cluster: signs in, cures a refused token, tries again where that is safe, all
//! before the caller's deadline, and counts the time the cluster took.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use hyper::body::Incoming;
use hyper::header::{DATE, HeaderValue};
use hyper::{Method, Response, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use super::backoff::Backoff;
use super::bearer::Bearer;
use super::cluster::Cluster;
use super::error::Error;
use super::path::Path;
use super::reply::{Reply, understood};
use super::request::DeleteOptions;
use super::retry::{Retry, retry};
use super::stream::Stream;
use super::transport::{RawReply, whole};
use super::types::Ignored;
use crate::aws::token;

/// What is sent: cheap to clone, as a request may be sent several times.
pub type Body = hyper::body::Bytes;

/// The first pause before another try, and the longest.
pub const BACKOFF: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(2));
/// A read that takes longer is asked again on the chance of a better replica or connection.
const READ_ATTEMPT: Duration = Duration::from_secs(10);
/// A try with less time than this would mostly turn a clear error into a time-out, and a harmless one into a doubt.
const SHORTEST_ATTEMPT: Duration = Duration::from_millis(250);
/// That a read had no answer in less than this, says less of the cluster than what an earlier try was told.
const TELLING_ATTEMPT: Duration = Duration::from_secs(1);
/// Admission webhooks may take 10 seconds each (the default of their timeoutSeconds).
const WRITE_ATTEMPT: Duration = Duration::from_secs(15);

#[derive(Debug)]
pub struct Session {
    pub cluster: Arc<Cluster>,
    /// In the name of whom, if not the service's own.
    bearer: Option<Bearer>,
    /// By the clock of the timers, which tests can move.
    deadline: Instant,
    upstream_micros: AtomicU64,
}

impl Session {
    pub fn new(cluster: Arc<Cluster>, deadline: impl Into<Instant>) -> Self {
        Self { cluster, bearer: None, deadline: deadline.into(), upstream_micros: AtomicU64::new(0) }
    }

    /// From now on in the name of a caller, so that the cluster's rules and its audit log apply to that one.
    pub fn act_as(&mut self, bearer: Option<Bearer>) {
        self.bearer = bearer;
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
        let until = self.deadline.min(Instant::now() + READ_ATTEMPT);
        let response = if let Some(bearer) = &self.bearer {
            self.head(path, bearer.authorization(), until).await
        } else {
            let token = self.cluster.tokens.current().await.map_err(no_token)?;
            let response = self.head(path, token.authorization.clone(), until).await;
            if response.as_ref().is_ok_and(|response| response.status() == StatusCode::UNAUTHORIZED) {
                let token = self.cluster.tokens.instead_of(&token).await.map_err(no_token)?;
                self.cluster.traffic.retried(&Method::GET, path, &Error::Unauthorized);
                self.head(path, token.authorization.clone(), until).await
            } else {
                response
            }
        };
        if matches!(response, Err(Error::Unreachable(_))) {
            self.cluster.describe_again.notify_one();
        }
        let response = response?;
        match response.status() {
            StatusCode::UNAUTHORIZED => Err(self.unauthorized()),
            status if status.is_success() => Ok(Stream::new(response.into_body())),
            _ => {
                let reply = tokio::time::timeout_at(until, whole(response)).await;
                understood::<Ignored>(&reply.map_err(|_| Error::Timeout)??)?;
                Err(Error::BadReply("neither a stream nor an error".to_owned()))
            }
        }
    }

    async fn head(&self, path: &Path, authorization: HeaderValue, until: Instant) -> Result<Response<Incoming>, Error> {
        let transport = self.cluster.transport()?;
        let exchange = self.cluster.traffic.begin(&Method::GET, path);
        let response = transport.open(path, authorization, until).await;
        exchange.ended(response.as_ref().map(Response::status));
        response
    }

    /// Changes fields of an object to given values, which may be repeated without harm (RFC 7386).
    pub async fn merge_patch<T: DeserializeOwned>(&self, path: &Path, changes: Body) -> Result<T, Error> {
        Ok(self.send(&Method::PATCH, path, changes).await?.object)
    }

    /// Waits before a POST is repeated that may have taken effect: its caller will know its own object again.
    pub async fn pause_before_post(&self, path: &Path, after: &Error, time: Duration) -> bool {
        let goes_on = self.pause(time).await;
        if goes_on {
            self.cluster.traffic.retried(&Method::POST, path, after);
        }
        goes_on
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
        let (mut backoff, mut earlier) = (BACKOFF, None);
        loop {
            let is_short = self.deadline < Instant::now() + TELLING_ATTEMPT;
            let outcome = match self.signed_in(method, path, body.clone()).await {
                Ok(reply) => understood(&reply),
                Err(error) => Err(error),
            };
            let error = match outcome {
                Ok(reply) => return Ok(reply),
                Err(Error::Timeout) if is_short && *method == Method::GET => earlier.take().unwrap_or(Error::Timeout),
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
            self.cluster.traffic.retried(method, path, &error);
            earlier = Some(error);
        }
    }

    /// One reply that is not 401, by at most three tries. A refused token of our own is replaced and the request repeated, a POST
    /// too, as authentication comes before any effect. A fresh token refused may mean that the cluster's own question
    /// to STS was throttled, so it gets another chance a little later.
    async fn signed_in(&self, method: &Method, path: &Path, body: Body) -> Result<RawReply, Error> {
        if let Some(bearer) = &self.bearer {
            let reply = self.attempt(method, path, bearer.authorization(), body).await?;
            return if reply.status == StatusCode::UNAUTHORIZED { Err(self.unauthorized()) } else { Ok(reply) };
        }
        let mut token = self.cluster.tokens.current().await.map_err(no_token)?;
        for tried in 1..=3 {
            let reply = self.attempt(method, path, token.authorization.clone(), body.clone()).await?;
            if reply.status != StatusCode::UNAUTHORIZED {
                return Ok(reply);
            }
            if tried == 1 {
                token = self.cluster.tokens.instead_of(&token).await.map_err(no_token)?;
            } else if tried == 2 && !self.pause(Duration::from_millis(fastrand::u64(500..1000))).await {
                break;
            }
            if tried < 3 {
                self.cluster.traffic.retried(method, path, &Error::Unauthorized);
            }
        }
        Err(self.unauthorized())
    }

    /// Whose token it was that was refused: ours is ours to cure, a caller's is not.
    const fn unauthorized(&self) -> Error {
        if self.bearer.is_some() { Error::CallerUnauthorized } else { Error::Unauthorized }
    }

    async fn attempt(
        &self,
        method: &Method,
        path: &Path,
        authorization: HeaderValue,
        body: Body,
    ) -> Result<RawReply, Error> {
        let transport = self.cluster.transport()?;
        let most = if *method == Method::GET { READ_ATTEMPT } else { WRITE_ATTEMPT };
        let exchange = self.cluster.traffic.begin(method, path);
        let until = self.deadline.min(exchange.started + most);
        let reply = transport.exchange(method, path, authorization, body, until).await;
        let time = exchange.ended(reply.as_ref().map(|reply| reply.status));
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
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
