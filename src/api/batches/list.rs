//! list-batches.

use hyper::StatusCode;

use crate::api::context::RequestContext;
use crate::http::response::problem::Problem;
use crate::http::response::reply::Reply;

pub(crate) async fn list_batches(ctx: &mut RequestContext) -> Result<Reply, Problem> {
    ctx.enter()?;
    Err(Problem::new(StatusCode::NOT_IMPLEMENTED, "not_implemented", "not built yet"))
}
