//! delete-batch.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::StatusCode;
use serde::Serialize;
use tokio::time::{Instant as TokioInstant, sleep_until, timeout};

use crate::api::batches::batch_ref::BatchRef;
use crate::api::batches::lookup::{access_requests, head, members_in_cluster, named_if_missing};
use crate::api::batches::wait::settled;
use crate::api::context::RequestContext;
use crate::api::jobs::delete::propagation;
use crate::api::jobs::wait::{POLL, POLL_TIMEOUT, wait_for_disconnect};
use crate::api::routes::Route;
use crate::http::request::body;
use crate::http::request::body_stream::RequestBody;
use crate::http::response::problem::Problem;
use crate::http::response::reply::Reply;
use crate::jobs::batches::members::is_owned_by;
use crate::jobs::filter::Filter;
use crate::jobs::status::Status;
use crate::jobs::store::Found;
use crate::kube::error::Error;
use crate::kube::types::request::{DeleteOptions, Preconditions, Propagation};
use crate::kube::types::{DeletedJob, Job};

#[derive(Serialize)]
struct Deleted<'a> {
    cluster: &'a str,
    message: String,
    status: &'static str,
    batch_name: &'a str,
    /// The number of members that are not gone yet. None if they could not be counted.
    remaining: Option<usize>,
}

/// The head and the members that are not gone.
struct Left {
    has_head: bool,
    members: Vec<Arc<Status>>,
    /// Whether the watch reports every change of it.
    is_watched: bool,
}

impl Left {
    const fn is_gone(&self) -> bool {
        !self.has_head && self.members.is_empty()
    }
}

pub(crate) async fn delete_batch(ctx: &mut RequestContext, body: RequestBody) -> Result<Reply, Problem> {
    ctx.count()?;
    body::none(body).await?;
    let (batch, wait) = (BatchRef::from_query(ctx)?, ctx.parameters.wait()?);
    let propagation = propagation(ctx)?;
    if propagation == Propagation::Orphan {
        let why = "must be Foreground or Background: Orphan would leave jobs without a head, which no batch call finds";
        return Err(Problem::malformed("propagation_policy", why));
    }
    if !ctx.wants_no_cache() {
        ctx.authorize(&access_requests(&batch, batch.name.head().as_str())).await?;
    }
    let uid = head(ctx, &batch).await?.uid.to_string();
    let options =
        DeleteOptions { preconditions: Some(Preconditions { uid: uid.clone() }), ..DeleteOptions::new(propagation) };
    ctx.acquire_write_permit().await?;
    let deleted = ctx.client()?.delete(&batch.path(), &options).await;
    ctx.set_object_uid(&uid);
    match deleted.map_err(|error| named_if_missing(&batch, error))? {
        DeletedJob::Ending(head) => ctx.store().insert_if_newer(&head),
        DeletedJob::Gone(_) => ctx.store().tombstone(&batch.namespace, &batch.name.head(), &uid),
    }
    let no_cache = ctx.wants_no_cache();
    let left = match wait {
        Some(time) => wait_until_gone(ctx, &batch, &uid, time, no_cache).await,
        None => look(ctx, &batch, &uid, no_cache).await,
    };
    // The deletion continues, although its progress is unknown.
    let left = left.inspect_err(|problem| ctx.record_wait_error(Route::GetBatchStatus, problem)).ok();
    let end = if left.as_ref().is_some_and(Left::is_gone) { "is deleted" } else { "is being deleted" };
    let reply = Deleted {
        cluster: ctx.cluster.name(),
        message: format!("Batch {} in namespace {} {end}", batch.name, batch.namespace),
        status: "success",
        batch_name: batch.name.as_str(),
        remaining: left.map(|left| left.members.len()),
    };
    Reply::json(StatusCode::OK, &reply)
}

/// Returns what is left when the batch is gone or the time is up.
async fn wait_until_gone(
    ctx: &mut RequestContext,
    batch: &BatchRef,
    uid: &str,
    time: Duration,
    no_cache: bool,
) -> Result<Left, Problem> {
    let head = batch.name.head();
    let access = access_requests(batch, head.as_str());
    ctx.authorize(&access).await?;
    let end = TokioInstant::now() + time;
    ctx.extend_deadline(time);
    // Subscribed before the first look, so that no change is missed.
    let mut subscription = ctx.store().subscribe(&batch.namespace, &head);
    let mut left = look(ctx, batch, uid, no_cache).await?;
    if left.is_gone() {
        return Ok(left);
    }
    ctx.acquire_wait_permit()?;
    ctx.forget_request();
    let (state, cluster, caller) = (Arc::clone(&ctx.state), Arc::clone(&ctx.cluster), ctx.caller().clone());
    let (mut disconnected, mut draining, mut poll) = (ctx.disconnected.take(), cluster.draining(), POLL);
    let mut revoked = pin!(state.auth.wait_until_revoked(&cluster.api_server, &caller, &access));
    let mut next_poll = None;
    loop {
        let poll_at = if left.is_watched {
            end
        } else {
            *next_poll.get_or_insert_with(|| end.min(TokioInstant::now() + poll.pause()))
        };
        let is_poll = tokio::select! {
            () = settled(&mut subscription), if !no_cache => false,
            () = sleep_until(poll_at) => true,
            _ = draining.wait_for(|draining| *draining) => break,
            () = wait_for_disconnect(disconnected.as_mut()) => break,
            denied = revoked.as_mut() => return Err(denied.into()),
        };
        if is_poll && poll_at == end {
            break;
        }
        let now = if is_poll {
            next_poll = None;
            look(ctx, batch, uid, no_cache).await.ok()
        } else {
            left_in_store(ctx, batch, uid)
        };
        match now {
            Some(now) if now.is_gone() => return Ok(now),
            Some(now) => left = now,
            // The next look may succeed.
            None => left.is_watched = false,
        }
    }
    Ok(left)
}

async fn look(ctx: &mut RequestContext, batch: &BatchRef, uid: &str, no_cache: bool) -> Result<Left, Problem> {
    if let Some(left) = left_in_store(ctx, batch, uid).filter(|_| !no_cache) {
        return Ok(left);
    }
    // Boxed: all waiting calls have room for it, and few of them use it.
    let left = timeout(POLL_TIMEOUT, Box::pin(left_in_cluster(ctx, batch, uid))).await;
    left.unwrap_or_else(|_| Err(Error::Timeout.into()))
}

/// Finds the members by their label and owner: the description of the head may be damaged, and the head gone. `None`
/// while the watch is down: what is not in memory may exist.
fn left_in_store(ctx: &RequestContext, batch: &BatchRef, uid: &str) -> Option<Left> {
    let (store, now, in_namespace) = (ctx.store(), Instant::now(), Some(batch.namespace.clone()));
    let heads = Filter { namespace: in_namespace, job: Some(batch.name.head()), ..Filter::default() };
    let members = Filter { job: None, batch: Some(batch.name.clone()), ..heads.clone() };
    let Found::Hit { found: heads, age: None } = store.batch_heads(&heads, None, 1, now) else { return None };
    let Found::Hit { found: members, age: None } = store.page(&members, None, usize::MAX, now) else { return None };
    let has_head = heads.jobs.iter().any(|head| *head.uid == *uid);
    let members = members.jobs.into_iter().filter(|member| is_owned_by(member, uid)).collect();
    Some(Left { has_head, members, is_watched: true })
}

async fn left_in_cluster(ctx: &mut RequestContext, batch: &BatchRef, uid: &str) -> Result<Left, Problem> {
    let has_head = match ctx.client()?.get::<Job>(&batch.path()).await {
        Ok(head) => head.metadata.uid == uid,
        Err(error) if error.is_not_found() => false,
        Err(error) => return Err(error.into()),
    };
    let mut members = members_in_cluster(ctx, batch).await?;
    members.retain(|member| is_owned_by(member, uid));
    Ok(Left { has_head, members, is_watched: false })
}
