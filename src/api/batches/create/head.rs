//! The head of a batch: created before the members, and looked up again before the reply.

use hyper::StatusCode;

use crate::api::batches::batch_ref::BatchRef;
use crate::api::batches::create::outcome::{Outcome, deleting};
use crate::api::batches::lookup::members_in_cluster;
use crate::api::context::RequestContext;
use crate::api::jobs::create::submit::submit;
use crate::http::response::problem::Problem;
use crate::jobs::batches::members::{index_of, is_owned_by};
use crate::jobs::batches::membership::Membership;
use crate::jobs::create::Submitted;
use crate::jobs::manifest::JobManifest;
use crate::kube::types::Job;
use crate::kube::url::FieldValidation;

/// Creates the head, or finds that of an earlier call with the same key and body. `has_key` is whether the caller sent
/// an Idempotency-Key.
pub(super) async fn create(
    ctx: &mut RequestContext,
    batch: &BatchRef,
    head: JobManifest,
    has_key: bool,
) -> Result<Submitted, Problem> {
    if has_former_members(ctx, batch).await? {
        return Err(deleting("jobs of an earlier batch of this name are"));
    }
    ctx.acquire_write_permit().await?;
    let submitted = submit(ctx, FieldValidation::default(), head).await;
    // Each member has a permit of its own.
    ctx.release_write_permit();
    match submitted {
        Ok(submitted) => {
            ctx.set_object_uid(&submitted.job.metadata.uid);
            ctx.store().insert_if_newer(&submitted.job);
            Ok(submitted)
        }
        Err(problem) if problem.status == StatusCode::CONFLICT => Err(explain(ctx, batch, problem, has_key).await),
        Err(problem) => Err(problem),
    }
}

/// Whether there are members without a head. They are being deleted, and their names are taken until then.
async fn has_former_members(ctx: &mut RequestContext, batch: &BatchRef) -> Result<bool, Problem> {
    if !ctx.store().may_have_former_members(&batch.namespace, &batch.name) {
        return Ok(false);
    }
    if members_in_cluster(ctx, batch).await?.is_empty() {
        return Ok(false);
    }
    match ctx.client()?.get::<Job>(&batch.path()).await {
        Ok(_) => Ok(false),
        Err(error) if error.is_not_found() => Ok(true),
        Err(error) => Err(error.into()),
    }
}

/// Explains why the head cannot be created: its name is taken.
async fn explain(ctx: &mut RequestContext, batch: &BatchRef, problem: Problem, has_key: bool) -> Problem {
    let is_key_reused = problem.reason == "idempotency_key_reused";
    if !is_key_reused && problem.reason != "AlreadyExists" {
        return problem;
    }
    let job: Job = match ctx.client() {
        Ok(client) => match client.get(&batch.path()).await {
            Ok(job) => job,
            Err(error) if error.is_not_found() => return deleting("a job of this name was"),
            Err(_) => return problem,
        },
        Err(_) => return problem,
    };
    let BatchRef { namespace, name } = batch;
    if job.metadata.deletion_timestamp.is_some() {
        return deleting(&format!("the job or batch {name} is"));
    }
    let detail = match Membership::of(&job) {
        Some(Membership::Head(_)) if is_key_reused && has_key => {
            format!("this Idempotency-Key was used for batch {name} with another body")
        }
        Some(Membership::Head(_)) => format!(
            "batch {name} in namespace {namespace} was created by another call, or with another body: delete it first, or use another batch_name"
        ),
        _ => format!("a job {name} in namespace {namespace} exists already: use another batch_name"),
    };
    let reason = if has_key { &*problem.reason } else { "AlreadyExists" };
    Problem::new(StatusCode::CONFLICT, reason, detail)
}

/// Marks the members that an earlier call created. 409 if a job of their names belongs to an earlier batch.
pub(super) async fn find_members(
    ctx: &mut RequestContext,
    batch: &BatchRef,
    head_uid: &str,
    jobs: &mut [Outcome],
) -> Result<(), Problem> {
    for member in members_in_cluster(ctx, batch).await? {
        let Some(index) = index_of(&member) else { continue };
        if !is_owned_by(&member, head_uid) {
            return Err(deleting("jobs of an earlier batch of this name are"));
        }
        if let Some(job) = jobs.get_mut(index as usize) {
            *job = Outcome::Existing { uid: member.uid.clone() };
        }
    }
    Ok(())
}

/// 409 if the head is gone or is being deleted: its members go too. If it cannot be read, the jobs are as they were.
pub(super) async fn check_again(ctx: &mut RequestContext, batch: &BatchRef, uid: &str) -> Result<(), Problem> {
    let is_deleted = match ctx.client()?.get::<Job>(&batch.path()).await {
        Ok(job) => job.metadata.uid != uid || job.metadata.deletion_timestamp.is_some(),
        Err(error) => error.is_not_found(),
    };
    if is_deleted {
        Err(deleting(&format!("batch {} was deleted meanwhile: its jobs are", batch.name)))
    } else {
        Ok(())
    }
}
