//! get-job-status: from the store, from the cluster, or after a wait.

use hyper::StatusCode;
use hyper::body::Bytes;
use hyper::header::{CACHE_CONTROL, ETAG, HeaderValue};

use crate::api::context::RequestContext;
use crate::api::jobs::job_ref::JobRef;
use crate::api::jobs::lookup::{self, FoundJob, Source};
use crate::api::jobs::wait::{WaitCondition, wait_for};
use crate::http::request::etag::{self, IfNoneMatch};
use crate::http::response::problem::Problem;
use crate::http::response::reply::{Reply, merged};
use crate::jobs::batches::membership;
use crate::jobs::pods::details;
use crate::jobs::status::Status;
use crate::kube::client::json;
use crate::kube::types::JobInFull;

pub(crate) async fn get_job_status(ctx: &mut RequestContext) -> Result<Reply, Problem> {
    let (job, with_details, wait) = (ctx.resolve_job()?, ctx.parameters.flag("details")?, ctx.parameters.wait()?);
    let if_none_match = IfNoneMatch::parse(&ctx.headers);
    let found = match wait {
        Some(time) => {
            let condition = if_none_match.as_ref().map_or(WaitCondition::Finished, WaitCondition::OtherThan);
            Some(wait_for(ctx, &job, time, condition).await?)
        }
        None if with_details => None,
        None => Some(lookup::find(ctx, &job).await?),
    };
    match found {
        Some(found) if !with_details => {
            let tag = found.status.tag(&ctx.cluster.tag_prefix);
            Ok(tagged(&tag, found.status.json(), if_none_match.as_ref(), found.source))
        }
        // Boxed: all waiting calls would have room for it.
        found => Box::pin(with_pods_and_events(ctx, &job, found.as_ref())).await,
    }
}

/// Reads pods and events from the cluster, and so the selector that finds them. A job that is gone has none.
async fn with_pods_and_events(
    ctx: &mut RequestContext,
    job: &JobRef,
    waited: Option<&FoundJob>,
) -> Result<Reply, Problem> {
    let job = waited.map_or_else(|| job.clone(), |found| job.with_uid(&found.status.uid));
    let read: Result<JobInFull, _> = ctx.client()?.get(&job.path()).await;
    let read = read.and_then(|read| if job.has_uid(&read.metadata.uid) { Ok(read) } else { Err(job.replaced()) });
    let full = match (read, waited) {
        (Ok(full), _) if membership::is_head(&full) => return Err(job.is_a_batch(ctx.route)),
        (Ok(full), _) => full,
        (Err(error), Some(ended)) if error.is_not_found() && ended.status.state.is_final() => {
            let body = merged(&ended.status.json(), br#"{"pods":[],"events":[]}"#);
            return Ok(with_source(Reply::encoded(StatusCode::OK, body), ended.source));
        }
        (Err(error), _) => return Err(lookup::with_last_known(ctx, &job, error).await),
    };
    let details = details::fetch(ctx.client()?, &job.namespace, &full).await?;
    let full = full.into();
    // Otherwise a later answer from the store could be older than this one.
    ctx.store().insert_if_newer(&full);
    // The API server let the caller list the pods, so the caller may see the exit.
    let status = match &details.exit {
        Some(exit) => {
            ctx.store().set_exit(&full, exit);
            Status::with_exit(ctx.cluster.name(), &full, exit.clone())
        }
        None => ctx.store().status(&full),
    };
    let body = merged(&status.json(), &json(&details)?);
    Ok(with_source(Reply::encoded(StatusCode::OK, body), Source::Cluster))
}

/// Returns a status object with its `ETag`, or 304 if the caller has it already.
pub(in crate::api) fn tagged(tag: &str, json: Bytes, if_none_match: Option<&IfNoneMatch>, source: Source) -> Reply {
    let reply = if if_none_match.is_some_and(|tags| tags.has(tag)) {
        Reply::empty(StatusCode::NOT_MODIFIED)
    } else {
        Reply::bytes(StatusCode::OK, json)
    };
    let reply = reply.with(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    with_source(reply.with(ETAG, etag::quote(tag)), source)
}

fn with_source(mut reply: Reply, source: Source) -> Reply {
    source.set_headers(&mut reply.headers);
    reply
}
