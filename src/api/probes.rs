//! /health, /livez, /readyz: what is known anyway, without asking anyone. Strangers are told what fails, and not why: that
//! can hold names and words of AWS and of the cluster.

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

pub(super) fn health(call: &RequestContext) -> Result<Reply, Problem> {
    let (cluster, tells_why) = (&call.session.cluster, call.shared.auth.may_see_diagnostics(&call.caller));
    let report = |check| match cluster.checks.outcome(check) {
        Outcome::Passed => CheckReport { status: "passed", detail: None },
        Outcome::Pending => CheckReport { status: "pending", detail: None },
        Outcome::Failed(why) => CheckReport { status: "failed", detail: tells_why.then_some(why) },
    };
    let health = Health {
        status: if cluster.checks.first_failing().is_none() { "healthy" } else { "degraded" },
        cluster: &cluster.name,
        region: &cluster.region,
        version: env!("CARGO_PKG_VERSION"),
        checks: Check::ALL.into_iter().map(|check| (check.name(), report(check))).collect(),
    };
    Reply::json(StatusCode::OK, &health)
}

/// The process answers; nothing else is asked, as restarting would mend nothing else.
pub(super) fn livez() -> Result<Reply, Problem> {
    Reply::json(StatusCode::OK, &Probe { status: "ok" })
}

pub(super) fn readyz(call: &RequestContext) -> Result<Reply, Problem> {
    const AGAIN: Duration = Duration::from_secs(5);
    if *call.shared.draining.borrow() {
        return Err(Problem::unavailable("draining", "shutting down", AGAIN));
    }
    let cluster = &call.session.cluster;
    if !cluster.is_ready() {
        let told = match cluster.checks.first_failing() {
            Some((check, _)) if !call.shared.auth.may_see_diagnostics(&call.caller) => check.name().to_owned(),
            _ => cluster.why_not_ready(),
        };
        return Err(Problem::unavailable("not_ready", format!("not ready yet: {told}"), AGAIN));
    }
    Reply::json(StatusCode::OK, &Probe { status: "ok" })
}
