//! list-history.

use crate::api::context::RequestContext;
use crate::http::response::problem::Problem;
use crate::http::response::reply::Reply;

#[expect(clippy::unused_async, reason = "not there yet")]
pub(crate) async fn list_history(_ctx: &mut RequestContext) -> Result<Reply, Problem> {
    Err(Problem::no_history())
}
