//! list-webhooks.

use crate::api::context::RequestContext;
use crate::http::response::problem::Problem;
use crate::http::response::reply::Reply;

pub(crate) async fn list_webhooks(ctx: &mut RequestContext) -> Result<Reply, Problem> {
    ctx.count()?;
    std::future::ready(()).await;
    Err(Problem::no_webhooks())
}
