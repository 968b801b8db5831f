//! Sends requests to the API server for one caller: [`Client`]. Adds the token, replaces a refused one, and retries where
//! that is safe, all before the caller's deadline.

pub(crate) mod exchange;
mod parallel;
pub mod permit;
pub mod reply;
pub mod retry;
pub mod stream;
pub mod transport;
mod warning;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use hyper::Method;
use hyper::header::{DATE, HeaderValue};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep, timeout_at};

use crate::aws::token::{self, Token};
use crate::kube::api_server::ApiServer;
use crate::kube::bearer::Bearer;
use crate::kube::client::exchange::{Request, Response};
use crate::kube::client::permit::WritePermit;
use crate::kube::client::reply::{Reply, decode};
use crate::kube::client::retry::{Attempts, is_safe};
use crate::kube::client::stream::Stream;
use crate::kube::error::Error;
use crate::kube::health::Check;
use crate::kube::types::Ignored;
use crate::kube::types::request::DeleteOptions;
use crate::kube::url::Path;

/// A request's body. A clone is cheap, as a request may be sent several times.
pub type Body = hyper::body::Bytes;

/// A shorter attempt would mostly turn a clear error into a time-out.
const MIN_ATTEMPT: Duration = Duration::from_millis(250);
/// If a shorter read times out, the error of an earlier attempt says more.
const MIN_TIMEOUT_ATTEMPT: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub struct Client {
    api_server: Arc<ApiServer>,
    /// The caller's own token, in place of the service's.
    bearer: Option<Bearer>,
    /// Held by a change, except during a pause.
    permit: Option<WritePermit>,
    deadline: Instant,
    upstream_micros: AtomicU64,
    is_throttled: AtomicBool,
}

impl Client {
    pub fn new(api_server: Arc<ApiServer>, deadline: impl Into<Instant>) -> Self {
        let (upstream_micros, is_throttled) = (AtomicU64::new(0), AtomicBool::new(false));
        Self { api_server, bearer: None, permit: None, deadline: deadline.into(), upstream_micros, is_throttled }
    }

    /// Sends later requests with the caller's token, so that the cluster's rules and audit log apply to the caller.
    pub fn with_bearer(&mut self, bearer: Option<Bearer>) {
        self.bearer = bearer;
    }

    /// Holds the permit that a change needs.
    pub fn hold(&mut self, permit: WritePermit) {
        self.permit = Some(permit);
    }

    /// Releases the permit after the last change.
    pub fn release_permit(&mut self) {
        self.permit = None;
    }

    /// Returns the time that the API server has taken so far.
    pub fn upstream_time(&self) -> Duration {
        Duration::from_micros(self.upstream_micros.load(Ordering::Relaxed))
    }

    pub async fn get<T: DeserializeOwned>(&self, path: &Path) -> Result<T, Error> {
        Ok(self.send(&Method::GET, path, Body::new()).await?.object)
    }

    /// Opens a stream, in one attempt. The deadline is for the response's head only.
    pub async fn open(&self, path: &Path) -> Result<Stream, Error> {
        let request = Request { method: &Method::GET, path, body: Body::new(), is_stream: true };
        match self.send_authenticated(&request).await? {
            Response::Stream(stream) => Ok(stream),
            Response::Whole(reply) => Err(reply::error(&reply)),
        }
    }

    /// Sets fields of an object (RFC 7386). Repeating it does no harm.
    pub async fn merge_patch<T: DeserializeOwned>(&self, path: &Path, changes: Body) -> Result<T, Error> {
        Ok(self.send(&Method::PATCH, path, changes).await?.object)
    }

    /// Waits before a POST is sent again, although it may have had its effect. The caller must recognize its own object.
    /// Returns false if there is no further attempt.
    pub async fn pause_before_post(&self, path: &Path, after: &Error, attempts: &mut Attempts) -> bool {
        self.pause_before(&Method::POST, path, after, attempts, after.is_worth_repeating()).await
    }

    /// Waits before a stream is opened again. Returns false if there is no further attempt.
    pub async fn pause_before_open(&self, path: &Path, after: &Error, attempts: &mut Attempts) -> bool {
        self.pause_before(&Method::GET, path, after, attempts, is_safe(&Method::GET, after)).await
    }

    async fn pause_before(
        &self,
        method: &Method,
        path: &Path,
        after: &Error,
        attempts: &mut Attempts,
        is_safe: bool,
    ) -> bool {
        self.note_throttling(after);
        let Some(time) = (if is_safe { attempts.next(after) } else { None }) else { return false };
        let has_time = self.pause(time).await;
        if has_time {
            self.api_server.metrics.retried(method, path, after);
        }
        has_time
    }

    /// Adds the time of a wait that the caller asked for.
    pub fn extend_deadline(&mut self, time: Duration) {
        self.deadline += time;
    }

    pub async fn post<T: DeserializeOwned>(&self, path: &Path, body: Body) -> Result<Reply<T>, Error> {
        self.send(&Method::POST, path, body).await
    }

    pub async fn delete<T: DeserializeOwned>(&self, path: &Path, options: &DeleteOptions) -> Result<T, Error> {
        Ok(self.send(&Method::DELETE, path, json(options)?).await?.object)
    }

    /// Requests the version, in one attempt, and returns the time of the `Date` header. Every identity may read the version.
    pub async fn server_date(&self) -> Result<Option<SystemTime>, Error> {
        let request = Request { method: &Method::GET, path: &Path::version(), body: Body::new(), is_stream: false };
        let Response::Whole(reply) = self.send_authenticated(&request).await? else { return Ok(None) };
        decode::<Ignored>(&reply)?;
        Ok(reply.headers.get(DATE).and_then(|date| crate::aws::http_date(date.to_str().ok()?)))
    }

    /// Waits before another attempt, without the permit. Returns false if the deadline leaves no time for the attempt, or if
    /// no permit is free in time.
    pub async fn pause(&self, time: Duration) -> bool {
        // The time may come from the server's reply, and be any number.
        let needed = time.saturating_add(MIN_ATTEMPT);
        if Instant::now().checked_add(needed).is_none_or(|then| then >= self.deadline) {
            return false;
        }
        let Some(permit) = &self.permit else {
            sleep(time).await;
            return true;
        };
        permit.release();
        sleep(time).await;
        let reacquired = permit.reacquire(self.api_server.last_probe_succeeded());
        timeout_at(self.deadline - MIN_ATTEMPT, reacquired).await.is_ok()
    }

    async fn send<T: DeserializeOwned>(&self, method: &Method, path: &Path, body: Body) -> Result<Reply<T>, Error> {
        let (mut attempts, mut earlier) = (Attempts::default(), None);
        let request = Request { method, path, body, is_stream: false };
        loop {
            let is_short = self.deadline < Instant::now() + MIN_TIMEOUT_ATTEMPT;
            let error = match self.send_authenticated(&request).await {
                Ok(Response::Whole(reply)) => match decode(&reply) {
                    Ok(reply) => return Ok(reply),
                    Err(error) => error,
                },
                Ok(Response::Stream(_)) => return Err(Error::BadReply("a stream".to_owned())),
                Err(Error::Timeout) if is_short && *method == Method::GET => earlier.take().unwrap_or(Error::Timeout),
                Err(error) => error,
            };
            if !self.pause_before(method, path, &error, &mut attempts, is_safe(method, &error)).await {
                return Err(error);
            }
            earlier = Some(error);
        }
    }

    /// Sends a request with a token. If the service's own token is refused (401), it is replaced and the request is sent
    /// again. That is safe for a POST too, as authentication comes before any effect. If there is no other token, the same
    /// one is sent once more: the cluster asks STS, which may have throttled it.
    async fn send_authenticated(&self, request: &Request<'_>) -> Result<Response, Error> {
        if let Some(bearer) = &self.bearer {
            let response = self.send_once(request, bearer.authorization()).await?;
            return match response.unauthorized() {
                None => Ok(response),
                Some(_) => Err(Error::CallerUnauthorized),
            };
        }
        let tokens = &self.api_server.tokens;
        let (mut token, mut has_paused) = (self.token(tokens.current()).await?, false);
        loop {
            let response = self.send_once(request, token.authorization.clone()).await?;
            let Some(error) = response.unauthorized() else {
                tokens.note_accepted();
                return Ok(response);
            };
            let next = self.token(tokens.refresh_after_rejection(&token)).await?;
            if Arc::ptr_eq(&next, &token) {
                if has_paused || !self.pause(Duration::from_millis(fastrand::u64(500..1000))).await {
                    return Err(Error::Unauthorized { is_passing: tokens.was_accepted_recently() });
                }
                has_paused = true;
            }
            self.api_server.metrics.retried(request.method, request.path, &error);
            token = next;
        }
    }

    /// Waits for a token until the deadline.
    async fn token(&self, token: impl Future<Output = Result<Arc<Token>, token::Error>>) -> Result<Arc<Token>, Error> {
        let not_ready = |cause: String| Error::NotReady { check: Check::Credentials.name(), cause };
        match timeout_at(self.deadline, token).await {
            Ok(token) => token.map_err(|error| not_ready(error.with_cause())),
            Err(_) => Err(not_ready("no AWS credentials could be loaded in time".to_owned())),
        }
    }

    async fn send_once(&self, request: &Request<'_>, authorization: HeaderValue) -> Result<Response, Error> {
        let started = Instant::now();
        let response = request.send(&self.api_server, authorization, self.deadline).await;
        let micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.upstream_micros.fetch_add(micros, Ordering::Relaxed);
        response
    }
}

/// Serializes a request's body.
pub fn json(value: &impl Serialize) -> Result<Body, Error> {
    serde_json::to_vec(value).map(Body::from).map_err(|error| Error::BadReply(error.to_string()))
}

#[cfg(test)]
#[path = "client_tests.rs"]
mod tests;
