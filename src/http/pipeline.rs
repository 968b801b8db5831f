//! The one spine that every request goes along: id and route, admission, handler, log line and audit, response.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::header::{CONNECTION, HeaderValue, ORIGIN};
use hyper::{Method, Request, StatusCode};
use tokio::task::yield_now;

use super::admission::Admission;
use super::audit::Subject;
use super::cors::Cors;
use super::error::Problem;
use super::framing;
use super::handlers::{Shared, Target};
use super::header::lines;
use super::limit::FREE_HEAD;
use super::media::Media;
use super::peer::Peer;
use super::rate::Allowance;
use super::reply::Reply;
use super::request_body::RequestBody;
use super::request_id::RequestId;
use super::request_log::LogLine;
use super::response::{HttpResponse, response};
use super::route::{NotFound, Route};
use super::running::{Running, at_once, run, tell};
use crate::auth::Caller;

#[derive(Debug)]
pub struct Pipeline {
    pub shared: Arc<Shared>,
    pub cors: Cors,
    pub admission: Admission,
}

/// A request whose handler has to run.
struct Open {
    running: Box<Running>,
    body: RequestBody,
    origin: Option<HeaderValue>,
    allowance: Option<Allowance>,
}

impl Pipeline {
    /// Goes as far as there is nothing to wait for at once, and most reads go no further: a future that held a request
    /// would be copied on its way to where it runs.
    pub fn serve(
        self: Arc<Self>,
        peer: &Peer,
        request: Request<RequestBody>,
    ) -> impl Future<Output = Result<HttpResponse, Infallible>> + use<> {
        let is_long = request.uri().query().is_some_and(|query| query.len() > FREE_HEAD);
        let begun = self.begin(peer, request);
        async move {
            // That took long; of several that came together, each lets others be served before the next.
            if is_long {
                yield_now().await;
            }
            let mut response = match begun {
                Ok(response) => response,
                // Boxed, as every connection has room for this future, also while nothing is asked of it.
                Err(open) => Box::pin(self.end(open)).await,
            };
            // The drain may have begun without this connection having been polled since; the reply is to say so.
            if *self.shared.draining.borrow() {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok(response)
        }
    }

    /// The response, if it can be given at once.
    fn begin(&self, peer: &Peer, mut request: Request<RequestBody>) -> Result<HttpResponse, Box<Open>> {
        let route = Route::find(request.method(), request.uri().path());
        let line = LogLine {
            request_id: RequestId::of(request.headers()),
            route: route.as_ref().ok().copied(),
            peer: peer.address,
            started: Instant::now(),
        };
        let origin = lines(request.headers(), ORIGIN).next().cloned();
        if let Err(problem) = framing::check(&request) {
            return Ok(self.misframed(peer, &line, problem));
        }
        let route = match route {
            Ok(route) => route,
            Err(not_found) => return Ok(self.unrouted(peer, &line, &not_found, origin.as_ref(), &request)),
        };
        let head = (std::mem::take(request.uri_mut()), std::mem::take(request.headers_mut()));
        let mut caller = Caller::nobody();
        let result = match self.admission.admit(&self.shared, &self.cors, (route, &line, peer), head, &mut caller) {
            Ok(mut call) => {
                let mut allowance = None;
                // What is answered from memory costs nothing of what follows, and is not counted.
                let answer = at_once(&mut call).or_else(|| {
                    let counted = self.admission.count(&self.shared, peer, &caller, line.started);
                    counted.map(|left| allowance = left).err().map(Err)
                });
                let Some(result) = answer else {
                    let (running, body) = (Box::new(Running::new(call, line)), request.into_body());
                    return Err(Box::new(Open { running, body, origin, allowance }));
                };
                self.tell(&line, &caller, &call.target, &result);
                result
            }
            Err(problem) => {
                let result = Err(problem);
                self.tell(&line, &caller, &Target::default(), &result);
                result
            }
        };
        Ok(self.response(route, &line.request_id, result, origin.as_ref(), None))
    }

    async fn end(&self, open: Box<Open>) -> HttpResponse {
        let Open { running, body, origin, allowance } = *open;
        let (route, request_id) = (running.route(), running.request_id());
        let result = run(running, body).await;
        self.response(route, &request_id, result, origin.as_ref(), allowance)
    }

    fn response(
        &self,
        route: Route,
        request_id: &RequestId,
        result: Result<Reply, Problem>,
        origin: Option<&HeaderValue>,
        allowance: Option<Allowance>,
    ) -> HttpResponse {
        let mut response = response(request_id, result, route.media(), None, allowance);
        self.cors.apply(origin, None, response.headers_mut());
        response
    }

    fn unrouted(
        &self,
        peer: &Peer,
        line: &LogLine,
        not_found: &NotFound,
        origin: Option<&HeaderValue>,
        request: &Request<RequestBody>,
    ) -> HttpResponse {
        let asks_options = *request.method() == Method::OPTIONS;
        let counted = self.admission.count_peer(&self.shared, peer, line.started);
        let (result, allowance) = match counted {
            Ok(left) => (unrouted(not_found, asks_options, request.uri().path()), left),
            Err(too_many) => (Err(too_many), None),
        };
        self.tell(line, &Caller::nobody(), &Target::default(), &result);
        let allow = not_found.allow.as_deref();
        let mut response = response(&line.request_id, result, Media::Json, allow, allowance);
        self.cors.apply(origin, allow.filter(|_| asks_options), response.headers_mut());
        response
    }

    /// The reply to a request whose header cannot be trusted. The connection ends with it.
    fn misframed(&self, peer: &Peer, line: &LogLine, problem: Problem) -> HttpResponse {
        let result = Err(self.admission.count_peer(&self.shared, peer, line.started).err().unwrap_or(problem));
        self.tell(line, &Caller::nobody(), &Target::default(), &result);
        let mut response = response(&line.request_id, result, Media::Json, None, None);
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        response
    }

    fn tell(&self, line: &LogLine, caller: &Caller, target: &Target, result: &Result<Reply, Problem>) {
        tell(&self.shared, &Subject { line, caller, target }, result, Duration::ZERO);
    }
}

/// The answer where there is no route: to OPTIONS what there is, to anything else what is wrong.
fn unrouted(not_found: &NotFound, asks_options: bool, path: &str) -> Result<Reply, Problem> {
    match &not_found.allow {
        Some(_) if asks_options => Ok(Reply::empty(StatusCode::NO_CONTENT)),
        None if asks_options && path == "*" => Ok(Reply::empty(StatusCode::NO_CONTENT)),
        Some(allow) => Err(Problem::method_not_allowed(allow)),
        None => Err(Problem::new(StatusCode::NOT_FOUND, "path_not_found", "there is nothing at this path")),
    }
}
