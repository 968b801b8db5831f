//! Requests to the service: [`Service::once`] sends one once, [`Service::call`] repeats it while the service is down or
//! busy. Every request of the client is safe to repeat.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use form_urlencoded::Serializer;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, USER_AGENT};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::client::legacy::connect::{CaptureConnection, capture_connection};
use tokio::time::{Instant, sleep, timeout};

use crate::client::connection::{self, Connections};
use crate::client::credential::Credential;
use crate::client::exit::{Exit, UNAVAILABLE};
use crate::client::options::Connection;
use crate::client::problem::Problem;
use crate::client::progress::Progress;
use crate::util::backoff::Backoff;
use crate::util::error_chain::causes;

/// Many proxies close a connection that is idle for 30 seconds.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(18);
/// The pauses between attempts.
pub const BACKOFF: Backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(5));
/// Without `--timeout`, requests to a service that does not answer are repeated for this long.
pub const RETRY_TIMEOUT: Duration = Duration::from_mins(2);
/// The service needs at most 5 minutes for a change, and a repeated request would start again.
const CHANGE_TIMEOUT: Duration = Duration::from_mins(6);
/// The details of a job with many pods are much smaller.
const MAX_REPLY_BYTES: usize = 16 << 20;
/// If the service asks for a longer pause, this one is made.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub struct Service<'a> {
    pub options: &'a Connection,
    connections: Connections,
    credential: Credential,
    pub progress: &'a Progress,
    /// A read without a byte for this long is cancelled and sent again.
    pub idle_timeout: Duration,
    /// Why the last attempt failed.
    pub last_failure: RefCell<String>,
    /// Whether the last call took more than one attempt.
    pub was_repeated: Cell<bool>,
    /// Whether a request before the last one was sent.
    was_sent: Cell<bool>,
    /// The connection of the last request.
    last_connection: RefCell<Option<CaptureConnection>>,
}

#[derive(Clone, Debug)]
pub struct ServiceRequest {
    pub method: Method,
    /// Path and query.
    pub path: String,
    pub headers: Vec<(HeaderName, HeaderValue)>,
    pub body: Bytes,
}

impl ServiceRequest {
    /// Calls `/api/eks-CALL` with this query, by GET.
    pub fn get<'q>(call: &str, query: impl IntoIterator<Item = (&'q str, &'q str)>) -> Self {
        let path = Serializer::new(format!("/api/eks-{call}?")).extend_pairs(query).finish();
        Self { method: Method::GET, path, headers: Vec::new(), body: Bytes::new() }
    }

    pub fn delete<'q>(call: &str, query: impl IntoIterator<Item = (&'q str, &'q str)>) -> Self {
        Self { method: Method::DELETE, ..Self::get(call, query) }
    }
}

/// Why a request failed.
#[derive(Debug)]
pub enum Error {
    /// A later attempt can succeed.
    Retryable {
        why: String,
        /// The pause that the service asks for.
        retry_after: Option<Duration>,
        /// Whether the service answered.
        is_answered: bool,
        is_connected: bool,
    },
    Problem(Problem),
    Exit(Exit),
}

impl Error {
    fn unanswered(why: impl Into<String>) -> Self {
        Self::Retryable { why: why.into(), retry_after: None, is_answered: false, is_connected: true }
    }

    /// The end of a run that cannot go on. `consequence` says what did not happen.
    pub fn into_exit(self, consequence: &str) -> Exit {
        match self {
            Self::Exit(exit) => exit,
            Self::Problem(problem) => problem.into_exit(consequence),
            Self::Retryable { why, .. } => Exit::new(UNAVAILABLE, format!("{consequence}: {why}")),
        }
    }
}

impl From<Exit> for Error {
    fn from(exit: Exit) -> Self {
        Self::Exit(exit)
    }
}

impl<'a> Service<'a> {
    pub fn new(
        options: &'a Connection,
        connections: Connections,
        credential: Credential,
        progress: &'a Progress,
    ) -> Self {
        Self {
            options,
            connections,
            credential,
            progress,
            idle_timeout: IDLE_TIMEOUT,
            last_failure: RefCell::default(),
            was_repeated: Cell::default(),
            was_sent: Cell::default(),
            last_connection: RefCell::default(),
        }
    }

    /// Whether a request may have reached the service.
    pub fn was_sent(&self) -> bool {
        let is_connected = |last: &CaptureConnection| last.connection_metadata().is_some();
        self.was_sent.get() || self.last_connection.borrow().as_ref().is_some_and(is_connected)
    }

    /// Returns the end of a command whose time is up, if nothing was sent.
    pub fn unreached(&self) -> Option<Exit> {
        if self.was_sent() {
            return None;
        }
        let (url, mut why) = (self.options.url.as_str(), self.last_failure.take());
        if why.is_empty() {
            "no connection was made in that time".clone_into(&mut why);
        }
        let text = format!("the time is up; {url} was not reached, and nothing was sent: {why}");
        Some(Exit::new(UNAVAILABLE, text))
    }

    /// Returns the whole response. Repeats the request while the service is down or busy.
    pub async fn call(&self, request: &ServiceRequest) -> Result<Response<Bytes>, Error> {
        let (mut failing_since, mut backoff, mut noted) = (None, BACKOFF, String::new());
        let (url, has_timeout) = (self.options.url.as_str(), self.options.timeout.is_some());
        self.was_repeated.set(false);
        loop {
            let (why, retry_after, is_connected) = match self.once(request).await {
                Err(Error::Retryable { why, retry_after, is_connected, .. }) => (why, retry_after, is_connected),
                done => return done,
            };
            let [repeating, last] = if is_connected {
                [format!("{url}: {why}; trying again"), format!("{url}: {why}")]
            } else {
                connection::unreachable(url, &why, has_timeout)
            };
            let failing_since = *failing_since.get_or_insert_with(Instant::now);
            if !has_timeout && failing_since.elapsed() >= RETRY_TIMEOUT {
                return Err(Exit::new(UNAVAILABLE, last).into());
            }
            self.was_repeated.set(true);
            self.last_failure.replace(why.clone());
            if noted != why {
                self.progress.note(&repeating);
                noted = why;
            }
            sleep(retry_after.unwrap_or_default() + backoff.pause()).await;
        }
    }

    /// Sends the request once, and returns the whole response.
    pub async fn once(&self, request: &ServiceRequest) -> Result<Response<Bytes>, Error> {
        let limit = if request.method == Method::GET { self.idle_timeout } else { CHANGE_TIMEOUT };
        let attempt = async {
            let (head, body) = self.open(request).await?.into_parts();
            let body = collect(body).await.map_err(Error::unanswered)?;
            Ok(Response::from_parts(head, body))
        };
        timeout(limit, attempt).await.unwrap_or_else(|_| Err(Error::unanswered("no answer in time")))
    }

    /// Sends the request once, and returns the response as soon as its head has arrived.
    pub async fn open(&self, request: &ServiceRequest) -> Result<Response<Incoming>, Error> {
        let mut request = self.http_request(request).map_err(|error| Exit::usage(error.to_string()))?;
        self.was_sent.set(self.was_sent());
        self.last_connection.replace(Some(capture_connection(&mut request)));
        let response = self.connections.request(request).await.map_err(|error| {
            let why = causes(&error);
            match connection::final_error(&error, self.options.url.is_tls) {
                Some((what, advice)) => {
                    Exit::new(UNAVAILABLE, format!("{} {what}: {why}; {advice}", self.options.url.as_str())).into()
                }
                None if error.is_connect() => {
                    let why = connection::refused(&error).map_or(why, str::to_owned);
                    Error::Retryable { why, retry_after: None, is_answered: false, is_connected: false }
                }
                None => Error::unanswered(why),
            }
        })?;
        if response.status().is_success() || response.status() == StatusCode::NOT_MODIFIED {
            return Ok(response);
        }
        let (head, body) = response.into_parts();
        let problem = Problem::parse(head.status, &collect(body).await.unwrap_or_default());
        let seconds = head.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        let retry_after = seconds.map(|seconds| Duration::from_secs(seconds).min(MAX_RETRY_AFTER));
        if !problem.is_retryable() {
            return Err(Error::Problem(Problem { retry_after, ..problem }));
        }
        Err(Error::Retryable { why: problem.text, retry_after, is_answered: true, is_connected: true })
    }

    /// Adds the cluster to every call, so no command can forget it.
    fn http_request(&self, request: &ServiceRequest) -> Result<Request<Full<Bytes>>, hyper::http::Error> {
        let agent = concat!("eks-api-run/", env!("CARGO_PKG_VERSION"));
        let Connection { url, cluster, .. } = self.options;
        let cluster = cluster.as_deref().map(|name| ("cluster", name));
        let uri = Serializer::new(format!("{}{}", url.as_str(), request.path)).extend_pairs(cluster).finish();
        let mut http = Request::builder()
            .method(request.method.clone())
            .uri(uri)
            .header(ACCEPT, "*/*")
            .header(USER_AGENT, agent)
            .body(Full::new(request.body.clone()))?;
        let headers = http.headers_mut();
        if !request.body.is_empty() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        headers.extend(self.credential.header().map(|authorization| (AUTHORIZATION, authorization)));
        headers.extend(request.headers.iter().cloned());
        Ok(http)
    }
}

async fn collect(body: Incoming) -> Result<Bytes, String> {
    let collected = Limited::new(body, MAX_REPLY_BYTES).collect().await;
    collected.map(http_body_util::Collected::to_bytes).map_err(|error| causes(&*error))
}
