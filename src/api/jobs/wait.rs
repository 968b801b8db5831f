//! Waits until a job meets a condition. A wait follows the uid: a new job of the same name is another job.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::StatusCode;
use tokio::sync::oneshot;
use tokio::time::{Instant as TokioInstant, sleep_until, timeout};

use crate::api::context::RequestContext;
use crate::api::jobs::exits;
use crate::api::jobs::job_ref::JobRef;
use crate::api::jobs::lookup::{FoundJob, Source, access_request, ended, fetch, from_store, or_last_known, read};
use crate::http::request::etag::IfNoneMatch;
use crate::http::response::problem::Problem;
use crate::jobs::state::State;
use crate::jobs::status::Status;
use crate::kube::error::Error;
use crate::util::backoff::Backoff;

/// The pauses between reads from the cluster while the watch does not report the job.
pub(in crate::api) const POLL: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(5));
/// How long each of these reads may take.
pub(in crate::api) const POLL_TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Clone, Copy, Debug)]
pub(super) enum WaitCondition<'a> {
    Finished,
    /// A version that the caller does not have.
    OtherThan(&'a IfNoneMatch),
    /// Suspended or not; or finished, as the job then keeps its state.
    Suspended(bool),
    /// Deleted, which no status shows.
    Gone,
}

impl WaitCondition<'_> {
    fn is_met(self, tag_prefix: &str, status: &Status) -> bool {
        match self {
            Self::Finished => status.state.is_final(),
            Self::OtherThan(known) => !known.has(&status.tag(tag_prefix)),
            Self::Suspended(wanted) => status.state.is_final() || (status.state == State::Suspended) == wanted,
            Self::Gone => false,
        }
    }
}

/// Returns the job when the condition is met or the time is up. If the job ends during the wait and is gone, returns its
/// last status. A job that is gone otherwise is a 404.
pub(super) async fn wait_for(
    ctx: &mut RequestContext,
    job: &JobRef,
    time: Duration,
    condition: WaitCondition<'_>,
) -> Result<FoundJob, Problem> {
    let access = [access_request(job)];
    ctx.enter()?;
    Box::pin(ctx.authorize(&access)).await?;
    let end = TokioInstant::now() + time;
    ctx.extend_deadline(time);
    // Subscribed before the first look, so that no change is missed.
    let mut subscription = ctx.store().subscribe(&job.namespace, &job.name);
    let (mut disconnected, mut draining) = (ctx.disconnected.take(), ctx.cluster.draining());
    let no_cache = ctx.wants_no_cache();
    let cluster = Arc::clone(&ctx.cluster);
    let Some(fetched) = cluster.unless_drained(fetch(ctx, job)).await else {
        return Err(ctx.state.cluster_left(&ctx.info));
    };
    let mut seen = fetched?;
    if condition.is_met(&cluster.tag_prefix, &seen.status) {
        return Ok(seen);
    }
    ctx.acquire_wait_permit()?;
    ctx.forget_request();
    let (state, caller) = (Arc::clone(&ctx.state), ctx.caller().clone());
    let mut revoked = pin!(state.auth.wait_until_revoked(&cluster.api_server, &caller, &access));
    let job = &job.with_uid(&seen.status.uid);
    // While the watch does not report the job: the time of the next poll, and the time for which `seen` is known to hold.
    let (mut poll, mut next_poll, mut as_of) = (POLL, None, valid_at(seen.source));
    loop {
        let is_watched = seen.source.is_watched();
        if is_watched {
            (poll, next_poll) = (POLL, None);
        } else if next_poll.is_none() {
            next_poll = Some(TokioInstant::now() + poll.pause());
        }
        let polled = tokio::select! {
            () = subscription.changed() => None,
            found = poll_at(next_poll, ctx, job, no_cache) => Some(found),
            () = sleep_until(end) => break,
            _ = draining.wait_for(|draining| *draining) => break,
            () = wait_for_disconnect(disconnected.as_mut()) => break,
            denied = revoked.as_mut() => return Err(denied.into()),
        };
        if polled.is_some() {
            next_poll = None;
        }
        let Some(found) = polled.or_else(|| from_store(ctx, job).filter(|_| !no_cache).map(Ok)) else {
            // The job is gone, or lost the label of this service, or the store is empty.
            if let Some(ended) = ended(ctx, job).filter(|_| !seen.status.state.is_final()) {
                return Ok(ended);
            }
            if is_watched && ctx.store().is_usable() || no_cache {
                next_poll = Some(TokioInstant::now());
            }
            seen.source = Source::Cluster;
            continue;
        };
        match found {
            Ok(mut found) => {
                exits::hide(&state, &cluster, &caller, Some(&job.namespace), std::slice::from_mut(&mut found.status))
                    .await;
                as_of = valid_at(found.source);
                seen = found;
            }
            Err(gone) if gone.status == StatusCode::NOT_FOUND => {
                return ended(ctx, job).filter(|_| !seen.status.state.is_final()).ok_or(gone);
            }
            // The next poll may succeed. Until then the job counts as unchanged.
            Err(_) => seen.source = Source::Store { age: Some(as_of.elapsed()) },
        }
        if condition.is_met(&cluster.tag_prefix, &seen.status) {
            return Ok(seen);
        }
    }
    if let Source::Store { age: Some(age) } = &mut seen.source {
        *age = as_of.elapsed();
    }
    Ok(seen)
}

/// Returns the time for which an object of this source is known to hold.
pub(in crate::api) fn valid_at(source: Source) -> Instant {
    let now = Instant::now();
    match source {
        Source::Store { age: Some(age) } => now.checked_sub(age).unwrap_or(now),
        _ => now,
    }
}

/// Reads the job from the cluster at this time, unless the watch reports it again by then. Without a time, never returns.
async fn poll_at(
    time: Option<TokioInstant>,
    ctx: &mut RequestContext,
    job: &JobRef,
    no_cache: bool,
) -> Result<FoundJob, Problem> {
    let Some(time) = time else { return std::future::pending().await };
    sleep_until(time).await;
    if let Some(found) = from_store(ctx, job).filter(|found| !no_cache && found.source.is_watched()) {
        return Ok(found);
    }
    // Boxed: all waiting calls have room for it, and few of them use it.
    let read = timeout(POLL_TIMEOUT, Box::pin(read(ctx, job))).await;
    or_last_known(ctx, job, read.unwrap_or(Ok(Err(Error::Timeout)))).await
}

/// Returns when the caller of a change disconnects.
pub(crate) async fn wait_for_disconnect(disconnected: Option<&mut oneshot::Receiver<Infallible>>) {
    match disconnected {
        Some(disconnected) => drop(disconnected.await),
        None => std::future::pending().await,
    }
}

#[cfg(test)]
#[path = "wait_tests.rs"]
pub(in crate::api) mod tests;
