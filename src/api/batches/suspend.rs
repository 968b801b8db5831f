//! suspend-batch.

use hyper::StatusCode;

use crate::api::context::RequestContext;
use crate::http::request::body_stream::RequestBody;
use crate::http::response::problem::Problem;
use crate::http::response::reply::Reply;

pub(crate) async fn suspend_batch(
    ctx: &mut RequestContext,
    _body: RequestBody,
    _suspend: bool,
) -> Result<Reply, Problem> {
    ctx.enter()?;
    Err(Problem::new(StatusCode::NOT_IMPLEMENTED, "not_implemented", "not built yet"))
}
