//! One caller's exchanges with the cluster: signs in, cures a refused token, tries again where that is safe, all
//! before the caller's deadline, and counts the time the cluster took.

pub(crate) mod exchange;
pub mod permit;
pub mod reply;
pub mod retry;
pub mod stream;
pub mod transport;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
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

/// What is sent: cheap to clone, as a request may be sent several times.
pub type Body = hyper::body::Bytes;

/// A try with less time than this would mostly turn a clear error into a time-out, and a harmless one into a doubt.
const SHORTEST_ATTEMPT: Duration = Duration::from_millis(250);
/// That a read had no answer in less than this, says less of the cluster than what an earlier try was told.
const TELLING_ATTEMPT: Duration = Duration::from_secs(1);
#[derive(Debug)]
pub struct Client {
    pub cluster: Arc<ApiServer>,
    /// In the name of whom, if not the service's own.
    bearer: Option<Bearer>,
    /// Held by a change, but not while it pauses.
    permit: Option<WritePermit>,
    /// By the clock of the timers, which tests can move.
    deadline: Instant,
    upstream_micros: AtomicU64,
}

impl Client {
    pub fn new(cluster: Arc<ApiServer>, deadline: impl Into<Instant>) -> Self {
        Self { cluster, bearer: None, permit: None, deadline: deadline.into(), upstream_micros: AtomicU64::new(0) }
    }

    /// From now on in the name of a caller, so that the cluster's rules and its audit log apply to that one.
    pub fn with_bearer(&mut self, bearer: Option<Bearer>) {
        self.bearer = bearer;
    }

    /// Takes the permit that a change needs.
    pub fn hold(&mut self, permit: WritePermit) {
        self.permit = Some(permit);
    }

    /// Gives the permit back, as there is nothing more to change.
    pub fn release_permit(&mut self) {
        self.permit = None;
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
        let ask = Request { method: &Method::GET, path, body: Body::new(), is_stream: true };
        match self.authenticated(&ask).await? {
            Response::Stream(stream) => Ok(stream),
            Response::Whole(reply) => Err(reply::error(&reply)),
        }
    }

    /// Changes fields of an object to given values, which may be repeated without harm (RFC 7386).
    pub async fn merge_patch<T: DeserializeOwned>(&self, path: &Path, changes: Body) -> Result<T, Error> {
        Ok(self.send(&Method::PATCH, path, changes).await?.object)
    }

    /// Waits before a POST is sent again that may have taken effect: its caller will know its own object again. Returns
    /// false if another try is not worth it.
    pub async fn pause_before_post(&self, path: &Path, after: &Error, attempts: &mut Attempts) -> bool {
        self.pause_before(&Method::POST, path, after, attempts, after.is_worth_repeating()).await
    }

    /// The same before a stream is opened again.
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
        let Some(time) = (if is_safe { attempts.next(after) } else { None }) else { return false };
        let goes_on = self.pause(time).await;
        if goes_on {
            self.cluster.traffic.retried(method, path, after);
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

    /// Asks for the version once, which every identity may read, and gives the time of the server's clock, if it said it.
    pub async fn server_date(&self) -> Result<Option<SystemTime>, Error> {
        let ask = Request { method: &Method::GET, path: &Path::version(), body: Body::new(), is_stream: false };
        let Response::Whole(reply) = self.authenticated(&ask).await? else { return Ok(None) };
        decode::<Ignored>(&reply)?;
        Ok(reply.headers.get(DATE).and_then(|date| crate::aws::http_date(date.to_str().ok()?)))
    }

    /// Waits before another try, without the permit of a change. Returns false if the deadline leaves no time for one,
    /// or if no permit is free in time.
    pub async fn pause(&self, time: Duration) -> bool {
        // The time may be the cluster's own wish, and any number.
        let needed = time.saturating_add(SHORTEST_ATTEMPT);
        if Instant::now().checked_add(needed).is_none_or(|then| then >= self.deadline) {
            return false;
        }
        let Some(permit) = &self.permit else {
            sleep(time).await;
            return true;
        };
        permit.release();
        sleep(time).await;
        timeout_at(self.deadline - SHORTEST_ATTEMPT, permit.reacquire()).await.is_ok()
    }

    async fn send<T: DeserializeOwned>(&self, method: &Method, path: &Path, body: Body) -> Result<Reply<T>, Error> {
        let (mut attempts, mut earlier) = (Attempts::default(), None);
        let ask = Request { method, path, body, is_stream: false };
        loop {
            let is_short = self.deadline < Instant::now() + TELLING_ATTEMPT;
            let error = match self.authenticated(&ask).await {
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

    /// One answer that is no 401 for our token. A token of our own that is refused is replaced and the request repeated, a
    /// POST too, as authentication comes before any effect. If there is no other token, the same one is tried again once:
    /// the cluster's own question to STS may have been throttled.
    async fn authenticated(&self, ask: &Request<'_>) -> Result<Response, Error> {
        if let Some(bearer) = &self.bearer {
            let answer = self.attempt(ask, bearer.authorization()).await?;
            return match answer.unauthorized() {
                None => Ok(answer),
                Some(_) => Err(Error::CallerUnauthorized),
            };
        }
        let tokens = &self.cluster.tokens;
        let (mut token, mut has_paused) = (self.token(tokens.current()).await?, false);
        loop {
            let answer = self.attempt(ask, token.authorization.clone()).await?;
            let Some(error) = answer.unauthorized() else {
                tokens.note_accepted();
                return Ok(answer);
            };
            let next = self.token(tokens.refresh_after_rejection(&token)).await?;
            if Arc::ptr_eq(&next, &token) {
                if has_paused || !self.pause(Duration::from_millis(fastrand::u64(500..1000))).await {
                    return Err(Error::Unauthorized { is_passing: tokens.was_accepted_lately() });
                }
                has_paused = true;
            }
            self.cluster.traffic.retried(ask.method, ask.path, &error);
            token = next;
        }
    }

    /// The token, if it is there before the deadline.
    async fn token(&self, token: impl Future<Output = Result<Arc<Token>, token::Error>>) -> Result<Arc<Token>, Error> {
        let not_ready = |cause: String| Error::NotReady { check: Check::Credentials.name(), cause };
        match timeout_at(self.deadline, token).await {
            Ok(token) => token.map_err(|error| not_ready(error.told_in_full())),
            Err(_) => Err(not_ready("no AWS credentials could be loaded in time".to_owned())),
        }
    }

    async fn attempt(&self, ask: &Request<'_>, authorization: HeaderValue) -> Result<Response, Error> {
        let begun = Instant::now();
        let answer = ask.send(&self.cluster, authorization, self.deadline).await;
        let micros = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.upstream_micros.fetch_add(micros, Ordering::Relaxed);
        answer
    }
}

/// Writes a value that always can be written as JSON; the error is for the type's sake.
pub fn json(value: &impl Serialize) -> Result<Body, Error> {
    serde_json::to_vec(value).map(Body::from).map_err(|error| Error::BadReply(error.to_string()))
}

#[cfg(test)]
#[path = "client_tests.rs"]
mod tests;
