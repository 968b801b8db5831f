//! get-job-history: the runs under one name, the newest first, with their transitions.

use hyper::StatusCode;

use crate::api::context::RequestContext;
use crate::api::history::list::Listed;
use crate::api::history::query::{self, Reader};
use crate::api::jobs::job_ref::JobRef;
use crate::history::query::filter::RunFilter;
use crate::history::query::{Page, job};
use crate::http::response::problem::Problem;
use crate::http::response::reply::Reply;
use crate::util::text::shown_name;

/// Begins each `continue` of this call.
const MARK: &str = "j";

pub(crate) async fn get_job_history(ctx: &mut RequestContext) -> Result<Reply, Problem> {
    // A list counts: it is work.
    ctx.count()?;
    let (job, (limit, after)) = (ctx.resolve_job()?, query::page(ctx, MARK)?);
    query::authorize(ctx).await?;
    let filter = RunFilter {
        cluster: ctx.cluster.name().to_string(),
        namespace: Some(job.namespace.to_string()),
        job_name: Some(job.name.to_string()),
        uid: job.uid.clone(),
        ..RunFilter::default()
    };
    let reader = Reader::new(ctx).await?;
    let list = reader.history.read(reader.time, move |connection| job::list(connection, &filter, after, limit));
    let Page { rows: mut runs, next } = list.await.map_err(|error| reader.problem(error))?;
    drop(reader);
    if runs.is_empty() && next.is_none() && after.is_none() {
        return Err(never_seen(&job));
    }
    query::hide_exits(ctx, &mut runs).await?;
    Reply::json(StatusCode::OK, &Listed { runs, r#continue: query::next(ctx, MARK, next) })
}

fn never_seen(job: &JobRef) -> Problem {
    let with_uid = job.uid.as_deref().map(|uid| format!(" with the uid {}", shown_name(uid))).unwrap_or_default();
    let detail = format!("the history has no run of the job {}{with_uid} in namespace {}", job.name, job.namespace);
    Problem::new(StatusCode::NOT_FOUND, "NotFound", detail)
}
