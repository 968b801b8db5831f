//! Waits until a batch meets a condition. A wait follows the uid of the head: a new batch of the same name is another.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::StatusCode;
use tokio::time::{Instant as TokioInstant, sleep, sleep_until, timeout};

use crate::api::batches::batch_ref::BatchRef;
use crate::api::batches::lookup::{FoundBatch, access_requests, fetch, from_cluster, from_store, may_grow_for};
use crate::api::batches::view::{check_description, see};
use crate::api::context::RequestContext;
use crate::api::jobs::lookup::Source;
use crate::api::jobs::wait::{POLL, POLL_TIMEOUT, valid_at, wait_for_disconnect};
use crate::http::request::etag::IfNoneMatch;
use crate::http::response::problem::Problem;
use crate::jobs::batches::Batch;
use crate::jobs::store::{Found, Subscription};
use crate::kube::error::Error;
use crate::kube::names::JobName;

/// The pause after a change, in which the further changes of a burst are collected.
const BURST: Duration = Duration::from_millis(2);

#[derive(Clone, Copy, Debug)]
pub(super) enum WaitCondition<'a> {
    /// Completed, failed, or incomplete for good.
    Ended,
    /// A status object that the caller does not have.
    OtherThan { known: &'a IfNoneMatch, with_members: bool },
}

impl WaitCondition<'_> {
    async fn is_met(self, ctx: &mut RequestContext, batch: &BatchRef, found: &FoundBatch) -> Result<bool, Problem> {
        check_description(batch, &found.batch)?;
        match self {
            Self::Ended => Ok(found.batch.state(may_grow_for(ctx, &found.batch).is_some()).is_final()),
            Self::OtherThan { known, with_members } => {
                Ok(!known.has(&see(ctx, batch, &found.batch, with_members).await?.tag))
            }
        }
    }
}

/// Returns the batch when the condition is met or the time is up. A batch that is gone is a 404.
pub(super) async fn wait_for(
    ctx: &mut RequestContext,
    batch: &BatchRef,
    time: Duration,
    condition: WaitCondition<'_>,
) -> Result<FoundBatch, Problem> {
    let head = batch.name.head();
    let access = access_requests(batch, head.as_str());
    ctx.enter()?;
    Box::pin(ctx.authorize(&access)).await?;
    let end = TokioInstant::now() + time;
    ctx.extend_deadline(time);
    // Subscribed before the first look, so that no change is missed.
    let mut subscription = ctx.store().subscribe(&batch.namespace, &head);
    let mut submissions = ctx.store().submissions.ends();
    let (mut disconnected, mut draining) = (ctx.disconnected.take(), ctx.cluster.draining());
    let no_cache = ctx.wants_no_cache();
    let cluster = Arc::clone(&ctx.cluster);
    let Some(fetched) = cluster.unless_drained(fetch(ctx, batch)).await else {
        return Err(ctx.state.cluster_left(&ctx.info));
    };
    let mut seen = fetched?;
    if condition.is_met(ctx, batch, &seen).await? {
        return Ok(seen);
    }
    ctx.acquire_wait_permit()?;
    ctx.forget_request();
    let (state, caller) = (Arc::clone(&ctx.state), ctx.caller().clone());
    let mut revoked = pin!(state.auth.wait_until_revoked(&cluster.api_server, &caller, &access));
    let uid = seen.batch.head.uid.clone();
    // While the watch does not report the batch: the time of the next poll, and that for which `seen` is known to hold.
    let (mut poll, mut next_poll, mut as_of) = (POLL, None, valid_at(seen.source));
    loop {
        let is_watched = seen.source.is_watched();
        if is_watched {
            (poll, next_poll) = (POLL, None);
        } else if next_poll.is_none() {
            next_poll = Some(TokioInstant::now() + poll.pause());
        }
        // Then the missing members are missing for good.
        let is_incomplete = seen.batch.counts().missing > 0;
        let grown = may_grow_for(ctx, &seen.batch).filter(|_| is_incomplete).map(|left| TokioInstant::now() + left);
        let look = async {
            let is_poll = tokio::select! {
                () = relevant_change(ctx, batch, &seen.batch, condition, &mut subscription), if !no_cache => false,
                _ = submissions.changed(), if is_incomplete => !is_watched,
                () = sleep_until_any(grown) => !is_watched,
                () = sleep_until_any(next_poll) => true,
            };
            if is_poll {
                // Boxed: all waiting calls have room for it, and few of them use it.
                return Some(Box::pin(read(ctx, batch, no_cache)).await);
            }
            from_store(ctx, batch).filter(|found| found.batch.head.uid == uid).map(Ok)
        };
        let found = tokio::select! {
            found = look => found,
            () = sleep_until(end) => break,
            _ = draining.wait_for(|draining| *draining) => break,
            () = wait_for_disconnect(disconnected.as_mut()) => break,
            denied = revoked.as_mut() => return Err(denied.into()),
        };
        let Some(found) = found else {
            // The batch is gone, or the store is empty.
            next_poll = (is_watched && ctx.store().is_usable()).then(TokioInstant::now).or(next_poll);
            seen.source = Source::Store { age: Some(as_of.elapsed()) };
            continue;
        };
        if next_poll.is_some_and(|time| time <= TokioInstant::now()) {
            next_poll = None;
        }
        match found {
            Ok(found) if found.batch.head.uid != uid => return Err(batch.replaced().into()),
            Ok(found) => (as_of, seen) = (valid_at(found.source), found),
            Err(gone) if gone.status == StatusCode::NOT_FOUND => return Err(gone),
            Err(_) => {
                // The next poll may succeed. The known members may be too old to show that one is missing for good.
                seen.source = Source::Store { age: Some(as_of.elapsed()) };
                continue;
            }
        }
        if condition.is_met(ctx, batch, &seen).await? {
            return Ok(seen);
        }
    }
    if let Source::Store { age: Some(age) } = &mut seen.source {
        *age = as_of.elapsed();
    }
    // Not every change led to a look.
    let now = from_store(ctx, batch).filter(|now| !no_cache && now.source.is_watched() && now.batch.head.uid == uid);
    Ok(now.unwrap_or(seen))
}

/// Returns a moment after a change, so that one look sees a burst of them.
pub(super) async fn settled(subscription: &mut Subscription) {
    subscription.changed().await;
    sleep(BURST).await;
}

/// Returns after a change that may meet the condition. A batch has not ended while one member has not.
async fn relevant_change(
    ctx: &RequestContext,
    batch: &BatchRef,
    seen: &Batch,
    condition: WaitCondition<'_>,
    subscription: &mut Subscription,
) {
    // The last one: jobs often run in order.
    let unfinished = seen.members.iter().flatten().rev().find(|member| !member.state.is_final());
    let unfinished = unfinished.filter(|_| matches!(condition, WaitCondition::Ended));
    let unfinished = unfinished.and_then(|member| Some((JobName::parse(member.name()).ok()?, member)));
    let find = |name: &JobName| match ctx.store().find(&batch.namespace, name, Instant::now()) {
        Found::Hit { found, age: None } => Some(found),
        _ => None,
    };
    loop {
        settled(subscription).await;
        let Some((name, member)) = &unfinished else { return };
        let is_unfinished = find(name).is_some_and(|now| now.uid == member.uid && !now.state.is_final());
        let is_same_head = find(&batch.name.head()).is_some_and(|now| Arc::ptr_eq(&now, &seen.head));
        if !(is_unfinished && is_same_head) {
            return;
        }
    }
}

/// Reads the batch from the cluster, unless the watch reports it again.
async fn read(ctx: &mut RequestContext, batch: &BatchRef, no_cache: bool) -> Result<FoundBatch, Problem> {
    match from_store(ctx, batch).filter(|found| !no_cache && found.source.is_watched()) {
        Some(found) => Ok(found),
        None => timeout(POLL_TIMEOUT, from_cluster(ctx, batch)).await.unwrap_or_else(|_| Err(Error::Timeout.into())),
    }
}

/// Without a time, never returns.
async fn sleep_until_any(time: Option<TokioInstant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}
