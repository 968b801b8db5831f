//! list-history: the runs that match, the newest first.

use hyper::StatusCode;
use serde::Serialize;

use crate::api::context::RequestContext;
use crate::api::history::query::{self, Reader};
use crate::history::query::run::Run;
use crate::history::query::{Page, runs};
use crate::http::response::problem::Problem;
use crate::http::response::reply::Reply;

/// Begins each `continue` of this call.
const MARK: &str = "h";

#[derive(Serialize)]
pub(super) struct Listed {
    pub(super) runs: Vec<Run>,
    /// The start of the next page; null on the last one.
    pub(super) r#continue: Option<String>,
}

pub(crate) async fn list_history(ctx: &mut RequestContext) -> Result<Reply, Problem> {
    // A list counts: it is work.
    ctx.count()?;
    let times = query::times(&ctx.parameters, query::now())?;
    let (filter, (limit, after)) = (query::runs(ctx, times)?, query::page(ctx, MARK)?);
    query::authorize(ctx).await?;
    let reader = Reader::new(ctx).await?;
    let list = reader.history.read(reader.time, move |connection| runs::list(connection, &filter, after, limit));
    let Page { rows: mut runs, next } = list.await.map_err(|error| reader.problem(error))?;
    drop(reader);
    query::hide_exits(ctx, &mut runs).await?;
    Reply::json(StatusCode::OK, &Listed { runs, r#continue: query::next(ctx, MARK, next) })
}
