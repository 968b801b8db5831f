//! The end of every request: its metrics, its line in the log, and its audit record.

use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;
use log::Level;
use tokio::time::interval;

use crate::api::repeats::Repeated;
use crate::api::state::AppState;
use crate::audit::request_info::{NO_OPERATION, RequestInfo, milliseconds};
use crate::http::response::problem::Problem;
use crate::http::response::reply::Reply;

/// How often the repeated refusals are written.
const REPEATS_INTERVAL: Duration = Duration::from_mins(1);

/// Counts, logs and audits the result of a request. For a stream, that is when it starts.
///
/// A refusal that cost the API server nothing is only counted when it repeats.
pub fn record_completion(
    state: &AppState,
    info: &RequestInfo,
    result: &Result<Reply, Problem>,
    upstream_time: Duration,
) {
    let (status, problem) = match result {
        Ok(reply) => (reply.status, None),
        Err(problem) => (problem.status, Some(problem)),
    };
    state.traffic.record(info.operation, status, info.started.elapsed());
    if let Some(problem) = problem
        && upstream_time.is_zero()
        && (status.is_client_error() || status == StatusCode::SERVICE_UNAVAILABLE)
        && !state.repeats.is_first(info, problem)
    {
        return;
    }
    write(info, status, problem, upstream_time);
    state.audit.record_outcome(info, status.as_u16(), problem.map_or("", |problem| &problem.reason));
}

/// Logs one request. Successful reads are at DEBUG: clients poll thousands of times.
fn write(info: &RequestInfo, status: StatusCode, problem: Option<&Problem>, upstream_time: Duration) {
    let level = match status.as_u16() {
        // Not ready, overloaded or draining: known already, and no defect.
        503 => Level::Warn,
        500.. => Level::Error,
        200..400 if !info.is_change && info.operation != NO_OPERATION => Level::Debug,
        _ => Level::Info,
    };
    log::log!(
        level,
        request_id = info.request_id.as_str(),
        operation = info.operation,
        caller:% = info.peer,
        cluster = &*info.cluster,
        namespace = info.namespace(),
        job = info.job(),
        template = info.template().as_str(),
        webhook = info.webhook(),
        status = status.as_u16(),
        reason = problem.map_or("", |problem| &problem.reason),
        cause = problem.and_then(|problem| problem.cause.as_deref()).unwrap_or(""),
        duration_ms = info.duration_ms(),
        upstream_ms = milliseconds(upstream_time);
        "request"
    );
}

/// Logs and audits how often refusals repeated, once a minute and forever.
pub async fn report_repeats(state: Arc<AppState>) {
    let mut ticks = interval(REPEATS_INTERVAL);
    loop {
        ticks.tick().await;
        report_repeats_now(&state);
    }
}

/// Logs and audits how often refusals repeated since the last report.
pub fn report_repeats_now(state: &AppState) {
    for Repeated { info, status, reason, count } in state.repeats.take() {
        let level = if status == StatusCode::SERVICE_UNAVAILABLE { Level::Warn } else { Level::Info };
        // The request id is that of the first refusal, which has its own line.
        log::log!(
            level,
            request_id = info.request_id.as_str(),
            operation = info.operation,
            caller:% = info.peer,
            cluster = &*info.cluster,
            status = status.as_u16(),
            reason = reason.as_str(),
            repeated = count;
            "request refused again"
        );
        state.audit.record_repeated(&info, status.as_u16(), &reason, count);
    }
}
