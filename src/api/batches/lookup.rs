//! Finds one batch: in the store, or in the cluster.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::StatusCode;
use tokio::time::timeout;

use crate::api::batches::batch_ref::BatchRef;
use crate::api::context::RequestContext;
use crate::api::jobs::list::pages::{Listed, MAX_PAGE, page};
use crate::api::jobs::lookup::{REFRESH_TIMEOUT, Source, refuses_caller};
use crate::api::routes::access::{SEE_JOB, SEE_JOBS};
use crate::auth::AccessRequest;
use crate::http::response::problem::Problem;
use crate::jobs::batches::Batch;
use crate::jobs::filter::Filter;
use crate::jobs::status::Status;
use crate::jobs::store::Found;
use crate::kube::error::Error;
use crate::kube::types::Job;

/// The members that one further call of the rate limit stands for.
const MEMBERS_PER_CALL: usize = 100;

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
        && let Found::Hit { found, age } = ctx.store().find(&batch.namespace, &batch.name.head(), Instant::now())
        && found.is_batch_head()
        && !(Source::Store { age }).is_stale()
    {
        let [access, _] = access_requests(batch, found.name());
        ctx.authorize(&[access]).await?;
        return Ok(found);
    }
    head_in_cluster(ctx, batch).await
}

async fn head_in_cluster(ctx: &mut RequestContext, batch: &BatchRef) -> Result<Arc<Status>, Problem> {
    let head: Job = ctx.client()?.get(&batch.path()).await.map_err(|error| named_if_missing(batch, error))?;
    ctx.store().insert_if_newer(&head);
    let head = Arc::new(ctx.store().status(&head));
    if head.is_batch_head() { Ok(head) } else { Err(batch.is_a_job(ctx.route).into()) }
}

/// Reads the head, and lists the members by their label.
pub(super) async fn from_cluster(ctx: &mut RequestContext, batch: &BatchRef) -> Result<FoundBatch, Problem> {
    let head = head_in_cluster(ctx, batch).await?;
    let members = members_in_cluster(ctx, batch).await?;
    Ok(FoundBatch { batch: with_members(head, &members), source: Source::Cluster })
}

/// Returns the batch of this head. Takes jobs in the order of their keys; its members are among them.
pub(super) fn with_members(head: Arc<Status>, jobs: &[Arc<Status>]) -> Batch {
    let batch = head.key().to_owned();
    Batch::new(head, |index| {
        let key = format!("{batch}-{index:04}");
        let at = jobs.binary_search_by(|job| job.key().cmp(&key)).ok()?;
        jobs.get(at).cloned()
    })
}

/// Lists the members of the batches of this name, in the order of their keys. They may belong to an earlier batch.
pub(super) async fn members_in_cluster(
    ctx: &mut RequestContext,
    batch: &BatchRef,
) -> Result<Vec<Arc<Status>>, Problem> {
    let (namespace, name) = (Some(batch.namespace.clone()), Some(batch.name.clone()));
    ctx.enter()?;
    // A list costs the cluster far more than any other call. So a caller has one at a time.
    let limits = Arc::clone(&ctx.limits);
    let _turn = limits.acquire_list(ctx.caller_id()).await?;
    jobs_in_cluster(ctx, &Filter { namespace, batch: name, ..Filter::default() }).await
}

/// Lists all jobs that match, in the order of their keys. The caller holds its turn to list.
pub(super) async fn jobs_in_cluster(ctx: &mut RequestContext, filter: &Filter) -> Result<Vec<Arc<Status>>, Problem> {
    let (mut jobs, mut token) = (Vec::new(), None::<String>);
    loop {
        let (more, next) = page(ctx, Listed::Jobs, filter, MAX_PAGE as usize, token.as_deref()).await?;
        jobs.extend(more);
        token = next;
        if token.is_none() {
            jobs.sort_unstable_by(|one, other| one.key().cmp(other.key()));
            return Ok(jobs);
        }
    }
}

/// A 404 names the batch.
pub(super) fn named_if_missing(batch: &BatchRef, error: Error) -> Problem {
    if error.is_not_found() { batch.not_found().into() } else { error.into() }
}

/// Returns for how long missing members may still be submitted. `None`: they will not be.
pub(in crate::api) fn may_grow_for(ctx: &RequestContext, batch: &Batch) -> Option<Duration> {
    ctx.store().submissions.may_grow_for(&batch.head, ctx.state.request_timeout * 2)
}

/// Charges the caller for the members of a batch, beside the call itself.
pub(in crate::api) fn charge(ctx: &mut RequestContext, members: usize) {
    ctx.charge(u32::try_from(members / MEMBERS_PER_CALL).unwrap_or(u32::MAX));
}
