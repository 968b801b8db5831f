//! /health, /livez, /readyz: the state of the last checks, without a request to AWS or the cluster.
//!
//! Unknown callers see which check fails but not why: the reason can name parts of AWS and of the cluster.

use std::collections::BTreeMap;
use std::time::Duration;

use hyper::StatusCode;
use serde::Serialize;

use crate::api::context::RequestContext;
use crate::http::response::problem::Problem;
use crate::http::response::reply::Reply;
use crate::kube::health::{Check, Outcome};

#[derive(Serialize)]
struct Health<'a> {
    status: &'static str,
    cluster: &'a str,
    region: &'a str,
    version: &'static str,
    checks: BTreeMap<&'static str, CheckReport>,
}

#[derive(Serialize)]
struct CheckReport {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

#[derive(Serialize)]
struct Probe {
    status: &'static str,
}

pub(super) fn health(ctx: &RequestContext) -> Result<Reply, Problem> {
    let (api_server, with_details) = (ctx.state.api_server(), ctx.state.auth.may_see_diagnostics(ctx.caller()));
    let report = |check| match api_server.checks.outcome(check) {
        Outcome::Passed => CheckReport { status: "passed", detail: None },
        Outcome::Pending => CheckReport { status: "pending", detail: None },
        Outcome::Failed(why) => CheckReport { status: "failed", detail: with_details.then_some(why) },
    };
    let health = Health {
        status: if api_server.checks.first_failing().is_none() { "healthy" } else { "degraded" },
        cluster: &api_server.name,
        region: &api_server.region,
        version: env!("CARGO_PKG_VERSION"),
        checks: Check::ALL.into_iter().map(|check| (check.name(), report(check))).collect(),
    };
    Reply::json(StatusCode::OK, &health)
}

/// Checks only that the process answers: a restart would repair nothing else.
pub(super) fn livez() -> Result<Reply, Problem> {
    Reply::json(StatusCode::OK, &Probe { status: "ok" })
}

pub(super) fn readyz(ctx: &RequestContext) -> Result<Reply, Problem> {
    const RETRY_AFTER: Duration = Duration::from_secs(5);
    if *ctx.state.draining.borrow() {
        return Err(Problem::unavailable("draining", "shutting down", RETRY_AFTER));
    }
    let api_server = ctx.state.api_server();
    if !api_server.is_ready() {
        let why = match api_server.checks.first_failing() {
            Some((check, _)) if !ctx.state.auth.may_see_diagnostics(ctx.caller()) => check.name().to_owned(),
            _ => api_server.why_not_ready(),
        };
        return Err(Problem::unavailable("not_ready", format!("not ready yet: {why}"), RETRY_AFTER));
    }
    Reply::json(StatusCode::OK, &Probe { status: "ok" })
}
