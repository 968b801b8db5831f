//! suspend-job and resume-job.

use hyper::StatusCode;
use serde::Deserialize;

use crate::api::context::RequestContext;
use crate::api::jobs::job_ref::JobRef;
use crate::api::jobs::lookup::refuse_head;
use crate::api::jobs::wait::{WaitCondition, wait_for};
use crate::api::routes::Route;
use crate::http::request::body_stream::RequestBody;
use crate::http::request::parameters::{agreed, parse_job_name, wait_time};
use crate::http::response::problem::Problem;
use crate::http::response::reply::Reply;
use crate::jobs::status::Status;
use crate::kube::client::json;
use crate::kube::types::Job;
use crate::kube::types::request::Suspension;

/// The parameters, if they are in a JSON body.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    job_name: Option<String>,
    namespace: Option<String>,
    wait: Option<String>,
    cluster: Option<String>,
}

/// Suspends or resumes a job.
pub(crate) async fn suspend_job(ctx: &mut RequestContext, body: RequestBody, suspend: bool) -> Result<Reply, Problem> {
    let in_body: Parameters = ctx.read_optional_body(body, |body: &Parameters| body.cluster.as_deref()).await?;
    let wait = in_body.wait.as_deref().map(wait_time).transpose()?;
    let wait = agreed("wait", ctx.parameters.wait()?, wait)?;
    let job = resolve_job(ctx, &in_body)?;
    let patch = json(&Suspension::new(suspend))?;
    refuse_head(ctx, &job, false).await?;
    ctx.acquire_write_permit().await?;
    let patched: Job = ctx.client()?.merge_patch(&job.path(), patch).await?;
    ctx.set_object_uid(&patched.metadata.uid);
    ctx.store().insert_if_newer(&patched);
    check_result(&patched, suspend)?;
    if let Some(time) = wait {
        let job = job.with_uid(&patched.metadata.uid);
        match wait_for(ctx, &job, time, WaitCondition::Suspended(suspend)).await {
            Ok(found) => return Ok(Reply::bytes(StatusCode::OK, found.status.json())),
            // The job is gone. The answer is its status after the change.
            Err(problem) if problem.status == StatusCode::NOT_FOUND => {}
            // The change was made, but waiting failed.
            Err(problem) => ctx.record_wait_error(Route::GetJobStatus, &problem),
        }
    }
    Ok(Reply::bytes(StatusCode::OK, Status::new(ctx.cluster.name(), &patched).json()))
}

/// Returns the job that the query or the body names.
fn resolve_job(ctx: &mut RequestContext, in_body: &Parameters) -> Result<JobRef, Problem> {
    let name = agreed(
        "job_name",
        ctx.parameters.optional("job_name").map(parse_job_name).transpose()?,
        in_body.job_name.as_deref().map(parse_job_name).transpose()?,
    )?;
    let name =
        name.ok_or_else(|| Problem::malformed("job_name", "is missing: name the job in the query, or in a JSON body"))?;
    let namespace = ctx.parameters.agreed_namespace(in_body.namespace.as_deref())?;
    ctx.job_in(namespace, name, None)
}

/// Returns an error if the API server accepted the change without making it.
pub(in crate::api) fn check_result(patched: &Job, suspend: bool) -> Result<(), Problem> {
    match patched.spec.suspend {
        None if suspend => {
            let detail = "the cluster's API server does not know spec.suspend: it is older than Kubernetes 1.21";
            Err(Problem::new(StatusCode::BAD_GATEWAY, "suspend_not_supported", detail))
        }
        Some(is_suspended) if is_suspended != suspend => {
            let detail = format!(
                "the API server accepted the change, but spec.suspend of job {} is still {is_suspended}: an admission \
                 webhook or a controller overrides it",
                patched.metadata.name
            );
            Err(Problem::new(StatusCode::CONFLICT, "suspend_overruled", detail))
        }
        _ => Ok(()),
    }
}
