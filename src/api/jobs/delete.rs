//! delete-job.

use std::time::{Duration, Instant};

use hyper::StatusCode;
use serde::Serialize;

use crate::api::context::RequestContext;
use crate::api::jobs::job_ref::JobRef;
use crate::api::jobs::lookup::refuse_head;
use crate::api::jobs::wait::{WaitCondition, wait_for};
use crate::api::routes::Route;
use crate::http::request::body;
use crate::http::request::body_stream::RequestBody;
use crate::http::response::problem::Problem;
use crate::http::response::reply::Reply;
use crate::kube::types::DeletedJob;
use crate::kube::types::request::{DeleteOptions, Preconditions, Propagation};

#[derive(Serialize)]
struct Deleted<'a> {
    cluster: &'a str,
    message: String,
    status: &'static str,
    /// Whether the job is gone at the end of a wait. None without a wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    gone: Option<bool>,
}

pub(crate) async fn delete_job(ctx: &mut RequestContext, body: RequestBody) -> Result<Reply, Problem> {
    ctx.count()?;
    body::none(body).await?;
    let (job, wait) = (ctx.resolve_job()?, ctx.parameters.wait()?);
    let options = DeleteOptions {
        grace_period_seconds: grace_period(ctx)?,
        preconditions: job.uid.clone().map(|uid| Preconditions { uid }),
        ..DeleteOptions::new(propagation(ctx)?)
    };
    refuse_head(ctx, &job, options.propagation_policy == Propagation::Orphan).await?;
    ctx.acquire_write_permit().await?;
    let uid = match ctx.client()?.delete(&job.path(), &options).await? {
        DeletedJob::Ending(deleted) => {
            ctx.set_object_uid(&deleted.metadata.uid);
            ctx.store().insert_if_newer(&deleted);
            Some(deleted.metadata.uid)
        }
        DeletedJob::Gone(status) => {
            let uid = status.details.map(|details| details.uid).unwrap_or_default();
            ctx.set_object_uid(&uid);
            ctx.store().tombstone(&job.namespace, &job.name, &uid);
            None
        }
    };
    let gone = match (wait, uid) {
        (None, _) => None,
        (Some(_), None) => Some(true),
        (Some(time), Some(uid)) => Some(wait_until_gone(ctx, &job.with_uid(&uid), time).await),
    };
    let end = if gone == Some(true) { "is deleted" } else { "is being deleted" };
    let message = format!("Job {} in namespace {} {end}", job.name, job.namespace);
    Reply::json(StatusCode::OK, &Deleted { cluster: ctx.cluster.name(), message, status: "success", gone })
}

/// Returns whether the job is gone within this time.
async fn wait_until_gone(ctx: &mut RequestContext, job: &JobRef, time: Duration) -> bool {
    match wait_for(ctx, job, time, WaitCondition::Gone).await {
        // A job that ended during the wait and is gone is returned as it was last.
        Ok(_) => {
            let (uid, now) = (job.uid.as_deref(), Instant::now());
            ctx.store().last_known(&job.namespace, &job.name, uid, now).is_some()
        }
        Err(problem) if problem.status == StatusCode::NOT_FOUND => true,
        // The wait failed, but the deletion continues.
        Err(problem) => {
            ctx.record_wait_error(Route::GetJobStatus, &problem);
            false
        }
    }
}

/// Foreground by default: the API server's own default would leave the pods behind.
pub(in crate::api) fn propagation(ctx: &RequestContext) -> Result<Propagation, Problem> {
    const NAME: &str = "propagation_policy";
    match ctx.parameters.optional(NAME).map(str::to_ascii_lowercase).as_deref() {
        None | Some("foreground") => Ok(Propagation::Foreground),
        Some("background") => Ok(Propagation::Background),
        Some("orphan") => Ok(Propagation::Orphan),
        Some(_) => Err(Problem::malformed(NAME, "must be Foreground, Background or Orphan")),
    }
}

fn grace_period(ctx: &RequestContext) -> Result<Option<u32>, Problem> {
    const NAME: &str = "grace_period_seconds";
    let parse = |value: &str| value.parse().ok().filter(|seconds| *seconds <= i32::MAX.unsigned_abs());
    let wrong = || Problem::malformed(NAME, "must be a whole number of seconds, 0 or more");
    ctx.parameters.optional(NAME).map(|value| parse(value).ok_or_else(wrong)).transpose()
}
