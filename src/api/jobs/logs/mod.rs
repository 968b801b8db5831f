//! get-job-logs: streams the logs of a job's containers, unchanged.
//!
//! One task reads and sends. An error before the first byte is a problem. A later error aborts the stream, so that the
//! caller does not take a part for the whole.
//!
//! `feed` runs that task. `reading` decides which log comes next. `follow` reads one run of a container to its end.

mod error;
mod feed;
mod follow;
mod reading;
mod run_log;
mod source;
mod wanted;

use std::sync::Arc;

use tokio::sync::watch;

use crate::api::context::RequestContext;
use crate::api::jobs::logs::feed::Feed;
use crate::api::jobs::logs::reading::Reading;
use crate::api::jobs::logs::source::ClusterLogs;
use crate::api::jobs::logs::wanted::Wanted;
use crate::http::response::problem::Problem;
use crate::http::response::reply::Reply;
use crate::http::response::stream_body::ReplyBody;
use crate::jobs::logs::JobPods;

pub(crate) async fn get_job_logs(ctx: &mut RequestContext) -> Result<Reply, Problem> {
    let job = ctx.resolve_job()?;
    let wanted = Wanted::parse(&ctx.parameters)?;
    ctx.acquire_stream_permit()?;
    ctx.forget_request();
    let seen = JobPods::fetch(ctx.client()?, &job.namespace, &job.name).await?;
    let (sink, body) = ReplyBody::stream();
    let (started, mut has_started) = watch::channel(false);
    let source = ClusterLogs::new(&ctx.cluster.api_server, ctx.caller(), ctx.state.request_timeout, job);
    let reading = Reading::new(source, wanted, sink, started);
    let (state, cluster) = (Arc::clone(&ctx.state), Arc::clone(&ctx.cluster));
    let feed = Feed { state, cluster, info: Box::new(ctx.info.clone()), reading };
    let permit = ctx.take_permit();
    let mut task = Box::pin(async move {
        let result = feed.run(seen).await;
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
