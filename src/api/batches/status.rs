//! get-batch-status: from the store, from the cluster, or after a wait.

use crate::api::batches::batch_ref::BatchRef;
use crate::api::batches::lookup;
use crate::api::batches::view::{check_description, see};
use crate::api::batches::wait::{WaitCondition, wait_for};
use crate::api::context::RequestContext;
use crate::api::jobs::status::tagged;
use crate::http::request::etag::IfNoneMatch;
use crate::http::response::problem::Problem;
use crate::http::response::reply::Reply;

pub(crate) async fn get_batch_status(ctx: &mut RequestContext) -> Result<Reply, Problem> {
    let (with_members, wait) = (ctx.parameters.flag("details")?, ctx.parameters.wait()?);
    let batch = BatchRef::from_query(ctx)?;
    let if_none_match = IfNoneMatch::parse(&ctx.headers);
    let found = match wait {
        Some(time) => {
            let other_than = |known| WaitCondition::OtherThan { known, with_members };
            let condition = if_none_match.as_ref().map_or(WaitCondition::Ended, other_than);
            wait_for(ctx, &batch, time, condition).await?
        }
        None => lookup::find(ctx, &batch).await?,
    };
    check_description(&batch, &found.batch)?;
    let seen = see(ctx, &batch, &found.batch, with_members).await?;
    Ok(tagged(&seen.tag, seen.json, if_none_match.as_ref(), found.source))
}
