//! Who sees how a job failed. Exit code and termination message come from its pods: a caller has to have the right to
//! list these.

use std::sync::Arc;

use crate::api::context::AppState;
use crate::api::routes::access::SEE_PODS;
use crate::auth::{AccessRequest, Caller};
use crate::jobs::status::Status;
use crate::kube::names::Namespace;

const fn asked(namespace: Option<&Namespace>) -> AccessRequest<'_> {
    AccessRequest { permission: SEE_PODS, namespace, name: None }
}

fn has_exits(jobs: &[Arc<Status>]) -> bool {
    jobs.iter().any(|status| status.exit().is_some())
}

/// Takes out what the caller may not see of these jobs. They are of this namespace, or of all.
pub(super) async fn hide(shared: &AppState, caller: &Caller, namespace: Option<&Namespace>, jobs: &mut [Arc<Status>]) {
    // Boxed, as it is large and seldom needed.
    if has_exits(jobs) && Box::pin(shared.auth.authorize(caller, &[asked(namespace)])).await.is_err() {
        take_out(jobs);
    }
}

/// The same without asking the cluster. Returns false if that would have to be asked.
pub(super) fn hide_at_once(
    shared: &AppState,
    caller: &Caller,
    namespace: Option<&Namespace>,
    jobs: &mut [Arc<Status>],
) -> bool {
    if !has_exits(jobs) {
        return true;
    }
    let verdict = shared.auth.authorize_cached(caller, &asked(namespace));
    if let Some(Err(_)) = verdict {
        take_out(jobs);
    }
    verdict.is_some()
}

/// Takes the exit out unless the caller is known to be allowed to see it.
pub(super) fn hide_if_unsure(shared: &AppState, caller: &Caller, namespace: &Namespace, status: &mut Arc<Status>) {
    let jobs = std::slice::from_mut(status);
    if !hide_at_once(shared, caller, Some(namespace), jobs) {
        take_out(jobs);
    }
}

fn take_out(jobs: &mut [Arc<Status>]) {
    for status in jobs.iter_mut().filter(|status| status.exit().is_some()) {
        *status = Arc::new(status.without_exit());
    }
}
