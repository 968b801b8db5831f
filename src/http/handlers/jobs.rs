//! delete-job, suspend-job, resume-job.

use hyper::StatusCode;
use hyper::header::CONTENT_TYPE;
use serde::{Deserialize, Serialize};

use super::Call;
use crate::http::error::Problem;
use crate::http::parameters::{parse_job_name, parse_namespace};
use crate::http::reply::Reply;
use crate::http::request_body::RequestBody;
use crate::jobs::status::Status;
use crate::kube::name::{JobName, Namespace};
use crate::kube::path::Path;
use crate::kube::request::{DeleteOptions, Preconditions, Propagation, Suspension};
use crate::kube::session::json;
use crate::kube::types::{DeletedJob, Job};

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct OneJob {
    job_name: Option<String>,
    namespace: Option<String>,
}

#[derive(Serialize)]
struct Deleted {
    message: String,
    status: &'static str,
}

pub(super) async fn delete_job(call: &mut Call) -> Result<Reply, Problem> {
    let (namespace, name) = call.one_job()?;
    let options = DeleteOptions {
        grace_period_seconds: grace_period(call)?,
        preconditions: call.parameters.optional("uid").map(|uid| Preconditions { uid: uid.into_owned() }),
        ..DeleteOptions::new(propagation(call)?)
    };
    call.take_turn().await?;
    match call.session.delete(&Path::job(&namespace, &name), &options).await? {
        DeletedJob::Ending(job) => {
            call.was_about(&job.metadata.uid);
            call.shared.cache.enter(&job);
        }
        DeletedJob::Gone(status) => {
            let uid = status.details.map(|details| details.uid).unwrap_or_default();
            call.was_about(&uid);
            call.shared.cache.bury(&namespace, &name, &uid);
        }
    }
    let message = format!("Job {name} in namespace {namespace} is being deleted");
    Reply::json(StatusCode::OK, &Deleted { message, status: "success" })
}

/// Suspends a job, or lets it go on.
pub(super) async fn suspend(call: &mut Call, body: RequestBody, suspend: bool) -> Result<Reply, Problem> {
    let (namespace, name) = job_to_change(call, body).await?;
    let patch = json(&Suspension::new(suspend))?;
    call.take_turn().await?;
    let job: Job = call.session.merge_patch(&Path::job(&namespace, &name), patch).await?;
    call.was_about(&job.metadata.uid);
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
    Ok(Reply::bytes(StatusCode::OK, Status::of(&job).json()))
}

/// The job that the query names, or a JSON body in its place. Were one of two names dropped in silence, it might be the
/// one that was meant.
async fn job_to_change(call: &mut Call, body: RequestBody) -> Result<(Namespace, JobName), Problem> {
    const MISSING: &str = "is missing: name the job in the query, or in a JSON body";
    let by_query = ["job_name", "namespace"].into_iter().any(|name| call.parameters.optional(name).is_some());
    let named = if by_query { Some(call.one_job()?) } else { None };
    let has_body = !body.is_end_stream() || (!by_query && call.headers.contains_key(CONTENT_TYPE));
    let OneJob { job_name, namespace } = if has_body { call.read(body).await? } else { OneJob::default() };
    match (named, job_name) {
        (Some(named), None) if namespace.is_none() => Ok(named),
        (Some(_), _) => Err(Problem::malformed("body", "names a job, and so does the query: name it in one of them")),
        (None, None) => Err(Problem::malformed("job_name", MISSING)),
        (None, Some(job_name)) => {
            let namespace = parse_namespace("namespace", namespace.as_deref().unwrap_or("default"))?;
            call.about(namespace, parse_job_name(&job_name)?)
        }
    }
}

/// Foreground unless told otherwise: the API server's own default would leave a job's pods behind.
fn propagation(call: &Call) -> Result<Propagation, Problem> {
    const NAME: &str = "propagation_policy";
    match call.parameters.optional(NAME).map(|name| name.to_ascii_lowercase()).as_deref() {
        None | Some("foreground") => Ok(Propagation::Foreground),
        Some("background") => Ok(Propagation::Background),
        Some("orphan") => Ok(Propagation::Orphan),
        Some(_) => Err(Problem::malformed(NAME, "must be Foreground, Background or Orphan")),
    }
}

fn grace_period(call: &Call) -> Result<Option<u32>, Problem> {
    const NAME: &str = "grace_period_seconds";
    let most = u32::try_from(i32::MAX).unwrap_or(u32::MAX);
    let parse = |value: &str| value.parse().ok().filter(|seconds| *seconds <= most);
    let wrong = || Problem::malformed(NAME, "must be a whole number of seconds, 0 or more");
    call.parameters.optional(NAME).map(|value| parse(&value).ok_or_else(wrong)).transpose()
}
