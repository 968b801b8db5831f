//! list-jobs with `wait`: until none of the jobs that match is unfinished.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::{Instant as TokioInstant, sleep_until};

use crate::api::context::RequestContext;
use crate::api::jobs::list::{LARGEST_PAGE, may_list, page};
use crate::api::jobs::lookup::Source;
use crate::api::jobs::wait::POLL;
use crate::api::routes::access::SEE_JOBS;
use crate::auth::AccessRequest;
use crate::http::response::problem::Problem;
use crate::jobs::filter::Filter;
use crate::jobs::status::Status;
use crate::jobs::store::{Found, Subscription};
use crate::kube::names::{JobName, Namespace};

/// Whether all jobs that match have ended when the wait does. Between two looks it waits for one job that has not ended: the
/// others are looked at again only when that one changes.
pub(super) async fn all_ended(call: &mut RequestContext, filter: &Filter, time: Duration) -> Result<bool, Problem> {
    may_list(call, filter).await?;
    call.enter()?;
    let end = TokioInstant::now() + time;
    call.session.extend_deadline(time);
    let no_cache = call.wants_no_cache();
    let Some((mut unfinished, _)) = look(call, filter, no_cache).await? else { return Ok(true) };
    call.permit = Some(call.shared.calls.begin_wait()?);
    let (shared, who, mut poll) = (Arc::clone(&call.shared), call.caller.clone(), POLL);
    let mut draining = shared.draining.clone();
    let asked = [AccessRequest { permission: SEE_JOBS, namespace: filter.namespace.as_ref(), name: None }];
    let mut lost = pin!(shared.auth.wait_until_revoked(&who, &asked));
    loop {
        // First this, then the look: nothing that happens in between is missed.
        let mut subscription = subscribe(call, &unfinished);
        let origin = match look(call, filter, no_cache).await {
            Ok(None) => return Ok(true),
            Ok(Some((other, origin))) => {
                let is_other = other.key() != unfinished.key();
                unfinished = other;
                if is_other && matches!(origin, Source::Cache { .. }) {
                    continue;
                }
                origin
            }
            // It may get better before the time is up.
            Err(_) => Source::Cluster,
        };
        let changed = async {
            match &mut subscription {
                Some(subscription) => subscription.changed().await,
                None => std::future::pending().await,
            }
        };
        let next_poll = match origin {
            Source::Cache { age: None } => end,
            Source::Cache { age: Some(_) } | Source::Cluster => end.min(TokioInstant::now() + poll.pause()),
        };
        let is_last = tokio::select! {
            () = changed => false,
            () = sleep_until(next_poll) => next_poll == end,
            _ = draining.wait_for(|draining| *draining) => true,
            denied = lost.as_mut() => return Err(denied.into()),
        };
        if is_last {
            return Ok(false);
        }
    }
}

/// A job that has not ended, and where that is known from.
async fn look(
    call: &RequestContext,
    filter: &Filter,
    no_cache: bool,
) -> Result<Option<(Arc<Status>, Source)>, Problem> {
    if let Found::Hit { found, age } = call.shared.store().unfinished(filter, Instant::now())
        && !no_cache
        && !Source::is_old(Source::Cache { age })
    {
        return Ok(found.map(|status| (status, Source::Cache { age })));
    }
    // Boxed, as all who wait have room for it, and few of them ever ask the cluster.
    Box::pin(look_in_cluster(call, filter)).await
}

/// The same, page by page up to the first. Of one caller one at a time asks, as all lists of the cluster do.
async fn look_in_cluster(call: &RequestContext, filter: &Filter) -> Result<Option<(Arc<Status>, Source)>, Problem> {
    let _permit = call.shared.calls.acquire_list(call.caller_id()).await?;
    let mut token = None;
    loop {
        let (jobs, next) = page(call, filter, LARGEST_PAGE as usize, token.as_deref()).await?;
        if let Some(unfinished) = jobs.into_iter().find(|status| !status.state.is_final()) {
            return Ok(Some((unfinished, Source::Cluster)));
        }
        if next.is_none() {
            return Ok(None);
        }
        token = next;
    }
}

fn subscribe(call: &RequestContext, status: &Status) -> Option<Subscription> {
    let (namespace, name) = (Namespace::parse(status.namespace()).ok()?, JobName::parse(status.name()).ok()?);
    Some(call.shared.store().subscribe(&namespace, &name))
}
