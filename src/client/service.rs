//! Requests to the service, made again while it is away or busy. What they ask and what an answer means is for whoever
//! asks; all of them may be made twice.

use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER, USER_AGENT};
use hyper::{Method, Request, Response, StatusCode};
use serde::Deserialize;
use tokio::time::{Instant, sleep, timeout};

use super::connection::{self, Connections};
use super::credential::Credential;
use super::end::{End, UNAVAILABLE};
use super::options::Url;
use super::progress::Progress;

/// How long a service that does not answer is tried again, if the run itself has no limit.
const PATIENCE: Duration = Duration::from_mins(2);
/// Longer than any call takes, its `wait` included; TCP finds a dead connection much earlier.
const LONGEST_CALL: Duration = Duration::from_mins(11);
/// Details of a job with many pods stay far below.
const LARGEST_REPLY: usize = 16 << 20;
const SHORTEST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// A service that asks for more patience than this is asked again all the same.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub struct Service<'a> {
    pub url: &'a Url,
    pub connections: Connections,
    pub credential: Credential,
    pub progress: &'a Progress,
    /// Whether the run ends at some time by itself.
    pub has_limit: bool,
}

#[derive(Debug)]
pub struct Ask {
    pub method: Method,
    /// With its query.
    pub path: String,
    pub headers: Vec<(HeaderName, HeaderValue)>,
    pub body: Bytes,
}

impl Ask {
    pub fn get(path: String) -> Self {
        Self { method: Method::GET, path, headers: Vec::new(), body: Bytes::new() }
    }
}

/// What the service says is wrong (RFC 9457), or as much as can be told of another answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub status: StatusCode,
    pub text: String,
}

/// A whole answer, of a status that is no error.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

#[derive(Debug)]
pub enum Error {
    Problem(Problem),
    End(End),
}

impl From<End> for Error {
    fn from(end: End) -> Self {
        Self::End(end)
    }
}

/// Why an attempt came to nothing.
enum Setback {
    /// It may be otherwise soon.
    Passing {
        why: String,
        after: Option<Duration>,
    },
    Final(Error),
}

impl Service<'_> {
    /// The answer as soon as its head is there.
    pub async fn open(&self, ask: &Ask) -> Result<Response<Incoming>, Error> {
        let mut patience = Patience::new(self);
        loop {
            match self.attempt(ask).await {
                Ok(response) => return Ok(response),
                Err(setback) => patience.bear(setback).await?,
            }
        }
    }

    /// The whole answer.
    pub async fn call(&self, ask: &Ask) -> Result<Answer, Error> {
        let mut patience = Patience::new(self);
        loop {
            let attempt = async {
                let (head, body) = self.attempt(ask).await?.into_parts();
                let body = whole(body).await.map_err(|why| Setback::Passing { why, after: None })?;
                Ok(Answer { status: head.status, headers: head.headers, body })
            };
            let late = || Setback::Passing { why: "no answer in time".to_owned(), after: None };
            match timeout(LONGEST_CALL, attempt).await.unwrap_or_else(|_| Err(late())) {
                Ok(answer) => return Ok(answer),
                Err(setback) => patience.bear(setback).await?,
            }
        }
    }

    async fn attempt(&self, ask: &Ask) -> Result<Response<Incoming>, Setback> {
        let request = self.request(ask).map_err(|error| Setback::Final(End::usage(error.to_string()).into()))?;
        let response = self.connections.request(request).await.map_err(|error| {
            let why = connection::cause(&error);
            if connection::is_distrust(&error) {
                let told = format!("{} is not to be trusted: {why}; see --ca-file", self.url.as_str());
                return Setback::Final(End::new(UNAVAILABLE, told).into());
            }
            Setback::Passing { why, after: None }
        })?;
        if response.status().is_success() || response.status() == StatusCode::NOT_MODIFIED {
            return Ok(response);
        }
        let (head, body) = response.into_parts();
        let problem = Problem::of(head.status, &whole(body).await.unwrap_or_default());
        match head.status.as_u16() {
            429 | 502..=504 => {
                let after = head.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
                Err(Setback::Passing { why: problem.text, after: after.map(Duration::from_secs) })
            }
            _ => Err(Setback::Final(Error::Problem(problem))),
        }
    }

    fn request(&self, ask: &Ask) -> Result<Request<Full<Bytes>>, hyper::http::Error> {
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
    let collected = Limited::new(body, LARGEST_REPLY).collect().await;
    collected.map(http_body_util::Collected::to_bytes).map_err(|error| connection::cause(&*error))
}

impl Problem {
    fn of(status: StatusCode, body: &[u8]) -> Self {
        #[derive(Deserialize)]
        struct Document {
            detail: String,
            reason: String,
            request_id: String,
        }
        let text = match serde_json::from_slice(body) {
            Ok(Document { detail, reason, request_id }) => {
                format!("{detail} ({} {reason}, request {request_id})", status.as_u16())
            }
            Err(_) => format!("it answers {status}, and not as eks-api does"),
        };
        Self { status, text }
    }
}

/// For how long, and how often, a service that is away is asked again.
struct Patience<'a> {
    service: &'a Service<'a>,
    since: Option<Instant>,
    pause: Duration,
    told: String,
}

impl<'a> Patience<'a> {
    const fn new(service: &'a Service<'a>) -> Self {
        Self { service, since: None, pause: SHORTEST_PAUSE, told: String::new() }
    }

    /// Pauses, if there is reason to hope.
    async fn bear(&mut self, setback: Setback) -> Result<(), Error> {
        let (why, after) = match setback {
            Setback::Final(error) => return Err(error),
            Setback::Passing { why, after } => (why, after),
        };
        let url = self.service.url.as_str();
        let since = *self.since.get_or_insert_with(Instant::now);
        if !self.service.has_limit && since.elapsed() >= PATIENCE {
            return Err(End::new(UNAVAILABLE, format!("{url}: {why}")).into());
        }
        if self.told != why {
            self.service.progress.note(&format!("{url}: {why}; trying again"));
            self.told = why;
        }
        // Many who were sent away together need not come back together.
        let jitter = self.pause.mul_f64(fastrand::f64() / 2.0);
        sleep(after.map_or(self.pause, |after| after.min(LONGEST_RETRY_AFTER)) + jitter).await;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        Ok(())
    }
}
