//! A batch as a caller sees it: its status object with an entity tag.

use hyper::StatusCode;

use crate::api::batches::batch_ref::BatchRef;
use crate::api::batches::lookup::may_grow_for;
use crate::api::context::RequestContext;
use crate::api::jobs::exits;
use crate::http::response::problem::Problem;
use crate::jobs::batches::Batch;
use crate::jobs::batches::status::{BatchStatus, View};
use crate::jobs::idempotency::hash;
use crate::kube::client::{Body, json};

pub(super) struct Seen {
    pub(super) json: Body,
    /// Without quotes. It changes with the object, as a batch has no version of its own.
    pub(super) tag: String,
}

/// Returns the status object for the caller of this request.
pub(super) async fn see(
    ctx: &mut RequestContext,
    batch: &BatchRef,
    found: &Batch,
    with_members: bool,
) -> Result<Seen, Problem> {
    let with_exits = found.has_exits() && exits::caller_may_see(ctx, Some(&batch.namespace)).await?;
    let may_grow = may_grow_for(ctx, found).is_some();
    let json = json(&BatchStatus::new(ctx.cluster.name(), found, may_grow, View { with_members, with_exits }))?;
    let tag = [&*ctx.cluster.tag_prefix, &hash(&json)].concat();
    Ok(Seen { json, tag })
}

/// 409 if the head does not describe the batch any more.
pub(in crate::api) fn check_description(batch: &BatchRef, found: &Batch) -> Result<(), Problem> {
    if found.description().is_some() {
        return Ok(());
    }
    Err(damaged(batch))
}

/// 409: another tool has changed the annotation of the head.
pub(super) fn damaged(batch: &BatchRef) -> Problem {
    let detail = format!(
        "the annotation eks-api/batch of the job {} in namespace {} is missing or damaged, so the members of the batch \
         are unknown: restore it, or delete the batch with delete-batch and create it again",
        batch.name, batch.namespace
    );
    Problem::new(StatusCode::CONFLICT, "batch_damaged", detail)
}
