//! list-clusters, and the state of each cluster for /health.

use std::collections::BTreeMap;

use hyper::StatusCode;
use serde::Serialize;

use crate::api::context::RequestContext;
use crate::api::routes::access::SEE_JOBS;
use crate::auth::AccessRequest;
use crate::clusters::cluster::Cluster;
use crate::http::response::problem::Problem;
use crate::http::response::reply::Reply;
use crate::kube::health::{Check, Outcome};

#[derive(Serialize)]
struct Listed {
    clusters: Vec<ClusterState>,
}

#[derive(Serialize)]
pub(super) struct ClusterState {
    cluster: String,
    eks_name: String,
    region: String,
    default: bool,
    status: &'static str,
    checks: Checks,
}

/// The status of a cluster whose checks all passed.
pub(super) const HEALTHY: &str = "healthy";
pub(super) const DEGRADED: &str = "degraded";

pub(super) type Checks = BTreeMap<&'static str, CheckReport>;

#[derive(Serialize)]
pub(super) struct CheckReport {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

impl CheckReport {
    pub(super) fn new(outcome: Outcome, with_details: bool) -> Self {
        match outcome {
            Outcome::Passed => Self { status: "passed", detail: None },
            Outcome::Pending => Self { status: "pending", detail: None },
            Outcome::Failed(why) => Self { status: "failed", detail: with_details.then_some(why) },
        }
    }
}

/// Lists the clusters that the caller may use, or the one that it names.
pub(super) async fn list_clusters(ctx: &mut RequestContext) -> Result<Reply, Problem> {
    ctx.count()?;
    check_token(ctx).await?;
    let named = ctx.parameters.has("cluster").then(|| ctx.cluster.name());
    let mut clusters = cluster_states(ctx);
    clusters.retain(|state| named.is_none_or(|name| **name == *state.cluster));
    Reply::json(StatusCode::OK, &Listed { clusters })
}

/// Returns the states of the clusters that the caller may use.
pub(super) fn cluster_states(ctx: &RequestContext) -> Vec<ClusterState> {
    let with_details = ctx.state.auth.may_see_diagnostics(ctx.caller());
    let clusters = ctx.state.clusters.current();
    clusters.all().filter(|cluster| may_use(ctx, cluster)).map(|cluster| cluster_state(cluster, with_details)).collect()
}

fn may_use(ctx: &RequestContext, cluster: &Cluster) -> bool {
    ctx.caller().may_use_cluster(cluster.name(), cluster.config.is_default).is_ok()
}

/// Returns whether the caller may see why the checks of this cluster fail.
pub(super) fn sees_details(ctx: &RequestContext, cluster: &Cluster) -> bool {
    ctx.state.auth.may_see_diagnostics(ctx.caller()) && may_use(ctx, cluster)
}

fn cluster_state(cluster: &Cluster, with_details: bool) -> ClusterState {
    ClusterState {
        cluster: cluster.config.name.clone(),
        eks_name: cluster.config.eks_name.clone(),
        region: cluster.config.region.clone(),
        default: cluster.config.is_default,
        status: status(cluster),
        checks: checks(cluster, with_details),
    }
}

pub(super) fn status(cluster: &Cluster) -> &'static str {
    if cluster.api_server.checks.first_failing().is_none() { HEALTHY } else { DEGRADED }
}

/// Returns the outcome of each check. The reason of a failure is a detail.
pub(super) fn checks(cluster: &Cluster, with_details: bool) -> Checks {
    let report = |check| CheckReport::new(cluster.api_server.checks.outcome(check), with_details);
    Check::ALL.into_iter().map(|check| (check.name(), report(check))).collect()
}

/// Checks that the cluster accepts the caller's token, if the caller has one. Its rights there do not matter.
async fn check_token(ctx: &mut RequestContext) -> Result<(), Problem> {
    let jobs = AccessRequest { permission: SEE_JOBS, namespace: None, name: None };
    match ctx.authorize(&[jobs]).await {
        Err(problem) if problem.status == StatusCode::FORBIDDEN => Ok(()),
        checked => checked,
    }
}
