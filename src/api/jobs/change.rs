//! delete-job, suspend-job, resume-job.

use std::time::Instant;

use hyper::StatusCode;
use serde::{Deserialize, Serialize};

use crate::api::context::RequestContext;
use crate::api::jobs::lookup::JobRef;
use crate::api::jobs::wait::{self, WaitCondition};
use crate::api::routes::Route;
use crate::http::request::body;
use crate::http::request::body_stream::RequestBody;
use crate::http::request::parameters::{agreed, parse_job_name, parse_namespace, wait_time};
use crate::http::response::problem::Problem;
use crate::http::response::reply::Reply;
use crate::jobs::status::Status;
use crate::kube::client::json;
use crate::kube::types::request::{DeleteOptions, Preconditions, Propagation, Suspension};
use crate::kube::types::{DeletedJob, Job};
use crate::kube::url::Path;

/// What a JSON body can say in place of the query.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct OneJob {
    job_name: Option<String>,
    namespace: Option<String>,
    wait: Option<String>,
}

#[derive(Serialize)]
struct Deleted {
    message: String,
    status: &'static str,
    /// With a wait: whether the job is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    gone: Option<bool>,
}

pub(crate) async fn delete_job(call: &mut RequestContext, body: RequestBody) -> Result<Reply, Problem> {
    body::none(body).await?;
    let (namespace, name) = call.one_job()?;
    let wait = call.parameters.wait()?;
    let options = DeleteOptions {
        grace_period_seconds: grace_period(call)?,
        preconditions: call.parameters.optional("uid").map(|uid| Preconditions { uid: uid.to_owned() }),
        ..DeleteOptions::new(propagation(call)?)
    };
    call.acquire_write_permit().await?;
    let ending = match call.session.delete(&Path::job(&namespace, &name), &options).await? {
        DeletedJob::Ending(job) => {
            call.set_object_uid(&job.metadata.uid);
            call.shared.cache.enter(&job);
            Some(job.metadata.uid)
        }
        DeletedJob::Gone(status) => {
            let uid = status.details.map(|details| details.uid).unwrap_or_default();
            call.set_object_uid(&uid);
            call.shared.cache.tombstone(&namespace, &name, &uid);
            None
        }
    };
    let gone = match (wait, ending) {
        (None, _) => None,
        (Some(_), None) => Some(true),
        (Some(time), Some(uid)) => {
            let job = JobRef { namespace: &namespace, name: &name, uid: Some(&uid) };
            Some(match wait::until(call, &job, time, WaitCondition::Gone).await {
                // One that ended meanwhile and is gone is told as it was last.
                Ok(_) => call.shared.cache.last_known(&namespace, &name, Some(&uid), Instant::now()).is_some(),
                Err(problem) if problem.status == StatusCode::NOT_FOUND => true,
                // The deletion has begun all the same.
                Err(problem) => {
                    call.wait_ended(Route::GetJobStatus, &problem);
                    false
                }
            })
        }
    };
    let end = if gone == Some(true) { "is deleted" } else { "is being deleted" };
    let message = format!("Job {name} in namespace {namespace} {end}");
    Reply::json(StatusCode::OK, &Deleted { message, status: "success", gone })
}

/// Suspends a job, or lets it go on.
pub(crate) async fn suspend(call: &mut RequestContext, body: RequestBody, suspend: bool) -> Result<Reply, Problem> {
    let OneJob { job_name, namespace, wait } = call.read_if_any(body).await?;
    let parameters = &call.parameters;
    let in_body = job_name.map(|name| parse_job_name(&name)).transpose()?;
    let in_query = parameters.optional("job_name").map(parse_job_name).transpose()?;
    let name = agreed("job_name", in_query, in_body)?
        .ok_or_else(|| Problem::malformed("job_name", "is missing: name the job in the query, or in a JSON body"))?;
    let in_body = namespace.map(|name| parse_namespace("namespace", &name)).transpose()?;
    let in_query = parameters.optional("namespace").map(|name| parse_namespace("namespace", name)).transpose()?;
    let namespace =
        agreed("namespace", in_query, in_body)?.map_or_else(|| parse_namespace("namespace", "default"), Ok)?;
    let wait = agreed("wait", parameters.wait()?, wait.map(|time| wait_time(&time)).transpose()?)?;
    let (namespace, name) = call.about(namespace, name)?;
    let patch = json(&Suspension::new(suspend))?;
    call.acquire_write_permit().await?;
    let job: Job = call.session.merge_patch(&Path::job(&namespace, &name), patch).await?;
    call.set_object_uid(&job.metadata.uid);
    call.shared.cache.enter(&job);
    match job.spec.suspend {
        None if suspend => {
            let detail = "the cluster's API server does not know spec.suspend: it is older than Kubernetes 1.21";
            return Err(Problem::new(StatusCode::BAD_GATEWAY, "suspend_not_supported", detail));
        }
        Some(is_suspended) if is_suspended != suspend => {
            let detail = format!(
                "the API server took the change, but spec.suspend of job {name} is still {is_suspended}: an admission \
                 webhook or a controller, such as a queue's, decides it"
            );
            return Err(Problem::new(StatusCode::CONFLICT, "suspend_overruled", detail));
        }
        _ => {}
    }
    if let Some(time) = wait {
        let uid = job.metadata.uid.clone();
        let followed = JobRef { namespace: &namespace, name: &name, uid: Some(&uid) };
        match wait::until(call, &followed, time, WaitCondition::Suspended(suspend)).await {
            Ok(seen) => return Ok(Reply::bytes(StatusCode::OK, seen.status.json())),
            // The job is gone: the change was made, and this is the last that is known of it.
            Err(problem) if problem.status == StatusCode::NOT_FOUND => {}
            // The change was made, but waiting failed.
            Err(problem) => call.wait_ended(Route::GetJobStatus, &problem),
        }
    }
    Ok(Reply::bytes(StatusCode::OK, Status::of(&job).json()))
}

/// Foreground unless told otherwise: the API server's own default would leave a job's pods behind.
fn propagation(call: &RequestContext) -> Result<Propagation, Problem> {
    const NAME: &str = "propagation_policy";
    match call.parameters.optional(NAME).map(str::to_ascii_lowercase).as_deref() {
        None | Some("foreground") => Ok(Propagation::Foreground),
        Some("background") => Ok(Propagation::Background),
        Some("orphan") => Ok(Propagation::Orphan),
        Some(_) => Err(Problem::malformed(NAME, "must be Foreground, Background or Orphan")),
    }
}

fn grace_period(call: &RequestContext) -> Result<Option<u32>, Problem> {
    const NAME: &str = "grace_period_seconds";
    let most = u32::try_from(i32::MAX).unwrap_or(u32::MAX);
    let parse = |value: &str| value.parse().ok().filter(|seconds| *seconds <= most);
    let wrong = || Problem::malformed(NAME, "must be a whole number of seconds, 0 or more");
    call.parameters.optional(NAME).map(|value| parse(value).ok_or_else(wrong)).transpose()
}
