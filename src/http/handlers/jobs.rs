//! create-job, get-job-status, delete-job.

use hyper::StatusCode;
use hyper::body::Incoming;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Call;
use crate::http::body;
use crate::http::error::Problem;
use crate::http::reply::Reply;
use crate::jobs::spec::{self, Wanted};
use crate::jobs::stamp::IdempotencyKey;
use crate::jobs::status::Status;
use crate::jobs::{details, submit};
use crate::kube::name::{JobName, Namespace};
use crate::kube::path::Path;
use crate::kube::request::{DeleteOptions, Preconditions, Propagation};
use crate::kube::types::{Ignored, Job, Time};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CreateJob {
    /// The caller's own manifest, passed through whole: the one place where untyped JSON is right.
    job_manifest: Map<String, Value>,
    namespace: Option<String>,
}

#[derive(Serialize)]
struct Created {
    job_name: String,
    namespace: String,
    creation_timestamp: Option<Time>,
    status: &'static str,
    uid: String,
    warnings: Vec<String>,
}

#[derive(Serialize)]
struct Deleted {
    message: String,
    status: &'static str,
}

pub(super) async fn create_job(call: &mut Call, body: Incoming) -> Result<Reply, Problem> {
    let key = idempotency_key(call)?;
    let CreateJob { job_manifest: manifest, namespace } = body::json(&call.headers, body).await?;
    let (request_id, now) = (call.request_id.as_str(), call.now);
    let prepared = spec::prepare(Wanted { manifest, namespace: namespace.as_deref(), key, request_id, now })?;
    call.target.namespace = Some(prepared.namespace.clone());
    call.target.job = Some(prepared.name.clone());
    call.policy.may_create_in(&prepared.namespace)?;
    let submitted = submit::submit(&call.session, &call.policy, prepared).await?;
    let status = if submitted.created { StatusCode::CREATED } else { StatusCode::OK };
    let metadata = submitted.job.metadata;
    let created = Created {
        job_name: metadata.name,
        namespace: metadata.namespace,
        creation_timestamp: metadata.creation_timestamp,
        status: "created",
        uid: metadata.uid,
        warnings: submitted.warnings,
    };
    Reply::json(status, &created)
}

pub(super) async fn get_job_status(call: &mut Call) -> Result<Reply, Problem> {
    let ((namespace, name), with_details) = (one_job(call)?, call.parameters.flag("details")?);
    let job: Job = call.session.get(&Path::job(&namespace, &name)).await?;
    let details = if with_details { Some(details::of(&call.session, &namespace, &job).await?) } else { None };
    Reply::json(StatusCode::OK, &Status { details, ..Status::of(job) })
}

pub(super) async fn delete_job(call: &mut Call) -> Result<Reply, Problem> {
    let (namespace, name) = one_job(call)?;
    let options = DeleteOptions {
        grace_period_seconds: grace_period(call)?,
        preconditions: call.parameters.optional("uid").map(|uid| Preconditions { uid: uid.to_owned() }),
        ..DeleteOptions::new(propagation(call)?)
    };
    let _: Ignored = call.session.delete(&Path::job(&namespace, &name), &options).await?;
    let message = format!("Job {name} in namespace {namespace} is being deleted");
    Reply::json(StatusCode::OK, &Deleted { message, status: "success" })
}

/// The job that the query names, checked against the policy and noted for the log.
fn one_job(call: &mut Call) -> Result<(Namespace, JobName), Problem> {
    let (namespace, name) = (call.parameters.namespace()?, call.parameters.job_name()?);
    call.policy.may_use(&namespace)?;
    call.target.namespace = Some(namespace.clone());
    call.target.job = Some(name.clone());
    Ok((namespace, name))
}

fn idempotency_key(call: &Call) -> Result<Option<IdempotencyKey>, Problem> {
    let Some(value) = call.headers.get("idempotency-key") else { return Ok(None) };
    let key = value.to_str().ok().and_then(IdempotencyKey::parse);
    key.map(Some).ok_or_else(|| Problem::malformed("Idempotency-Key", "must be 1 to 255 printable ASCII characters"))
}

/// Foreground unless told otherwise: the API server's own default would leave a job's pods behind.
fn propagation(call: &Call) -> Result<Propagation, Problem> {
    const NAME: &str = "propagation_policy";
    match call.parameters.optional(NAME).map(str::to_ascii_lowercase).as_deref() {
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
    call.parameters.optional(NAME).map(|value| parse(value).ok_or_else(wrong)).transpose()
}
