//! Finds one batch: in the store, or in the cluster.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use hyper::StatusCode;
use tokio::time::timeout;

use crate::api::batches::batch_ref::BatchRef;
use crate::api::context::RequestContext;
use crate::api::jobs::list::pages::MAX_PAGE;
use crate::api::jobs::lookup::{REFRESH_TIMEOUT, Source, refuses_caller};
use crate::api::routes::access::{SEE_JOB, SEE_JOBS};
use crate::auth::AccessRequest;
use crate::http::response::problem::Problem;
use crate::jobs::batches::Batch;
use crate::jobs::batches::members::index_of;
use crate::jobs::batches::membership::MEMBER_LABEL;
use crate::jobs::status::Status;
use crate::jobs::store::{Found, LABEL_SELECTOR};
use crate::kube::error::Error;
use crate::kube::types::{Job, List};
use crate::kube::url::Path;

#[derive(Clone, Debug)]
pub(super) struct FoundBatch {
    pub(super) batch: Batch,
    pub(super) source: Source,
}

/// Returns the permissions to see a batch: its head, and its members.
pub(super) fn access_requests<'a>(batch: &'a BatchRef, head: &'a str) -> [AccessRequest<'a>; 2] {
    let namespace = Some(&batch.namespace);
    [
        AccessRequest { permission: SEE_JOB, namespace, name: Some(head) },
        AccessRequest { permission: SEE_JOBS, namespace, name: None },
    ]
}

/// Returns the batch if the caller may see it: from the store unless the request says `no-cache`.
pub(super) async fn find(ctx: &mut RequestContext, batch: &BatchRef) -> Result<FoundBatch, Problem> {
    // With no-cache the API server decides, as it is asked with the caller's own token.
    if !ctx.wants_no_cache() {
        let head = batch.name.head();
        ctx.authorize(&access_requests(batch, head.as_str())).await?;
    }
    fetch(ctx, batch).await
}

/// Returns the batch for a caller who may see it.
pub(super) async fn fetch(ctx: &mut RequestContext, batch: &BatchRef) -> Result<FoundBatch, Problem> {
    let stored = if ctx.wants_no_cache() { None } else { from_store(ctx, batch) };
    match stored {
        Some(found) if !found.source.is_stale() => Ok(found),
        Some(stale) => {
            ctx.enter()?;
            match timeout(REFRESH_TIMEOUT, Box::pin(from_cluster(ctx, batch))).await {
                Ok(Ok(found)) => Ok(found),
                Ok(Err(problem)) if problem.status == StatusCode::NOT_FOUND || refuses_caller(ctx, &problem) => {
                    Err(problem)
                }
                _ => Ok(stale),
            }
        }
        // Boxed: all waiting calls have room for it, and few of them use it.
        None => Box::pin(from_cluster(ctx, batch)).await,
    }
}

pub(super) fn from_store(ctx: &RequestContext, batch: &BatchRef) -> Option<FoundBatch> {
    match ctx.store().batch(&batch.namespace, &batch.name, Instant::now()) {
        Found::Hit { found, age } => Some(FoundBatch { batch: found, source: Source::Store { age } }),
        Found::Miss => None,
    }
}

/// Returns the head for a caller who may see it: from the store unless the request says `no-cache`.
pub(in crate::api) async fn head(ctx: &mut RequestContext, batch: &BatchRef) -> Result<Arc<Status>, Problem> {
    if !ctx.wants_no_cache()
        && let Some(found) = from_store(ctx, batch).filter(|found| !found.source.is_stale())
    {
        let [access, _] = access_requests(batch, found.batch.head.name());
        ctx.authorize(&[access]).await?;
        return Ok(found.batch.head);
    }
    head_in_cluster(ctx, batch).await
}

async fn head_in_cluster(ctx: &mut RequestContext, batch: &BatchRef) -> Result<Arc<Status>, Problem> {
    let head: Job = ctx.client()?.get(&batch.path()).await.map_err(|error| problem(batch, error))?;
    ctx.store().insert_if_newer(&head);
    let head = Arc::new(ctx.store().status(&head));
    if head.is_batch_head() { Ok(head) } else { Err(batch.is_a_job(ctx.route).into()) }
}

/// Reads the head, and lists the members by their label.
pub(super) async fn from_cluster(ctx: &mut RequestContext, batch: &BatchRef) -> Result<FoundBatch, Problem> {
    let head = head_in_cluster(ctx, batch).await?;
    // A list costs the cluster far more than any other call. So a caller has one at a time.
    let limits = Arc::clone(&ctx.limits);
    let _turn = limits.acquire_list(ctx.caller_id()).await?;
    Ok(FoundBatch { batch: with_members(ctx, batch, head).await?, source: Source::Cluster })
}

/// Returns the batch of this head with the members in the cluster.
pub(super) async fn with_members(
    ctx: &mut RequestContext,
    batch: &BatchRef,
    head: Arc<Status>,
) -> Result<Batch, Problem> {
    let listed = members_in_cluster(ctx, batch).await?;
    let mut members: HashMap<u32, Arc<Status>> = HashMap::new();
    members.extend(listed.into_iter().filter_map(|member| Some((index_of(&member)?, member))));
    Ok(Batch::new(head, |index| members.remove(&index)))
}

/// Lists the jobs with the label of this batch. They may belong to an earlier batch of that name.
pub(super) async fn members_in_cluster(ctx: &mut RequestContext, batch: &BatchRef) -> Result<Vec<Arc<Status>>, Error> {
    let selector = format!("{LABEL_SELECTOR},{MEMBER_LABEL}={}", batch.name);
    let (mut members, mut token) = (Vec::new(), None::<String>);
    loop {
        let path = Path::jobs_page(Some(&batch.namespace), &selector, MAX_PAGE, token.as_deref());
        let client = ctx.client().map_err(|_| Error::Timeout)?;
        let list: List<Job> = client.get(&path).await?;
        members.extend(list.items.unwrap_or_default().iter().map(|job| Arc::new(ctx.store().status(job))));
        token = Some(list.metadata.r#continue).filter(|token| !token.is_empty());
        if token.is_none() {
            return Ok(members);
        }
    }
}

/// A 404 names the batch.
pub(super) fn problem(batch: &BatchRef, error: Error) -> Problem {
    if error.is_not_found() { batch.not_found().into() } else { error.into() }
}

/// Returns for how long missing members may still be submitted. `None`: they will not be.
///
/// A submission takes at most the request timeout. Another process may make it, so a young head counts as one.
pub(super) fn may_grow_for(ctx: &RequestContext, batch: &Batch) -> Option<Duration> {
    let grows_until =
        Duration::from_secs(batch.head.created.try_into().unwrap_or_default()) + ctx.state.request_timeout * 2;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let left = grows_until.checked_sub(now).filter(|left| !left.is_zero());
    if ctx.store().submissions.contains(batch.head.key()) {
        return Some(left.unwrap_or(ctx.state.request_timeout));
    }
    left
}
