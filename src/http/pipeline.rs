//! The one spine that every request goes along: id and route, bounds, handler, and the one place that turns its
//! result into a response and a log line.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::{Method, Request, Response, StatusCode};
use log::Level;
use tokio::sync::{Semaphore, watch};

use super::cors::Cors;
use super::error::Problem;
use super::handlers::{self, Call, Target};
use super::media;
use super::parameters::Parameters;
use super::reply::Reply;
use super::request_id::{self, RequestId};
use super::route::{Access, NotFound, Route};
use crate::jobs::policy::Policy;
use crate::kube::cluster::Cluster;
use crate::kube::name::{JobName, Namespace};
use crate::kube::session::Session;

pub type HttpResponse = Response<Full<Bytes>>;

/// What all requests share.
#[derive(Debug)]
pub struct Pipeline {
    pub cluster: Arc<Cluster>,
    pub policy: Arc<Policy>,
    pub cors: Cors,
    pub permits: Semaphore,
    pub request_timeout: Duration,
    pub draining: watch::Receiver<bool>,
}

/// How a call ended, with what the log tells of it.
struct Outcome {
    result: Result<Reply, Problem>,
    target: Target,
    upstream: Duration,
}

impl From<Problem> for Outcome {
    fn from(problem: Problem) -> Self {
        Self { result: Err(problem), target: Target::default(), upstream: Duration::ZERO }
    }
}

impl Pipeline {
    /// Answers in a task of its own: what was begun ends and is logged although the caller hangs up.
    pub async fn serve(self: Arc<Self>, peer: SocketAddr, request: Request<Incoming>) -> HttpResponse {
        tokio::spawn(self.answer(peer, request)).await.unwrap_or_else(|error| {
            log::error!(caller:% = peer, cause:% = error; "a request was not answered");
            let mut response = Response::new(Full::default());
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            response
        })
    }

    async fn answer(self: Arc<Self>, peer: SocketAddr, request: Request<Incoming>) -> HttpResponse {
        let started = Instant::now();
        let request_id = RequestId::of(request.headers());
        let origin_headers = request.headers().clone();
        let path = request.uri().path();
        let route = Route::find(request.method(), path);
        let (operation, is_read) = route.as_ref().map_or(("none", false), |r| (r.operation(), r.is_read()));

        let (outcome, preflight) = match route {
            Err(NotFound::Method { allow }) if *request.method() == Method::OPTIONS => (None, Some(allow)),
            _ if *request.method() == Method::OPTIONS && path == "*" => (None, Some(String::new())),
            Err(NotFound::Method { allow }) => (Some(Problem::method_not_allowed(allow).into()), None),
            Err(NotFound::Path) => {
                let detail = "there is nothing at this path";
                (Some(Problem::new(StatusCode::NOT_FOUND, "path_not_found", detail).into()), None)
            }
            Ok(route) => (Some(self.clone().routed(route, started, request_id.clone(), request).await), None),
        };
        let mut response = match &outcome {
            Some(outcome) => response(&request_id, &outcome.result),
            None => no_content(preflight.as_deref()),
        };
        self.cors.apply(&origin_headers, preflight.as_deref(), response.headers_mut());
        if let Some(id) = request_id.header() {
            response.headers_mut().insert(request_id::HEADER, id);
        }
        let outcome = outcome.unwrap_or_else(|| Outcome {
            result: Ok(Reply { status: StatusCode::NO_CONTENT, body: Vec::new() }),
            target: Target::default(),
            upstream: Duration::ZERO,
        });
        log(&request_id, operation, is_read, peer, &outcome, started.elapsed());
        response
    }

    async fn routed(
        self: Arc<Self>,
        route: Route,
        started: Instant,
        request_id: RequestId,
        request: Request<Incoming>,
    ) -> Outcome {
        let (head, body) = request.into_parts();
        let checked = media::accepts_json(&head.headers).and_then(|()| Parameters::parse(route, head.uri.query()));
        let parameters = match checked {
            Ok(parameters) => parameters,
            Err(problem) => return problem.into(),
        };
        let mut call = Call {
            route,
            request_id,
            parameters,
            headers: head.headers,
            session: Session::new(Arc::clone(&self.cluster), started + self.request_timeout),
            policy: Arc::clone(&self.policy),
            now: SystemTime::now(),
            draining: *self.draining.borrow(),
            target: Target::default(),
        };
        // Another task, so that a panic in a handler is answered and logged as any other failure.
        let task = tokio::spawn(async move {
            let permit = match route.access() {
                Access::Open => None,
                Access::Cluster(_) => match self.permits.try_acquire() {
                    Ok(permit) => Some(permit),
                    Err(_) => return overloaded().into(),
                },
            };
            let result = handlers::answer(&mut call, body).await;
            drop(permit);
            Outcome { result, upstream: call.session.upstream_time(), target: call.target }
        });
        task.await.unwrap_or_else(|error| {
            let problem = Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalError", "the service failed");
            Problem { cause: Some(error.to_string().into()), ..problem }.into()
        })
    }
}

fn overloaded() -> Problem {
    Problem::unavailable("overloaded", "too many requests at a time; try again", Duration::from_secs(1))
}

fn response(request_id: &RequestId, result: &Result<Reply, Problem>) -> HttpResponse {
    let (status, media_type, body) = match result {
        Ok(reply) => (reply.status, "application/json", reply.body.clone()),
        Err(problem) => (problem.status, "application/problem+json", problem.document(request_id.as_str())),
    };
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Err(problem) = result {
        if let Some(allow) = problem.allow.as_deref().and_then(|allow| HeaderValue::from_str(allow).ok()) {
            headers.insert(ALLOW, allow);
        }
        if let Some(time) = problem.retry_after {
            headers.insert(RETRY_AFTER, time.as_secs().max(1).into());
        }
    }
    response
}

/// The answer to OPTIONS.
fn no_content(allow: Option<&str>) -> HttpResponse {
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::NO_CONTENT;
    if let Some(allow) = allow.filter(|allow| !allow.is_empty()).and_then(|allow| HeaderValue::from_str(allow).ok()) {
        response.headers_mut().insert(ALLOW, allow);
    }
    response
}

/// One line a request; successful reads only at DEBUG, so that thousands of polls do not bury the journal.
fn log(id: &RequestId, operation: &str, is_read: bool, peer: SocketAddr, outcome: &Outcome, took: Duration) {
    let (status, problem) = match &outcome.result {
        Ok(reply) => (reply.status, None),
        Err(problem) => (problem.status, Some(problem)),
    };
    let level = match status.as_u16() {
        // Not ready, overloaded or draining: said before, and no defect.
        503 => Level::Warn,
        500.. => Level::Error,
        200..400 if is_read => Level::Debug,
        _ => Level::Info,
    };
    let milliseconds = |time: Duration| format!("{:.3}", time.as_secs_f64() * 1000.0);
    let name = |text: Option<&str>| text.unwrap_or("").to_owned();
    log::log!(
        level,
        request_id = id.as_str(),
        operation = operation,
        caller:% = peer,
        namespace = name(outcome.target.namespace.as_ref().map(Namespace::as_str)),
        job = name(outcome.target.job.as_ref().map(JobName::as_str)),
        status = status.as_u16(),
        reason = name(problem.map(|problem| problem.reason.as_str())),
        cause = name(problem.and_then(|problem| problem.cause.as_deref())),
        duration_ms = milliseconds(took),
        upstream_ms = milliseconds(outcome.upstream);
        "request"
    );
}
