//! create-job.

use std::sync::Arc;
use std::time::SystemTime;

use hyper::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::api::audit::Subject;
use crate::api::context::{ObjectRef, RequestContext};
use crate::api::jobs::lookup::{self, JobRef};
use crate::api::jobs::wait::{self, WaitCondition};
use crate::api::routes::Route;
use crate::auth::role::Role;
use crate::http::request::body_stream::RequestBody;
use crate::http::request::parameters::{agreed, parse_namespace, wait_time};
use crate::http::response::problem::Problem;
use crate::http::response::reply::Reply;
use crate::jobs::create::{self, OnNamespaceCreated, Submitted};
use crate::jobs::idempotency::IdempotencyKey;
use crate::jobs::manifest::{self, CreateJobInput, JobManifest, Manifest};
use crate::jobs::status::Status;
use crate::kube::names::JobName;
use crate::kube::types::Time;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CreateJob {
    job_manifest: Manifest,
    namespace: Option<String>,
    wait: Option<String>,
}

#[derive(Serialize)]
struct Created {
    job_name: String,
    namespace: String,
    creation_timestamp: Option<Time>,
    status: &'static str,
    uid: String,
    warnings: Vec<String>,
    #[serde(flatten)]
    waited: Option<Waited>,
}

/// How often a random name is made anew because it is taken.
const NAME_TRIES: usize = 5;

/// What a wait adds to the answer.
#[derive(Serialize)]
struct Waited {
    /// The status object, or null if the job was deleted meanwhile.
    job: Option<Box<RawValue>>,
}

pub(crate) async fn create_job(call: &mut RequestContext, body: RequestBody) -> Result<Reply, Problem> {
    let key = idempotency_key(call)?;
    // What the query says is judged before the body is read.
    let in_query = call.parameters.optional("namespace").map(str::to_owned);
    let (time, _) =
        (call.parameters.wait()?, in_query.as_deref().map(|name| parse_namespace("namespace", name)).transpose()?);
    let CreateJob { job_manifest: manifest, namespace, wait } = call.read(body).await?;
    let wait = agreed("wait", time, wait.map(|time| wait_time(&time)).transpose()?)?;
    let namespace = agreed("namespace", in_query, namespace)?;
    let (request_id, now) = (call.request_id.as_str(), SystemTime::now());
    let prepared =
        manifest::prepare(CreateJobInput { manifest, namespace: namespace.as_deref(), key, request_id, now })?;
    let namespace = prepared.namespace.clone();
    call.target.namespace = Some(namespace.clone());
    call.target.job = Some(prepared.name.clone());
    call.shared.policy.may_create_in(&namespace)?;
    call.caller.may_use(&namespace)?;
    call.acquire_write_permit().await?;
    let (submitted, name) = submitted_under_free_name(call, prepared).await?;
    call.set_object_uid(&submitted.job.metadata.uid);
    call.shared.store().insert_if_newer(&submitted.job);
    let uid = submitted.job.metadata.uid.clone();
    let job = JobRef { namespace: &namespace, name: &name, uid: Some(&uid) };
    let seen = match wait {
        Some(time) => Some(match wait::until(call, &job, time, WaitCondition::Finished).await {
            Ok(seen) => Some(seen.status),
            // It may have ended before the wait began.
            Err(problem) if problem.status == StatusCode::NOT_FOUND => {
                lookup::ended(call, &job).map(|seen| seen.status)
            }
            // The job is made, and to wait for it was not possible: that is no reason to say that it is gone.
            Err(problem) => {
                call.wait_ended(Route::GetJobStatus, &problem);
                Some(Arc::new(Status::new(&submitted.job)))
            }
        }),
        None => None,
    };
    let status = if submitted.created { StatusCode::CREATED } else { StatusCode::OK };
    let metadata = submitted.job.metadata;
    let created = Created {
        job_name: metadata.name,
        namespace: metadata.namespace,
        creation_timestamp: metadata.creation_timestamp,
        status: "created",
        uid: metadata.uid,
        warnings: submitted.warnings,
        waited: seen.map(|seen| Waited { job: seen.and_then(|seen| serde_json::from_slice(&seen.json()).ok()) }),
    };
    Reply::json(status, &created)
}

/// Creates the job. A random name that is taken is made anew.
async fn submitted_under_free_name(
    call: &mut RequestContext,
    mut prepared: JobManifest,
) -> Result<(Submitted, JobName), Problem> {
    let mut tries = 1;
    loop {
        match submitted(call, prepared.clone()).await {
            Err(problem) if prepared.is_random && tries < NAME_TRIES && problem.reason == "AlreadyExists" => {
                prepared.rename(SystemTime::now())?;
                call.target.job = Some(prepared.name.clone());
                tries += 1;
            }
            result => return Ok((result?, prepared.name)),
        }
    }
}

/// Creates the job. A missing namespace is made by the way only for a caller that could also ask for it.
async fn submitted(call: &RequestContext, mut prepared: JobManifest) -> Result<Submitted, Problem> {
    let (is_wanted, denied) = (call.shared.policy.auto_create_namespace, call.caller.may(Role::Admin).err());
    // To the audit it is a change of its own, whatever becomes of the job.
    let tell = |uid: Option<&str>, status: StatusCode, reason: &str| {
        let account = call.account(Route::CreateNamespace);
        let target = ObjectRef { namespace: account.target.namespace.clone(), job: None, uid: uid.map(Into::into) };
        call.shared.audit.record_outcome(&Subject { target: &target, ..account.subject() }, status, reason);
    };
    let made = |uid: Option<&str>| tell(uid, StatusCode::CREATED, "");
    let made = (is_wanted && denied.is_none()).then_some(&made as OnNamespaceCreated<'_>);
    let (manifest, mut warnings) = (prepared.manifest.clone(), std::mem::take(&mut prepared.warnings));
    match create::submit(&call.session, made, prepared).await {
        Ok(submitted) => {
            warnings.extend(submitted.warnings);
            Ok(Submitted { warnings, ..submitted })
        }
        Err(create::Error::Kube(error)) => Err(manifest::explain(error, &manifest).into()),
        Err(error @ create::Error::NamespaceNotCreated(_)) => {
            let problem = Problem::from(error);
            tell(None, problem.status, &problem.reason);
            Err(problem)
        }
        Err(create::Error::NamespaceMissing(_)) if is_wanted && let Some(denied) = denied => {
            let problem = Problem::from(denied);
            let detail = format!("the namespace does not exist and could not be created: {}", problem.detail);
            Err(Problem { detail: detail.into(), ..problem })
        }
        Err(error) => Err(error.into()),
    }
}

fn idempotency_key(call: &RequestContext) -> Result<Option<IdempotencyKey>, Problem> {
    let Some(value) = call.headers.get("idempotency-key") else { return Ok(None) };
    let key = value.to_str().ok().and_then(IdempotencyKey::parse);
    key.map(Some).ok_or_else(|| Problem::malformed("Idempotency-Key", "must be 1 to 255 printable ASCII characters"))
}
