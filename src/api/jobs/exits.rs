//! Hides how a job failed from callers who may not list its pods: exit code and termination message come from them.

use std::sync::Arc;

use crate::api::context::RequestContext;
use crate::api::routes::access::SEE_PODS;
use crate::api::state::AppState;
use crate::auth::{AccessRequest, Caller};
use crate::clusters::cluster::Cluster;
use crate::http::response::problem::Problem;
use crate::jobs::status::Status;
use crate::kube::names::Namespace;

const fn access_request(namespace: Option<&Namespace>) -> AccessRequest<'_> {
    AccessRequest { permission: SEE_PODS, namespace, name: None }
}

fn have_exits(jobs: &[Arc<Status>]) -> bool {
    jobs.iter().any(|status| status.exit().is_some())
}

/// Returns whether the caller may see the exits of jobs. `namespace` is that of the jobs, or None if they can be of any.
async fn may_see(state: &AppState, cluster: &Cluster, caller: &Caller, namespace: Option<&Namespace>) -> bool {
    // Boxed: the future is large and seldom needed.
    Box::pin(state.auth.authorize(&cluster.api_server, caller, &[access_request(namespace)])).await.is_ok()
}

/// Returns whether the caller of this request may see them. Counts the call if the cluster has to decide that.
pub(in crate::api) async fn caller_may_see(
    ctx: &mut RequestContext,
    namespace: Option<&Namespace>,
) -> Result<bool, Problem> {
    if ctx.authorize_cached(&access_request(namespace)).is_none() {
        ctx.enter()?;
    }
    Ok(may_see(&ctx.state, &ctx.cluster, ctx.caller(), namespace).await)
}

/// Hides what the caller may not see.
pub(super) async fn hide(
    state: &AppState,
    cluster: &Cluster,
    caller: &Caller,
    namespace: Option<&Namespace>,
    jobs: &mut [Arc<Status>],
) {
    if have_exits(jobs) && !may_see(state, cluster, caller, namespace).await {
        remove(jobs);
    }
}

/// Hides what the caller of this request may not see.
pub(super) async fn hide_in_answer(
    ctx: &mut RequestContext,
    namespace: Option<&Namespace>,
    jobs: &mut [Arc<Status>],
) -> Result<(), Problem> {
    if have_exits(jobs) && !caller_may_see(ctx, namespace).await? {
        remove(jobs);
    }
    Ok(())
}

/// Returns whether it is known already that the caller may see the exits of jobs in this namespace.
pub(super) fn is_known_to_see(ctx: &RequestContext, namespace: &Namespace) -> bool {
    matches!(ctx.authorize_cached(&access_request(Some(namespace))), Some(Ok(())))
}

/// Hides the exit unless it is known already that the caller may see it.
pub(super) fn hide_unless_known(ctx: &RequestContext, namespace: &Namespace, status: &mut Arc<Status>) {
    if !is_known_to_see(ctx, namespace) {
        remove(std::slice::from_mut(status));
    }
}

fn remove(jobs: &mut [Arc<Status>]) {
    for status in jobs.iter_mut().filter(|status| status.exit().is_some()) {
        *status = Arc::new(status.without_exit());
    }
}
