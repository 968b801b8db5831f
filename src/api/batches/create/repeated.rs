//! Finds a complete batch of an earlier call whose template cannot be read any more.

use crate::api::batches::batch_ref::BatchRef;
use crate::api::batches::create::body::Call;
use crate::api::batches::create::outcome::{Outcome, Outcomes};
use crate::api::batches::lookup;
use crate::api::context::RequestContext;
use crate::api::templates::source::is_about_template;
use crate::http::response::problem::Problem;
use crate::http::response::reply::Reply;
use crate::jobs::batches::plan::bind_call;
use crate::jobs::idempotency::IdempotencyKey;

/// Returns the reply for the batch of the same key and body, if all its members exist. Else the failure stays.
pub(super) async fn find(
    ctx: &mut RequestContext,
    batch: &BatchRef,
    key: &IdempotencyKey,
    call: &Call,
    problem: Problem,
) -> Result<Reply, Problem> {
    if !is_about_template(&problem) {
        return Err(problem);
    }
    let Ok(found) = lookup::from_cluster(ctx, batch).await else { return Err(problem) };
    let (bound, found) = (bind_call(key, &call.members)?, found.batch);
    let description = found.description().filter(|known| {
        known.key.as_deref() == Some(&*bound.key) && *known.body == *bound.body && !found.is_deleting()
    });
    let jobs = found.members.iter().map(|member| Some(Outcome::Existing { uid: member.as_ref()?.uid.clone() }));
    let (Some(description), Some(jobs)) = (description, jobs.collect()) else { return Err(problem) };
    ctx.set_object_uid(&found.head.uid);
    let outcomes = Outcomes {
        batch,
        cluster: ctx.cluster.name(),
        description,
        jobs,
        on_error: call.on_error,
        is_late: false,
        is_repeatable: true,
        namespace_created: false,
        warnings: Vec::new(),
    };
    outcomes.reply()
}
