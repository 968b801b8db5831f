//! redeliver.

use crate::api::context::RequestContext;
use crate::http::request::body_stream::RequestBody;
use crate::http::response::problem::Problem;
use crate::http::response::reply::Reply;

pub(crate) async fn redeliver(ctx: &mut RequestContext, body: RequestBody) -> Result<Reply, Problem> {
    drop(body);
    ctx.count()?;
    std::future::ready(()).await;
    Err(Problem::no_webhooks())
}
