//! [`Service`]: the path of every request from its header to its response.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::header::{CONNECTION, HeaderValue, ORIGIN};
use hyper::{Method, Request, StatusCode};

use crate::api::context::RequestContext;
use crate::api::docs;
use crate::api::gate::Gate;
use crate::api::request_guard::{Answer, run};
use crate::api::request_log::record_completion;
use crate::api::routes::{NotFound, Route};
use crate::api::state::AppState;
use crate::audit::request_info::{NO_OPERATION, ObjectRef, RequestInfo};
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
    pub gate: Gate,
}

/// The parts of the request that the response needs.
struct RequestHead {
    request_id: RequestId,
    origin: Option<HeaderValue>,
    is_options: bool,
    media: Media,
    /// The methods of the path, if the response has to name them.
    allow: Option<String>,
    /// Whether the response ends the connection, because the framing of the request cannot be trusted.
    closes: bool,
}

impl Handler for Service {
    async fn handle(self: Arc<Self>, peer: Arc<Peer>, request: Request<RequestBody>) -> HttpResponse {
        let (head, admitted) = self.admit(&peer, request);
        let answer = match admitted {
            Ok((ctx, body)) => run(ctx, body).await,
            Err(answer) => answer,
        };
        self.finish(&head, answer)
    }

    async fn finished(&self) {
        self.shared.calls.idle().await;
    }
}

impl Service {
    /// Returns the context for the handler, or the answer if no handler runs.
    fn admit(
        &self,
        peer: &Peer,
        request: Request<RequestBody>,
    ) -> (RequestHead, Result<(Box<RequestContext>, RequestBody), Answer>) {
        let framing = framing::check(&request);
        let (mut parts, body) = request.into_parts();
        credentials::mark_sensitive(&mut parts.headers);
        let route = Route::find(&parts.method, parts.uri.path());
        let known = route.as_ref().ok();
        let request_id = RequestId::parse(&parts.headers);
        let mut info = RequestInfo {
            request_id: request_id.as_str().to_owned(),
            operation: known.map_or(NO_OPERATION, |route| route.operation()),
            object_kind: known.map_or("", |route| route.object_kind()),
            is_change: known.is_some_and(|route| !route.is_read()),
            is_dry_run: false,
            cluster: Arc::clone(self.shared.clusters.default_cluster().name()),
            peer: peer.address,
            caller: Caller::Unauthenticated,
            object: ObjectRef::default(),
            started: Instant::now(),
        };
        let mut head = RequestHead {
            request_id,
            origin: parts.headers.get(ORIGIN).cloned(),
            is_options: parts.method == Method::OPTIONS,
            media: known.map_or(Media::Json, |route| route.media()),
            allow: None,
            closes: framing.is_err(),
        };
        let result = match (framing, route) {
            (Err(problem), _) => Err(problem),
            (Ok(()), Err(not_found)) => {
                let result = unrouted(&not_found, &parts.method, parts.uri.path(), self.shared.docs);
                head.allow = not_found.allow;
                result
            }
            (Ok(()), Ok(route)) => {
                match self.gate.admit(&self.shared, route, &mut info, peer, (&parts.uri, &parts.headers)) {
                    Ok((parameters, cluster)) => {
                        let state = Arc::clone(&self.shared);
                        let ctx = RequestContext::new(state, cluster, route, info, parameters, parts.headers);
                        return (head, Ok((Box::new(ctx), body)));
                    }
                    Err(problem) => Err(problem),
                }
            }
        };
        (head, Err(self.answer(&info, result)))
    }

    /// Answers a request that reaches no handler. The rate limits count it, so that nobody can try for long.
    fn answer(&self, info: &RequestInfo, result: Result<Reply, Problem>) -> Answer {
        // By the default cluster: the limit of a forbidden one would tell that it exists.
        let default = self.shared.clusters.default_cluster();
        let counted = self.shared.rates.count(default.name(), info.peer.ip(), &info.caller, info.started);
        let (result, allowance) = match counted {
            Ok(allowance) => (result, allowance),
            Err(too_many) => (Err(too_many), None),
        };
        record_completion(&self.shared, info, &result, Duration::ZERO);
        Answer { result, allowance }
    }

    fn finish(&self, head: &RequestHead, Answer { result, allowance }: Answer) -> HttpResponse {
        let allow = head.allow.as_deref();
        let mut response = response(&head.request_id, result, head.media, allow, allowance);
        let headers = response.headers_mut();
        self.gate.cors.apply(head.origin.as_ref(), allow.filter(|_| head.is_options), headers);
        // The connection may not have been polled since the drain started.
        if head.closes || *self.shared.draining.borrow() {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

/// Answers a request without a route: OPTIONS with the methods of the path, anything else with an error or a redirect.
fn unrouted(not_found: &NotFound, method: &Method, path: &str, docs: bool) -> Result<Reply, Problem> {
    match &not_found.allow {
        Some(allow) if *method != Method::OPTIONS => Err(Problem::method_not_allowed(allow)),
        None if *method != Method::OPTIONS || path != "*" => docs::unknown_path(method, path, docs),
        _ => Ok(Reply::empty(StatusCode::NO_CONTENT)),
    }
}
