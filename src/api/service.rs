//! The one path of every request: id and route, admission, handler, log line and audit, response.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::header::{CONNECTION, HeaderValue, ORIGIN};
use hyper::{Method, Request, StatusCode};

use crate::api::audit::Subject;
use crate::api::context::{AppState, ObjectRef};
use crate::api::gate::Gate;
use crate::api::request_guard::{Answer, RequestGuard, run, tell};
use crate::api::request_log::RequestInfo;
use crate::api::routes::{NotFound, Route};
use crate::auth::Caller;
use crate::http::connection::Handler;
use crate::http::framing;
use crate::http::peer::Peer;
use crate::http::request::body_stream::RequestBody;
use crate::http::request::credentials;
use crate::http::request::media::Media;
use crate::http::request::request_id::RequestId;
use crate::http::response::problem::Problem;
use crate::http::response::reply::Reply;
use crate::http::response::{HttpResponse, response};

#[derive(Debug)]
pub struct Service {
    pub shared: Arc<AppState>,
    pub admission: Gate,
}

/// What the response needs of the request.
struct Head {
    request_id: RequestId,
    origin: Option<HeaderValue>,
    asks_options: bool,
    media: Media,
    /// The methods that its path takes, where the reply has to name them.
    allow: Option<String>,
    /// Whether the connection ends with the reply, as the request's header cannot be trusted.
    closes: bool,
}

impl Handler for Service {
    async fn handle(self: Arc<Self>, peer: Arc<Peer>, request: Request<RequestBody>) -> HttpResponse {
        let (head, begun) = self.begin(&peer, request);
        let answer = match begun {
            Ok((running, body)) => run(running, body).await,
            Err(answer) => answer,
        };
        let mut response =
            response(&head.request_id, answer.result, head.media, head.allow.as_deref(), answer.allowance);
        let preflight = head.allow.as_deref().filter(|_| head.asks_options);
        self.admission.cors.apply(head.origin.as_ref(), preflight, response.headers_mut());
        // The drain may have begun without this connection having been polled since; the reply is to say so.
        if head.closes || *self.shared.draining.borrow() {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }

    async fn finished(&self) {
        self.shared.calls.idle().await;
    }
}

impl Service {
    /// Admits the request: a call whose handler is to run, or the answer. The body of what is refused is dropped here.
    fn begin(
        &self,
        peer: &Peer,
        request: Request<RequestBody>,
    ) -> (Head, Result<(Box<RequestGuard>, RequestBody), Answer>) {
        let framed = framing::check(&request);
        let (mut parts, body) = request.into_parts();
        credentials::mark_sensitive(&mut parts.headers);
        let route = Route::find(&parts.method, parts.uri.path());
        let line = RequestInfo {
            request_id: RequestId::parse(&parts.headers),
            route: route.as_ref().ok().copied(),
            peer: peer.address,
            started: Instant::now(),
        };
        let mut head = Head {
            request_id: line.request_id,
            origin: parts.headers.get(ORIGIN).cloned(),
            asks_options: parts.method == Method::OPTIONS,
            media: route.as_ref().map_or(Media::Json, |route| route.media()),
            allow: None,
            closes: framed.is_err(),
        };
        if let Err(problem) = framed {
            return (head, Err(self.refused(&line, &Caller::anonymous(), problem)));
        }
        let route = match route {
            Ok(route) => route,
            Err(not_found) => {
                let answer = self.unrouted(&line, &not_found, head.asks_options, parts.uri.path());
                head.allow = not_found.allow;
                return (head, Err(answer));
            }
        };
        let mut caller = Caller::anonymous();
        let request = (parts.uri, parts.headers);
        let begun = match self.admission.admit(&self.shared, (route, &line, peer), request, &mut caller) {
            Ok(call) => Ok((Box::new(RequestGuard::new(call, line)), body)),
            Err(problem) => Err(self.refused(&line, &caller, problem)),
        };
        (head, begun)
    }

    /// A request that became no call. It is counted, so that nobody can try for long.
    fn refused(&self, line: &RequestInfo, caller: &Caller, problem: Problem) -> Answer {
        let counted = self.shared.rates.count(&self.shared.traffic, line.peer.ip(), caller, line.started);
        let (result, allowance) = match counted {
            Ok(left) => (Err(problem), left),
            Err(too_many) => (Err(too_many), None),
        };
        self.tell(line, caller, &result);
        Answer { result, allowance }
    }

    /// The answer where there is no route: to OPTIONS the methods there are, to anything else what is wrong.
    fn unrouted(&self, line: &RequestInfo, not_found: &NotFound, asks_options: bool, path: &str) -> Answer {
        let problem = match &not_found.allow {
            Some(allow) if !asks_options => Problem::method_not_allowed(allow),
            None if !asks_options || path != "*" => {
                Problem::new(StatusCode::NOT_FOUND, "path_not_found", "there is nothing at this path")
            }
            _ => {
                let counted =
                    self.shared.rates.count(&self.shared.traffic, line.peer.ip(), &Caller::anonymous(), line.started);
                let allowance = counted.as_ref().ok().copied().flatten();
                let result = counted.map(|_| Reply::empty(StatusCode::NO_CONTENT));
                self.tell(line, &Caller::anonymous(), &result);
                return Answer { result, allowance };
            }
        };
        self.refused(line, &Caller::anonymous(), problem)
    }

    fn tell(&self, line: &RequestInfo, caller: &Caller, result: &Result<Reply, Problem>) {
        tell(&self.shared, &Subject { line, caller, target: &ObjectRef::default() }, result, Duration::ZERO);
    }
}
