//! One request from its arrival to its answer: recorded, struck by a fault or not, authenticated,
//! routed. The answers themselves come from the routes.

use std::convert::Infallible;
use std::sync::Arc;

use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_LENGTH, HeaderName, WARNING};
use hyper::{Request, Response};

use super::body::{AnyBody, Huge, Truncated};
use super::connection::Connection;
use super::fault::{self, Kind};
use super::recorded::Recorded;
use super::routes::{self, Call};
use super::server::Server;
use super::status::Reply;

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
            Some(Reply { status: *status, headers: headers.clone(), body: body.clone() })
        }
        Some(Kind::HoldBefore(gate)) => {
            gate.pass().await;
            None
        }
        _ => None,
    };
    let reply = instead.unwrap_or_else(|| process(&server, &request, &body));
    match fault {
        Some(Kind::CutAfter) => return connection.cut_now().await,
        Some(Kind::HoldAfter(gate)) => gate.pass().await,
        Some(Kind::Truncate) => {
            let bytes = reply.bytes();
            let half = Truncated::new(connection, bytes.slice(..bytes.len() / 2));
            let mut response = respond(&reply, half.boxed_unsync());
            response.headers_mut().insert(CONTENT_LENGTH, bytes.len().into());
            return Ok(response);
        }
        _ => {}
    }
    let body = Full::new(reply.bytes()).map_err(|never| match never {});
    Ok(respond(&reply, body.boxed_unsync()))
}

fn process(server: &Server, request: &Recorded, body: &[u8]) -> Reply {
    let call = Call::new(request, body);
    let mut access = server.access();
    let user = match access.authenticate(request.token.as_deref()) {
        Ok(user) => user,
        Err(rule) => return access.refuse(&rule),
    };
    if let Some(denied) = access.authorize(&user, &call) {
        return denied;
    }
    if call.path == ["apis", "authorization.k8s.io", "v1", "selfsubjectaccessreviews"] {
        return access.review(&user, &request.body);
    }
    drop(access);
    routes::route(&mut server.store(), &call)
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
        let value = value.parse().unwrap();
        // Several warnings are several headers; anything else takes the place of what stands there.
        if name == WARNING {
            response.headers_mut().append(name, value);
        } else {
            response.headers_mut().insert(name, value);
        }
    }
    response
}
