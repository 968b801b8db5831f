//! The head of a batch: created before the members, and looked up again before the reply.

use hyper::StatusCode;

use crate::api::batches::batch_ref::BatchRef;
use crate::api::batches::create::outcome::{Outcome, Refused, deleting};
use crate::api::batches::lookup::members_in_cluster;
use crate::api::batches::view::damaged;
use crate::api::context::RequestContext;
use crate::api::jobs::create::submit::submit;
use crate::api::templates::source::problem;
use crate::http::response::problem::Problem;
use crate::jobs::batches::members::{index_of, is_deleting, is_owned_by};
use crate::jobs::batches::membership::Membership;
use crate::jobs::batches::plan::Plan;
use crate::jobs::create::Submitted;
use crate::kube::types::Job;
use crate::kube::url::FieldValidation;

const KEY_REUSED: &str = "idempotency_key_reused";

/// Creates the head, or finds that of an earlier call with the same key and body. `has_key` is whether the caller sent
/// an Idempotency-Key.
pub(super) async fn create(
    ctx: &mut RequestContext,
    batch: &BatchRef,
    plan: &Plan,
    has_key: bool,
) -> Result<Submitted, Problem> {
    let head = plan.head().map_err(problem)?;
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
            let description = Membership::of(&submitted.job);
            match description.as_ref().and_then(Membership::description) {
                Some(described) if described == plan.description() => Ok(submitted),
                _ if submitted.created => Ok(submitted),
                _ => Err(damaged(batch)),
            }
        }
        Err(problem) if [KEY_REUSED, "AlreadyExists"].contains(&&*problem.reason) => {
            Err(explain(ctx, batch, problem, has_key).await)
        }
        Err(problem) => Err(of_first_job(problem, plan.head_field())),
    }
}

/// Whether there are members of a head that is gone. They are being deleted, and their names are taken until then.
/// Members that another tool has made orphans stay.
async fn has_former_members(ctx: &mut RequestContext, batch: &BatchRef) -> Result<bool, Problem> {
    if !ctx.store().may_have_former_members(&batch.namespace, &batch.name) {
        return Ok(false);
    }
    if !members_in_cluster(ctx, batch).await?.iter().any(|member| index_of(member).is_some()) {
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
    let is_key_reused = problem.reason == KEY_REUSED;
    let job: Job = match ctx.client() {
        Ok(client) => match client.get(&batch.path()).await {
            Ok(job) => job,
            Err(error) if error.is_not_found() => return deleting("a job of this name was"),
            Err(error) => {
                let unread = Problem::from(error);
                return if unread.is_temporary { unread } else { problem };
            }
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

/// Says which job the fields of a refusal belong to: the caller knows no Job with the head's name.
fn of_first_job(mut problem: Problem, field: &str) -> Problem {
    let causes = problem.causes.iter().map(|cause| format!("{}: {}", cause.field, cause.message));
    let causes = causes.collect::<Vec<_>>().join("; ");
    if !causes.is_empty() {
        problem.detail = format!("{field}: the pod template of jobs[0] is invalid: {causes}").into();
    }
    for cause in &mut problem.causes {
        cause.field = format!("{field}.{}", cause.field);
    }
    problem
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
            *job = if is_deleting(&member) {
                Outcome::Refused(Refused::deleting("this job is being deleted"))
            } else {
                Outcome::Existing { uid: member.uid.clone() }
            };
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
