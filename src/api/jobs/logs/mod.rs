//! get-job-logs: streams the logs of a job's containers, unchanged.
//!
//! One task reads and sends. An error before the first byte is a problem. A later error aborts the stream, so that the
//! caller does not take a part for the whole.
//!
//! `feed` runs that task. `batch` goes through the members of a batch. `reading` decides which log comes next. `follow`
//! reads one run of a container to its end.

mod batch;
mod error;
mod feed;
mod follow;
mod reading;
mod run_log;
mod sending;
mod source;
mod wanted;

use std::sync::Arc;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::api::batches::batch_ref::BatchRef;
use crate::api::batches::lookup;
use crate::api::batches::view::check_description;
use crate::api::context::RequestContext;
use crate::api::jobs::job_ref::JobRef;
use crate::api::jobs::logs::batch::{Logs, Members};
use crate::api::jobs::logs::feed::Feed;
use crate::api::jobs::logs::reading::Reading;
use crate::api::jobs::logs::source::ClusterLogs;
use crate::api::jobs::logs::wanted::Wanted;
use crate::http::response::problem::Problem;
use crate::http::response::reply::Reply;
use crate::http::response::stream_body::ReplyBody;
use crate::jobs::batches::{Batch, membership};
use crate::jobs::logs::JobPods;

pub(crate) async fn get_job_logs(ctx: &mut RequestContext) -> Result<Reply, Problem> {
    let batch = if ctx.parameters.has("batch_name") { Some(BatchRef::from_query(ctx)?) } else { None };
    let job = match &batch {
        Some(batch) if !ctx.parameters.has("job_name") => {
            ctx.job_in(batch.namespace.clone(), batch.name.head(), None)?
        }
        Some(_) => return Err(Problem::malformed("batch_name", "contradicts job_name")),
        None if !ctx.parameters.has("job_name") => {
            return Err(Problem::malformed("job_name", "job_name or batch_name is missing"));
        }
        None => ctx.resolve_job()?,
    };
    let wanted = Wanted::parse(&ctx.parameters)?;
    ctx.acquire_stream_permit()?;
    let logs = match batch {
        Some(batch) => Logs::Batch(members(ctx, &batch).await?),
        None => Logs::Job(Box::new(pods(ctx, &job).await?)),
    };
    ctx.forget_request();
    let (sink, body) = ReplyBody::stream();
    let (started, mut has_started) = watch::channel(false);
    let source = ClusterLogs::new(&ctx.cluster.api_server, ctx.caller(), ctx.state.request_timeout, job);
    let reading = Reading::new(source, wanted, sink, started);
    let (state, cluster) = (Arc::clone(&ctx.state), Arc::clone(&ctx.cluster));
    let feed = Feed { state, cluster, info: Box::new(ctx.info.clone()), reading };
    let permit = ctx.take_permit();
    let mut task = Box::pin(async move {
        let result = feed.run(logs).await;
        drop(permit);
        result
    });
    // Before the first byte the task runs in this call: if the caller disconnects, it ends too.
    tokio::select! {
        biased;
        _ = has_started.wait_for(|started| *started) => {}
        result = &mut task => return result.map(|()| Reply::stream(body)),
    }
    tokio::spawn(task);
    Ok(Reply::stream(body))
}

async fn pods(ctx: &mut RequestContext, job: &JobRef) -> Result<JobPods, Problem> {
    let seen = JobPods::fetch(ctx.client()?, &job.namespace, &job.name).await?;
    if membership::is_head(&seen.job) { Err(job.is_a_batch(ctx.route)) } else { Ok(seen) }
}

async fn members(ctx: &mut RequestContext, batch: &BatchRef) -> Result<Members, Problem> {
    let head = lookup::head(ctx, batch).await?;
    let found = Batch::new(head, |_| None);
    check_description(batch, &found)?;
    lookup::charge(ctx, found.members.len());
    let names = (0..).zip(&found.members).map(|(index, _)| batch.name.member(index)).collect();
    let grows_until = Instant::now() + lookup::may_grow_for(ctx, &found).unwrap_or_default();
    Ok(Members { names, head: found.head.uid.to_string(), grows_until })
}
