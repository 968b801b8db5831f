//! Requests to the service. `once` sends a request a single time. `call` repeats it while the service is away or busy.
//! Every request of a run can be repeated.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER, USER_AGENT};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::client::legacy::connect::{CaptureConnection, capture_connection};
use tokio::time::{Instant, sleep, timeout};

use crate::client::connection::{self, Connections};
use crate::client::credential::Credential;
use crate::client::exit::{Exit, UNAVAILABLE};
use crate::client::options::Url;
use crate::client::pause::Pause;
use crate::client::problem::Problem;
use crate::client::progress::Progress;

/// Proxies often end what is idle for 30 seconds.
pub const IDLE_LIMIT: Duration = Duration::from_secs(18);
/// How long a service that does not answer is tried again, if the run itself has no limit.
const PATIENCE: Duration = Duration::from_mins(2);
/// The time limit of a change. The service needs at most 5 minutes, and a repetition would begin anew.
const MAX_CHANGE_TIME: Duration = Duration::from_mins(6);
/// Details of a job with many pods stay far below.
const MAX_REPLY: usize = 16 << 20;
/// A service that asks for a longer pause is asked again after this one.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub struct Service<'a> {
    pub url: &'a Url,
    pub connections: Connections,
    pub credential: Credential,
    pub progress: &'a Progress,
    /// Whether the run ends at some time by itself.
    pub has_limit: bool,
    /// A read without a byte for so long is given up and sent again. Proxies end what is idle for longer.
    pub idle_limit: Duration,
    sent: Sent,
    /// Why the last attempt failed.
    pub setback: RefCell<String>,
}

/// Whether any request was sent.
#[derive(Debug, Default)]
struct Sent {
    is_known: Cell<bool>,
    /// The connection of the last request, if it has one.
    last: RefCell<Option<CaptureConnection>>,
}

#[derive(Clone, Debug)]
pub struct ServiceRequest {
    pub method: Method,
    /// With its query.
    pub path: String,
    pub headers: Vec<(HeaderName, HeaderValue)>,
    pub body: Bytes,
}

impl ServiceRequest {
    pub fn get(path: String) -> Self {
        Self { method: Method::GET, path, headers: Vec::new(), body: Bytes::new() }
    }
}

/// A whole answer, of a status that is no error.
#[derive(Debug)]
pub struct ServiceResponse {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

#[derive(Debug)]
pub enum Error {
    Problem(Problem),
    Exit(Exit),
}

impl From<Exit> for Error {
    fn from(end: Exit) -> Self {
        Self::Exit(end)
    }
}

/// Why an attempt failed.
#[derive(Debug)]
pub enum Retryable {
    /// A later attempt can succeed.
    Passing(Passing),
    Final(Error),
}

#[derive(Debug)]
pub struct Passing {
    pub why: String,
    /// The pause that the service asks for.
    pub after: Option<Duration>,
    /// Whether an answer came.
    pub is_answered: bool,
}

impl Passing {
    fn new(why: impl Into<String>) -> Self {
        Self { why: why.into(), after: None, is_answered: false }
    }
}

impl<'a> Service<'a> {
    pub fn new(url: &'a Url, connections: Connections, credential: Credential, progress: &'a Progress) -> Self {
        let (sent, setback) = (Sent::default(), RefCell::default());
        Self { url, connections, credential, progress, has_limit: false, idle_limit: IDLE_LIMIT, sent, setback }
    }

    /// Whether a request may have reached the service.
    pub fn was_sent(&self) -> bool {
        let is_connected = |last: &CaptureConnection| last.connection_metadata().is_some();
        self.sent.is_known.get() || self.sent.last.borrow().as_ref().is_some_and(is_connected)
    }

    /// The whole answer. A service that is away or busy is asked again.
    pub async fn call(&self, ask: &ServiceRequest) -> Result<ServiceResponse, Error> {
        let (mut since, mut pause, mut told) = (None, Pause::default(), String::new());
        let url = self.url.as_str();
        loop {
            let passing = match self.once(ask).await {
                Ok(answer) => return Ok(answer),
                Err(Retryable::Final(error)) => return Err(error),
                Err(Retryable::Passing(passing)) => passing,
            };
            let since = *since.get_or_insert_with(Instant::now);
            if !self.has_limit && since.elapsed() >= PATIENCE {
                return Err(Exit::new(UNAVAILABLE, format!("{url}: {}", passing.why)).into());
            }
            self.setback.replace(passing.why.clone());
            if told != passing.why {
                self.progress.note(&format!("{url}: {}; trying again", passing.why));
                told = passing.why;
            }
            sleep(pause.next(passing.after)).await;
        }
    }

    /// The whole answer of a single attempt.
    pub async fn once(&self, ask: &ServiceRequest) -> Result<ServiceResponse, Retryable> {
        let limit = if ask.method == Method::GET { self.idle_limit } else { MAX_CHANGE_TIME };
        let attempt = async {
            let (head, body) = self.attempt(ask).await?.into_parts();
            let body = whole(body).await.map_err(|why| Retryable::Passing(Passing::new(why)))?;
            Ok(ServiceResponse { status: head.status, headers: head.headers, body })
        };
        let late = || Retryable::Passing(Passing::new("no answer in time"));
        timeout(limit, attempt).await.unwrap_or_else(|_| Err(late()))
    }

    /// The answer of a single attempt, as soon as its head is there.
    pub async fn attempt(&self, ask: &ServiceRequest) -> Result<Response<Incoming>, Retryable> {
        let mut request = self.request(ask).map_err(|error| Retryable::Final(Exit::usage(error.to_string()).into()))?;
        self.sent.is_known.set(self.was_sent());
        self.sent.last.replace(Some(capture_connection(&mut request)));
        let response = self.connections.request(request).await.map_err(|error| {
            let why = connection::cause(&error);
            match connection::refusal(&error, self.url.is_tls) {
                Some((what, advice)) => {
                    let text = format!("{} {what}: {why}; {advice}", self.url.as_str());
                    Retryable::Final(Exit::new(UNAVAILABLE, text).into())
                }
                None => Retryable::Passing(Passing::new(why)),
            }
        })?;
        if response.status().is_success() || response.status() == StatusCode::NOT_MODIFIED {
            return Ok(response);
        }
        let (head, body) = response.into_parts();
        let problem = Problem::of(head.status, &whole(body).await.unwrap_or_default());
        if !problem.is_passing() {
            return Err(Retryable::Final(Error::Problem(problem)));
        }
        let after = head.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        let after = after.map(|seconds| Duration::from_secs(seconds).min(MAX_RETRY_AFTER));
        Err(Retryable::Passing(Passing { why: problem.text, after, is_answered: true }))
    }

    fn request(&self, ask: &ServiceRequest) -> Result<Request<Full<Bytes>>, hyper::http::Error> {
        let mut request = Request::new(Full::new(ask.body.clone()));
        *request.method_mut() = ask.method.clone();
        *request.uri_mut() = format!("{}{}", self.url.as_str(), ask.path).parse()?;
        let headers = request.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
        headers.insert(USER_AGENT, HeaderValue::from_static(concat!("eks-api-run/", env!("CARGO_PKG_VERSION"))));
        if !ask.body.is_empty() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        if let Some(authorization) = self.credential.header() {
            headers.insert(AUTHORIZATION, authorization);
        }
        headers.extend(ask.headers.iter().cloned());
        Ok(request)
    }
}

async fn whole(body: Incoming) -> Result<Bytes, String> {
    let collected = Limited::new(body, MAX_REPLY).collect().await;
    collected.map(http_body_util::Collected::to_bytes).map_err(|error| connection::cause(&*error))
}
