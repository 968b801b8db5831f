//! list-jobs with `wait`: waits until all jobs that match have ended.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::{Instant as TokioInstant, sleep_until};

use crate::api::context::RequestContext;
use crate::api::jobs::list::pages::{Listed, MAX_PAGE, page};
use crate::api::jobs::lookup::Source;
use crate::api::jobs::wait::POLL;
use crate::api::routes::access::SEE_JOBS;
use crate::auth::AccessRequest;
use crate::http::response::problem::Problem;
use crate::jobs::filter::Filter;
use crate::jobs::status::Status;
use crate::jobs::store::{Found, Subscription};
use crate::kube::names::{JobName, Namespace};

/// Returns whether all jobs that match had ended when the wait did.
///
/// Between two looks it waits for one job that has not ended, and looks again when that one changes.
pub(super) async fn all_ended(ctx: &mut RequestContext, filter: &Filter, time: Duration) -> Result<bool, Problem> {
    let access = [AccessRequest { permission: SEE_JOBS, namespace: filter.namespace.as_ref(), name: None }];
    ctx.authorize(&access).await?;
    ctx.enter()?;
    let end = TokioInstant::now() + time;
    ctx.extend_deadline(time);
    let Some((mut unfinished, _)) = find_unfinished(ctx, filter).await? else { return Ok(true) };
    ctx.acquire_wait_permit()?;
    let (state, cluster, caller) = (Arc::clone(&ctx.state), Arc::clone(&ctx.cluster), ctx.caller().clone());
    let (mut draining, mut poll) = (cluster.draining(), POLL);
    let mut revoked = pin!(state.auth.wait_until_revoked(&cluster.api_server, &caller, &access));
    loop {
        // Subscribed before the look, so that no change is missed.
        let mut subscription = subscribe(ctx, &unfinished);
        let source = match find_unfinished(ctx, filter).await {
            Ok(None) => return Ok(true),
            Ok(Some((other, source))) => {
                let is_other = other.key() != unfinished.key();
                unfinished = other;
                if is_other && matches!(source, Source::Store { .. }) {
                    continue;
                }
                source
            }
            // The next look may succeed.
            Err(_) => Source::Cluster,
        };
        let changed = async {
            match &mut subscription {
                Some(subscription) => subscription.changed().await,
                None => std::future::pending().await,
            }
        };
        let next_poll = if source.is_watched() { end } else { end.min(TokioInstant::now() + poll.pause()) };
        let is_last = tokio::select! {
            () = changed => false,
            () = sleep_until(next_poll) => next_poll == end,
            _ = draining.wait_for(|draining| *draining) => true,
            denied = revoked.as_mut() => return Err(denied.into()),
        };
        if is_last {
            return Ok(false);
        }
    }
}

/// Returns a job that has not ended, and where it was found.
async fn find_unfinished(ctx: &mut RequestContext, filter: &Filter) -> Result<Option<(Arc<Status>, Source)>, Problem> {
    if let Found::Hit { found, age } = ctx.store().unfinished(filter, Instant::now())
        && !ctx.wants_no_cache()
        && let source = (Source::Store { age })
        && !source.is_stale()
    {
        return Ok(found.map(|status| (status, source)));
    }
    // Boxed: all waiting calls have room for it, and few of them use it.
    Box::pin(find_unfinished_in_cluster(ctx, filter)).await
}

/// Reads page by page up to the first job that has not ended. Takes a turn, as all lists from the cluster do.
async fn find_unfinished_in_cluster(
    ctx: &mut RequestContext,
    filter: &Filter,
) -> Result<Option<(Arc<Status>, Source)>, Problem> {
    let limits = Arc::clone(&ctx.limits);
    let _turn = limits.acquire_list(ctx.caller_id()).await?;
    let mut token = None;
    loop {
        let (jobs, next) = page(ctx, Listed::Jobs, filter, MAX_PAGE as usize, token.as_deref()).await?;
        if let Some(unfinished) = jobs.into_iter().find(|status| !status.state.is_final()) {
            return Ok(Some((unfinished, Source::Cluster)));
        }
        if next.is_none() {
            return Ok(None);
        }
        token = next;
    }
}

fn subscribe(ctx: &RequestContext, status: &Status) -> Option<Subscription> {
    let (namespace, name) = (Namespace::parse(status.namespace()).ok()?, JobName::parse(status.name()).ok()?);
    Some(ctx.store().subscribe(&namespace, &name))
}
