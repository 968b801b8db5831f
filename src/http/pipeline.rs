//! The one spine that every request goes along: id and route, bounds, handler, log line, response.

use std::any::Any;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant, SystemTime};

use hyper::body::Incoming;
use hyper::header::ORIGIN;
use hyper::{Method, Request, StatusCode};
use tokio::sync::oneshot;

use super::access::Access;
use super::cors::Cors;
use super::error::Problem;
use super::handlers::{self, Call, Shared, Target};
use super::media::{self, Media};
use super::parameters::Parameters;
use super::reply::Reply;
use super::request_id::RequestId;
use super::request_log::LogLine;
use super::response::{HttpResponse, response};
use super::route::{NotFound, Route};
use crate::kube::session::Session;

#[derive(Debug)]
pub struct Pipeline {
    pub shared: Arc<Shared>,
    pub cors: Cors,
}

impl Pipeline {
    pub async fn serve(&self, peer: SocketAddr, request: Request<Incoming>) -> HttpResponse {
        let started = Instant::now();
        let request_id = RequestId::of(request.headers());
        let origin = request.headers().get(ORIGIN).cloned();
        let asks_options = *request.method() == Method::OPTIONS;
        let route = Route::find(request.method(), request.uri().path());
        let line = LogLine { request_id, route: route.as_ref().ok().copied(), peer, started };

        let (result, media, allow) = match route {
            Ok(route) => (self.routed(route, line, request).await, route.media(), None),
            Err(not_found) => {
                let result = unrouted(&not_found, asks_options, request.uri().path());
                line.write(&result, &Target::default(), Duration::ZERO);
                (result, Media::Json, not_found.allow)
            }
        };
        let mut response = response(&request_id, result, media, allow.as_deref());
        self.cors.apply(origin.as_ref(), allow.as_deref().filter(|_| asks_options), response.headers_mut());
        response
    }

    async fn routed(&self, route: Route, line: LogLine, request: Request<Incoming>) -> Result<Reply, Problem> {
        let (mut call, body) = match self.admitted(route, &line, request) {
            Ok(admitted) => admitted,
            Err(problem) => {
                let result = Err(problem);
                line.write(&result, &Target::default(), Duration::ZERO);
                return result;
            }
        };
        // Most reads are answered from memory, and cost nothing of what follows.
        let at_once = catch_unwind(AssertUnwindSafe(|| handlers::at_once(&mut call)));
        if let Some(result) = at_once.unwrap_or_else(|panic| Some(Err(panicked(&*panic)))) {
            line.write(&result, &call.target, Duration::ZERO);
            return result;
        }
        // Boxed, as a connection keeps room for the largest future that it may have to run.
        if route.is_read() { Box::pin(run(call, body, line)).await } else { detached(call, body, line).await }
    }

    /// What every call has to pass before its handler runs.
    fn admitted(&self, route: Route, line: &LogLine, request: Request<Incoming>) -> Result<(Call, Incoming), Problem> {
        let (head, body) = request.into_parts();
        media::accepts(route.media(), &head.headers)?;
        let shared = Arc::clone(&self.shared);
        let call = Call {
            route,
            request_id: line.request_id,
            parameters: Parameters::parse(route, head.uri)?,
            headers: head.headers,
            session: Session::new(Arc::clone(&shared.cluster), line.started + shared.request_timeout),
            shared,
            now: SystemTime::now(),
            permit: None,
            caller: None,
            target: Target::default(),
        };
        Ok((call, body))
    }
}

/// Runs the handler in a task of its own: a change that was begun ends, and is logged, although the caller hangs up.
async fn detached(mut call: Call, body: Incoming, line: LogLine) -> Result<Reply, Problem> {
    let (here, caller) = oneshot::channel();
    call.caller = Some(caller);
    // Boxed, as it is large and would be moved several times on its way.
    let ended = tokio::spawn(Box::pin(run(call, body, line))).await;
    drop(here);
    ended.unwrap_or_else(|error| Err(failed(&error.to_string())))
}

async fn run(mut call: Call, body: Incoming, line: LogLine) -> Result<Reply, Problem> {
    let result = match call.route.access() {
        Access::Open => Ok(None),
        Access::Cluster(_) => call.shared.calls.begin().map(Some),
    };
    let result = match result {
        Ok(permit) => {
            call.permit = permit;
            caught(pin!(handlers::answer(&mut call, body))).await
        }
        Err(problem) => Err(problem),
    };
    line.write(&result, &call.target, call.session.upstream_time());
    result
}

/// What the handler says, or that it panicked: that is this request's end alone.
async fn caught(mut handler: Pin<&mut impl Future<Output = Result<Reply, Problem>>>) -> Result<Reply, Problem> {
    std::future::poll_fn(|context| {
        let polled = catch_unwind(AssertUnwindSafe(|| handler.as_mut().poll(context)));
        polled.unwrap_or_else(|panic| Poll::Ready(Err(panicked(&*panic))))
    })
    .await
}

fn panicked(panic: &(dyn Any + Send)) -> Problem {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    failed(&format!("panicked: {}", text.unwrap_or("no message")))
}

fn failed(cause: &str) -> Problem {
    let problem = Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalError", "the service failed");
    Problem { cause: Some(cause.into()), ..problem }
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
