//! /health, /livez, /readyz: the state of the last checks, without a request to AWS or the cluster.
//!
//! Unknown callers see which check fails but not why: the reason can name parts of AWS and of the cluster.

use std::time::Duration;

use hyper::StatusCode;
use serde::Serialize;

#[cfg(feature = "history")]
use crate::api::clusters::{CheckReport, DEGRADED};
use crate::api::clusters::{Checks, ClusterState, HEALTHY, checks, cluster_states, sees_details, status};
use crate::api::context::RequestContext;
use crate::http::response::problem::Problem;
use crate::http::response::reply::Reply;
#[cfg(feature = "history")]
use crate::kube::health::Outcome;

#[derive(Serialize)]
struct Health<'a> {
    status: &'static str,
    cluster: &'a str,
    region: &'a str,
    version: &'static str,
    checks: Checks,
    /// Those that a known caller may use, if a file describes the clusters.
    #[serde(skip_serializing_if = "Option::is_none")]
    clusters: Option<Vec<ClusterState>>,
}

#[derive(Serialize)]
struct Probe {
    status: &'static str,
}

pub(super) fn health(ctx: &RequestContext) -> Result<Reply, Problem> {
    let (clusters, is_known) = (ctx.state.clusters.current(), ctx.state.auth.may_see_diagnostics(ctx.caller()));
    let default = &clusters.default;
    let degraded = clusters.all().map(|cluster| status(cluster)).find(|status| *status != HEALTHY);
    #[cfg_attr(not(feature = "history"), expect(unused_mut, reason = "only the history adds to it"))]
    let mut health = Health {
        status: degraded.unwrap_or(HEALTHY),
        cluster: &default.config.name,
        region: &default.config.region,
        version: env!("CARGO_PKG_VERSION"),
        checks: checks(default, sees_details(ctx, default)),
        // A token is not checked here, so it shows no clusters.
        clusters: ctx.state.has_clusters_file.then(|| if is_known { cluster_states(ctx) } else { Vec::new() }),
    };
    #[cfg(feature = "history")]
    if let Some(history) = &ctx.state.history {
        let outcome = history.check();
        if matches!(outcome, Outcome::Failed(_)) {
            health.status = DEGRADED;
        }
        health.checks.insert("history", CheckReport::new(outcome, is_known));
    }
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
    let clusters = ctx.state.clusters.current();
    if !clusters.is_any_ready() {
        let (default, api_server) = (&clusters.default, &clusters.default.api_server);
        let why = match api_server.checks.first_failing() {
            Some((check, _)) if !sees_details(ctx, default) => check.name().to_owned(),
            _ => api_server.why_not_ready(),
        };
        return Err(Problem::unavailable("not_ready", format!("not ready yet: {why}"), RETRY_AFTER));
    }
    Reply::json(StatusCode::OK, &Probe { status: "ok" })
}
