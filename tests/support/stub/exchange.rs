//! One request from its arrival to its answer: recorded, struck by a fault or not, authenticated,
//! routed. The answers themselves come from the routes.

use std::convert::Infallible;
use std::sync::Arc;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_LENGTH, HeaderName, HeaderValue, WARNING};
use hyper::{Request, Response};
use serde_json::Value;
use tokio::sync::mpsc::UnboundedSender;

use super::body::{AnyBody, Huge, Told, Truncated};
use super::connection::Connection;
use super::fault::{self, Kind};
use super::recorded::Recorded;
use super::routes::{self, Call};
use super::server::Server;
use super::status::Reply;
use super::streams;

/// What a request is answered with: a document, or a head and a body that is still to be told.
#[derive(Debug)]
pub enum Answer {
    Whole(Reply),
    Stream(Reply, AnyBody),
}

impl Answer {
    /// A stream of JSON lines.
    pub fn told<F: Future<Output = ()> + Send + 'static>(teller: impl FnOnce(UnboundedSender<Bytes>) -> F) -> Self {
        Self::told_as("application/json", teller)
    }

    pub fn told_as<F: Future<Output = ()> + Send + 'static>(
        media_type: &str,
        teller: impl FnOnce(UnboundedSender<Bytes>) -> F,
    ) -> Self {
        let headers = vec![("content-type".to_owned(), media_type.to_owned())];
        Self::Stream(Reply::new(200, Value::Null).with_headers(headers), Told::new(teller).boxed_unsync())
    }

    /// A stream of these lines and no more.
    pub fn lines(lines: Vec<Bytes>) -> Self {
        Self::told(|sender| async move {
            for line in lines {
                // The receiver lives as long as this future does.
                let _ = sender.send(line);
            }
        })
    }
}

pub async fn answer(
    server: Arc<Server>,
    connection: Arc<Connection>,
    request: Request<Incoming>,
) -> Result<Response<AnyBody>, Infallible> {
    let (head, body) = request.into_parts();
    let Ok(body) = body.collect().await else { return connection.cut_now().await };
    let body = body.to_bytes();
    let request = Recorded::new(&head, &body);
    server.requests.send_modify(|requests| requests.push(request.clone()));

    let fault = fault::take(&mut server.faults.lock().unwrap(), &request);
    let instead = match &fault {
        Some(Kind::CutBefore) => return connection.cut_now().await,
        Some(Kind::Huge(bytes)) => {
            let huge = Huge { left: *bytes }.boxed_unsync();
            return Ok(respond(&Reply::broken_json(), huge));
        }
        Some(Kind::Garbage) => Some(Reply::broken_json()),
        Some(Kind::Unauthorized) => Some(server.access().refuse("a fault says so")),
        Some(Kind::Reply { status, headers, body }) => {
            Some(Reply::new(*status, body.clone()).with_headers(headers.clone()))
        }
        Some(Kind::HoldBefore(gate)) => {
            gate.pass().await;
            None
        }
        _ => None,
    };
    let answer = instead.map_or_else(|| process(&server, &connection, &request, &body), Answer::Whole);
    match &fault {
        Some(Kind::CutAfter) => return connection.cut_now().await,
        Some(Kind::HoldAfter(gate)) => gate.pass().await,
        _ => {}
    }
    let reply = match answer {
        Answer::Whole(reply) => reply,
        Answer::Stream(head, body) => return Ok(respond(&head, body)),
    };
    if let Some(Kind::Truncate) = fault {
        let bytes = reply.bytes();
        let half = Truncated::new(connection, bytes.slice(..bytes.len() / 2));
        let mut response = respond(&reply, half.boxed_unsync());
        response.headers_mut().insert(CONTENT_LENGTH, bytes.len().into());
        return Ok(response);
    }
    let body = Full::new(reply.bytes()).map_err(|never| match never {});
    Ok(respond(&reply, body.boxed_unsync()))
}

fn process(server: &Arc<Server>, connection: &Arc<Connection>, request: &Recorded, body: &[u8]) -> Answer {
    let call = Call::new(request, body);
    let mut access = server.access();
    let user = match access.authenticate(request.token.as_deref()) {
        Ok(user) => user,
        Err(rule) => return Answer::Whole(access.refuse(&rule)),
    };
    if let Some(denied) = access.authorize(&user, &call) {
        return Answer::Whole(denied);
    }
    if call.path == ["apis", "authorization.k8s.io", "v1", "selfsubjectaccessreviews"] {
        return Answer::Whole(access.review(&user, &request.body));
    }
    drop(access);
    let stream = streams::open(server, connection, &call);
    stream.unwrap_or_else(|| Answer::Whole(routes::route(&mut server.store(), &call)))
}

fn respond(reply: &Reply, body: AnyBody) -> Response<AnyBody> {
    let content_type = if reply.body.is_string() { "text/plain; charset=utf-8" } else { "application/json" };
    let mut response = Response::builder()
        .status(reply.status)
        .header("cache-control", "no-cache, private")
        .header("content-type", content_type)
        .body(body)
        .unwrap();
    for (name, value) in &reply.headers {
        let name: HeaderName = name.parse().unwrap();
        // A header may hold UTF-8, as an API server's warnings do.
        let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
        // Several warnings are several headers; anything else takes the place of what stands there.
        if name == WARNING {
            response.headers_mut().append(name, value);
        } else {
            response.headers_mut().insert(name, value);
        }
    }
    response
}
