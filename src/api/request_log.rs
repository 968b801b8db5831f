//! The one line that is logged of every request, when its answer is known: of a stream, when it begins. It is counted then.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use hyper::StatusCode;
use log::Level;

use crate::api::context::ObjectRef;
use crate::api::repeats::Repeated;
use crate::api::routes::Route;
use crate::http::metrics::HttpMetrics;
use crate::http::request::request_id::RequestId;
use crate::http::response::problem::Problem;
use crate::http::response::reply::Reply;
use crate::kube::names::{JobName, Namespace};

/// What is known of a request when it comes in, for the one line that is logged when it ends.
#[derive(Clone, Debug)]
pub struct RequestInfo {
    pub request_id: RequestId,
    pub route: Option<Route>,
    pub peer: SocketAddr,
    pub started: Instant,
}

impl RequestInfo {
    /// Counts the request among those answered.
    pub fn count(&self, traffic: &HttpMetrics, result: &Result<Reply, Problem>) {
        let status = result.as_ref().map_or_else(|problem| problem.status, |reply| reply.status);
        traffic.record(self.route.map_or("none", Route::operation), status, self.started.elapsed());
    }

    /// Successful reads are told only at DEBUG, so that thousands of polls do not bury the journal.
    pub fn write(&self, result: &Result<Reply, Problem>, target: &ObjectRef, upstream: Duration) {
        let (status, problem) = match result {
            Ok(reply) => (reply.status, None),
            Err(problem) => (problem.status, Some(problem)),
        };
        let duration = self.started.elapsed();
        let level = match status.as_u16() {
            // Not ready, overloaded or draining: said before, and no defect.
            503 => Level::Warn,
            500.. => Level::Error,
            200..400 if self.route.is_some_and(Route::is_read) => Level::Debug,
            _ => Level::Info,
        };
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
            duration_ms = milliseconds(duration),
            upstream_ms = milliseconds(upstream);
            "request"
        );
    }

    /// How often a refusal repeated. The request id is the first one's, which has a line of its own.
    pub fn write_repeated(&self, repeated: &Repeated) {
        let level = if repeated.status == StatusCode::SERVICE_UNAVAILABLE { Level::Warn } else { Level::Info };
        log::log!(
            level,
            request_id = self.request_id.as_str(),
            operation = self.route.map_or("none", Route::operation),
            caller:% = self.peer,
            status = repeated.status.as_u16(),
            reason = repeated.reason.as_str(),
            repeated = repeated.count;
            "request refused again"
        );
    }
}

/// To the microsecond.
pub fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}
