//! The one spine that every request goes along: id and route, bounds, handler, and the one place that turns its
//! result into a response and a log line.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, ORIGIN, RETRY_AFTER};
use hyper::{Method, Request, Response, StatusCode};
use log::Level;
use tokio::sync::{SemaphorePermit, watch};

use super::calls::Calls;
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
    pub calls: Calls,
    pub request_timeout: Duration,
    pub draining: watch::Receiver<bool>,
}

impl Pipeline {
    pub async fn serve(self: Arc<Self>, peer: SocketAddr, request: Request<Incoming>) -> HttpResponse {
        let started = Instant::now();
        let request_id = RequestId::of(request.headers());
        let origin = request.headers().get(ORIGIN).cloned();
        let route = Route::find(request.method(), request.uri().path());
        let asks_options = *request.method() == Method::OPTIONS;
        let line = LogLine { request_id: request_id.clone(), route: route.as_ref().ok().copied(), peer, started };

        let (mut result, allow) = match route {
            Ok(route) => (self.clone().routed(route, line, request).await, None),
            Err(not_found) => {
                let result = unrouted(&not_found, asks_options, request.uri().path());
                line.write(&result, &Target::default(), Duration::ZERO);
                let NotFound { allow } = not_found;
                (result, allow)
            }
        };
        let mut response = response(&request_id, &mut result, allow.as_deref());
        self.cors.apply(origin.as_ref(), allow.as_deref().filter(|_| asks_options), response.headers_mut());
        response
    }

    /// Runs the handler in a task of its own: what was begun ends, and is logged, although the caller hangs up, and a
    /// panic stays there.
    async fn routed(
        self: Arc<Self>,
        route: Route,
        line: LogLine,
        request: Request<Incoming>,
    ) -> Result<Reply, Problem> {
        let logged = line.clone();
        let task = tokio::spawn(async move {
            let admitted = self.admitted(route, &line, request);
            match admitted {
                Ok((mut call, body, _permit)) => {
                    let result = handlers::answer(&mut call, body).await;
                    line.write(&result, &call.target, call.session.upstream_time());
                    result
                }
                Err(problem) => {
                    let result = Err(problem);
                    line.write(&result, &Target::default(), Duration::ZERO);
                    result
                }
            }
        });
        task.await.unwrap_or_else(|error| {
            let problem = Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalError", "the service failed");
            let result = Err(Problem { cause: Some(error.to_string().into()), ..problem });
            logged.write(&result, &Target::default(), Duration::ZERO);
            result
        })
    }

    /// What every call has to pass before its handler runs; the permit is held until it has run.
    fn admitted(
        &self,
        route: Route,
        line: &LogLine,
        request: Request<Incoming>,
    ) -> Result<(Call, Incoming, Option<SemaphorePermit<'_>>), Problem> {
        let (head, body) = request.into_parts();
        media::accepts_json(&head.headers)?;
        let parameters = Parameters::parse(route, head.uri.query())?;
        let permit = match route.access() {
            Access::Open => None,
            Access::Cluster(_) => Some(self.calls.begin()?),
        };
        let call = Call {
            route,
            request_id: line.request_id.clone(),
            parameters,
            headers: head.headers,
            session: Session::new(Arc::clone(&self.cluster), line.started + self.request_timeout),
            policy: Arc::clone(&self.policy),
            now: SystemTime::now(),
            draining: *self.draining.borrow(),
            target: Target::default(),
        };
        Ok((call, body, permit))
    }
}

/// The answer where there is no route: to OPTIONS what there is, to anything else what is wrong.
fn unrouted(not_found: &NotFound, asks_options: bool, path: &str) -> Result<Reply, Problem> {
    match &not_found.allow {
        Some(_) if asks_options => Ok(Reply::no_content()),
        None if asks_options && path == "*" => Ok(Reply::no_content()),
        Some(allow) => Err(Problem::method_not_allowed(allow)),
        None => Err(Problem::new(StatusCode::NOT_FOUND, "path_not_found", "there is nothing at this path")),
    }
}

fn response(request_id: &RequestId, result: &mut Result<Reply, Problem>, allow: Option<&str>) -> HttpResponse {
    let (status, media_type, body) = match result {
        Ok(reply) => (reply.status, "application/json", std::mem::take(&mut reply.body)),
        Err(problem) => (problem.status, "application/problem+json", problem.document(request_id.as_str())),
    };
    let is_empty = body.is_empty();
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    if !is_empty {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if let Some(id) = request_id.header() {
        headers.insert(request_id::HEADER, id);
    }
    if let Some(allow) = allow.and_then(|allow| HeaderValue::from_str(allow).ok()) {
        headers.insert(ALLOW, allow);
    }
    if let Some(time) = result.as_ref().err().and_then(|problem| problem.retry_after) {
        headers.insert(RETRY_AFTER, time.as_secs().max(1).into());
    }
    response
}

/// What is known of a request when it comes in, for the one line that is logged when it ends.
#[derive(Clone, Debug)]
struct LogLine {
    request_id: RequestId,
    route: Option<Route>,
    peer: SocketAddr,
    started: Instant,
}

impl LogLine {
    /// Successful reads are told only at DEBUG, so that thousands of polls do not bury the journal.
    fn write(&self, result: &Result<Reply, Problem>, target: &Target, upstream: Duration) {
        let (status, problem) = match result {
            Ok(reply) => (reply.status, None),
            Err(problem) => (problem.status, Some(problem)),
        };
        let level = match status.as_u16() {
            // Not ready, overloaded or draining: said before, and no defect.
            503 => Level::Warn,
            500.. => Level::Error,
            200..400 if self.route.is_some_and(Route::is_read) => Level::Debug,
            _ => Level::Info,
        };
        let milliseconds = |time: Duration| (time.as_secs_f64() * 1e6).round() / 1e3;
        log::log!(
            level,
            request_id = self.request_id.as_str(),
            operation = self.route.map_or("none", Route::operation),
            caller:% = self.peer,
            namespace = target.namespace.as_ref().map_or("", Namespace::as_str),
            job = target.job.as_ref().map_or("", JobName::as_str),
            status = status.as_u16(),
            reason = problem.map_or("", |problem| &problem.reason),
            cause = problem.and_then(|problem| problem.cause.as_deref()).unwrap_or(""),
            duration_ms = milliseconds(self.started.elapsed()),
            upstream_ms = milliseconds(upstream);
            "request"
        );
    }
}
