//! Finds a complete batch of an earlier call whose template or webhook cannot be used any more.

use crate::api::batches::batch_ref::BatchRef;
use crate::api::batches::create::body::OnError;
use crate::api::batches::create::outcome::{Outcome, Outcomes};
use crate::api::batches::lookup;
use crate::api::context::RequestContext;
use crate::api::templates::source::is_about_template;
use crate::http::response::problem::Problem;
use crate::http::response::reply::Reply;
use crate::jobs::batches::members::is_deleting;
use crate::jobs::idempotency::BoundKey;

/// Returns the reply for the batch of the same key and body, if all its members exist. Else the failure stays.
pub(super) async fn find(
    ctx: &mut RequestContext,
    batch: &BatchRef,
    bound: &BoundKey,
    on_error: OnError,
    problem: Problem,
) -> Result<Reply, Problem> {
    if !is_about_template(&problem) {
        return Err(problem);
    }
    let Ok(found) = lookup::from_cluster(ctx, batch).await else { return Err(problem) };
    let found = found.batch;
    let description = found.description().filter(|known| {
        known.key.as_deref() == Some(&*bound.key) && *known.body == *bound.body && !found.is_deleting()
    });
    let jobs = found.members.iter().map(|member| {
        let member = member.as_ref().filter(|member| !is_deleting(member))?;
        Some(Outcome::Existing { uid: member.uid.clone() })
    });
    let (Some(description), Some(jobs)) = (description, jobs.collect()) else { return Err(problem) };
    ctx.set_object_uid(&found.head.uid);
    let mut outcomes = Outcomes::new(batch, ctx.cluster.name(), description, on_error);
    outcomes.jobs = jobs;
    outcomes.reply()
}
