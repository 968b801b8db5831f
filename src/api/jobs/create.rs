//! create-job.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use hyper::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::api::context::RequestContext;
use crate::api::jobs::job_ref::JobRef;
use crate::api::jobs::lookup;
use crate::api::jobs::wait::{WaitCondition, wait_for};
use crate::api::routes::Route;
use crate::audit::request_info::{ObjectRef, RequestInfo};
use crate::auth::role::Role;
use crate::http::request::body_stream::RequestBody;
use crate::http::request::parameters::{agreed, parse_namespace, wait_time};
use crate::http::response::problem::Problem;
use crate::http::response::reply::Reply;
use crate::jobs::create::{self, OnNamespaceCreated, Submitted};
use crate::jobs::idempotency::IdempotencyKey;
use crate::jobs::manifest::{self, CreateJobInput, JobManifest, Manifest};
use crate::jobs::policy::Policy;
use crate::jobs::status::Status;
use crate::kube::types::{Job, Time};

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

/// How many random names are tried if each of them is taken.
const MAX_NAMES: usize = 5;

/// The fields that a wait adds to the answer.
#[derive(Serialize)]
struct Waited {
    /// The status object, or null if the job was deleted.
    job: Option<Box<RawValue>>,
}

pub(crate) async fn create_job(ctx: &mut RequestContext, body: RequestBody) -> Result<Reply, Problem> {
    let key = idempotency_key(ctx)?;
    // The query is checked before the body is read.
    let (namespace_in_query, wait_in_query) =
        (ctx.parameters.optional("namespace").map(str::to_owned), ctx.parameters.wait()?);
    namespace_in_query.as_deref().map(|name| parse_namespace("namespace", name)).transpose()?;
    let CreateJob { job_manifest: manifest, namespace, wait } = ctx.read_body(body, Some("job_manifest")).await?;
    let wait = agreed("wait", wait_in_query, wait.map(|time| wait_time(&time)).transpose()?)?;
    let namespace = agreed("namespace", namespace_in_query, namespace)?;
    // Boxed: 4,096 calls whose bodies are on their way have no room for the rest.
    Box::pin(create_prepared(ctx, key, manifest, namespace, wait)).await
}

/// Creates the job when all parameters are known.
async fn create_prepared(
    ctx: &mut RequestContext,
    key: Option<IdempotencyKey>,
    manifest: Manifest,
    namespace: Option<String>,
    wait: Option<Duration>,
) -> Result<Reply, Problem> {
    let (request_id, now) = (ctx.info.request_id.as_str(), SystemTime::now());
    let mut manifest =
        manifest::prepare(CreateJobInput { manifest, namespace: namespace.as_deref(), key, request_id, now })?;
    ctx.set_object(&manifest.namespace, Some(&manifest.name));
    ctx.check_namespace(Policy::may_create_in, &manifest.namespace)?;
    ctx.acquire_write_permit().await?;
    let submitted = submit_with_free_name(ctx, &mut manifest).await?;
    ctx.set_object_uid(&submitted.job.metadata.uid);
    ctx.store().insert_if_newer(&submitted.job);
    let job =
        JobRef { namespace: manifest.namespace, name: manifest.name, uid: Some(submitted.job.metadata.uid.clone()) };
    let waited = match wait {
        Some(time) => {
            let status = wait_until_finished(ctx, &job, &submitted.job, time).await;
            Some(Waited { job: status.and_then(|status| serde_json::from_slice(&status.json()).ok()) })
        }
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
        waited,
    };
    Reply::json(status, &created)
}

/// Returns the status at the end of the wait. None: the job is gone, and nobody saw it finish.
async fn wait_until_finished(
    ctx: &mut RequestContext,
    job: &JobRef,
    created: &Job,
    time: Duration,
) -> Option<Arc<Status>> {
    match wait_for(ctx, job, time, WaitCondition::Finished).await {
        Ok(found) => Some(found.status),
        // The job may have finished before the wait started.
        Err(problem) if problem.status == StatusCode::NOT_FOUND => lookup::ended(ctx, job).map(|found| found.status),
        // The job exists but waiting failed; return its status at creation.
        Err(problem) => {
            ctx.record_wait_error(Route::GetJobStatus, &problem);
            Some(Arc::new(Status::new(created)))
        }
    }
}

/// Creates the job. Replaces a random name that is taken.
async fn submit_with_free_name(ctx: &mut RequestContext, manifest: &mut JobManifest) -> Result<Submitted, Problem> {
    for _ in 1..MAX_NAMES {
        match submit(ctx, manifest.clone()).await {
            Err(problem) if manifest.is_random && problem.reason == "AlreadyExists" => {
                manifest.rename(SystemTime::now())?;
                ctx.set_object(&manifest.namespace, Some(&manifest.name));
            }
            result => return result,
        }
    }
    submit(ctx, manifest.clone()).await
}

/// Creates the job. Creates a missing namespace too, if the caller may create namespaces.
async fn submit(ctx: &mut RequestContext, mut prepared: JobManifest) -> Result<Submitted, Problem> {
    let (is_wanted, denied) = (ctx.state.policy.auto_create_namespace, ctx.caller().may(Role::Admin).err());
    // The audit records the namespace as a change of its own, whether or not the job is created.
    let (state, info) = (Arc::clone(&ctx.state), ctx.info_as(Route::CreateNamespace));
    let record = |uid: Option<&str>, status: StatusCode, reason: &str| {
        let object = ObjectRef { job: None, uid: uid.map(Into::into), ..info.object.clone() };
        state.audit.record_outcome(&RequestInfo { object, ..info.clone() }, status.as_u16(), reason);
    };
    let made = |uid: Option<&str>| record(uid, StatusCode::CREATED, "");
    let made = (is_wanted && denied.is_none()).then_some(&made as OnNamespaceCreated<'_>);
    let (manifest, mut warnings) = (prepared.manifest.clone(), std::mem::take(&mut prepared.warnings));
    match create::submit(ctx.client()?, made, prepared).await {
        Ok(submitted) => {
            warnings.extend(submitted.warnings);
            Ok(Submitted { warnings, ..submitted })
        }
        Err(create::Error::Kube(error)) => Err(manifest::explain(error, &manifest).into()),
        Err(error @ create::Error::NamespaceNotCreated(_)) => {
            let problem = Problem::from(error);
            record(None, problem.status, &problem.reason);
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

fn idempotency_key(ctx: &RequestContext) -> Result<Option<IdempotencyKey>, Problem> {
    let Some(value) = ctx.headers.get("idempotency-key") else { return Ok(None) };
    let key = value.to_str().ok().and_then(IdempotencyKey::parse);
    key.map(Some).ok_or_else(|| Problem::malformed("Idempotency-Key", "must be 1 to 255 printable ASCII characters"))
}
