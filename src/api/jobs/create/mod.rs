//! create-job.

use std::ops::Not;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, SystemTime};

use hyper::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::api::context::RequestContext;
use crate::api::jobs::dry_run::dry_run;
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
use crate::kube::url::FieldValidation;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CreateJob {
    job_manifest: Manifest,
    namespace: Option<String>,
    wait: Option<String>,
    dry_run: Option<bool>,
    field_validation: Option<String>,
    cluster: Option<String>,
}

#[derive(Serialize)]
struct CreatedJob<'a> {
    cluster: &'a str,
    job_name: String,
    namespace: String,
    creation_timestamp: Option<Time>,
    status: &'static str,
    uid: String,
    #[serde(skip_serializing_if = "Not::not")]
    namespace_created: bool,
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
    let dry_run_in_query = ctx.parameters.optional_flag("dry_run")?;
    let validation_in_query = ctx.parameters.optional("field_validation").map(field_validation).transpose()?;
    let body: CreateJob = ctx.read_body(body, Some("job_manifest"), |body: &CreateJob| body.cluster.as_deref()).await?;
    let wait = agreed("wait", wait_in_query, body.wait.as_deref().map(wait_time).transpose()?)?;
    let namespace = agreed("namespace", namespace_in_query, body.namespace)?;
    let validation = body.field_validation.as_deref().map(field_validation).transpose()?;
    let validation = agreed("field_validation", validation_in_query, validation)?.unwrap_or_default();
    ctx.info.is_dry_run = agreed("dry_run", dry_run_in_query, body.dry_run)?.unwrap_or_default();
    if ctx.info.is_dry_run && (wait.is_some() || key.is_some()) {
        let message = "creates no job: send it without wait and without Idempotency-Key";
        return Err(Problem::malformed("dry_run", message));
    }
    // Boxed: 4,096 calls whose bodies are on their way have no room for the rest.
    Box::pin(create_prepared(ctx, key, body.job_manifest, namespace, wait, validation)).await
}

/// Creates the job when all parameters are known.
async fn create_prepared(
    ctx: &mut RequestContext,
    key: Option<IdempotencyKey>,
    manifest: Manifest,
    namespace: Option<String>,
    wait: Option<Duration>,
    validation: FieldValidation,
) -> Result<Reply, Problem> {
    let (request_id, now) = (ctx.info.request_id.as_str(), SystemTime::now());
    let mut manifest = manifest::prepare(CreateJobInput {
        manifest,
        namespace: namespace.as_deref(),
        key,
        request_id,
        now,
        origin: None,
    })?;
    ctx.set_object(&manifest.namespace, Some(&manifest.name));
    ctx.check_namespace(Policy::may_create_in, &manifest.namespace)?;
    ctx.acquire_write_permit().await?;
    let submitted = match with_free_name(ctx, validation, &mut manifest).await? {
        Outcome::Created(submitted) => *submitted,
        Outcome::Checked(reply) => return Ok(reply),
    };
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
    let created = CreatedJob {
        cluster: ctx.cluster.name(),
        job_name: metadata.name,
        namespace: metadata.namespace,
        creation_timestamp: metadata.creation_timestamp,
        status: "created",
        uid: metadata.uid,
        namespace_created: submitted.namespace_created,
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
            Some(Arc::new(Status::new(ctx.cluster.name(), created)))
        }
    }
}

enum Outcome {
    Created(Box<Submitted>),
    /// The reply to a dry run.
    Checked(Reply),
}

/// Creates or checks the job. Replaces a random name that is taken.
async fn with_free_name(
    ctx: &mut RequestContext,
    validation: FieldValidation,
    manifest: &mut JobManifest,
) -> Result<Outcome, Problem> {
    let mut tries = 1;
    loop {
        let result = if ctx.info.is_dry_run {
            dry_run(ctx, validation, manifest.clone()).await.map(Outcome::Checked)
        } else {
            submit(ctx, validation, manifest.clone()).await.map(Box::new).map(Outcome::Created)
        };
        let is_taken = |problem: &Problem| manifest.is_random && problem.reason == "AlreadyExists";
        if tries == MAX_NAMES || !result.as_ref().is_err_and(is_taken) {
            return result;
        }
        tries += 1;
        manifest.rename(SystemTime::now())?;
        ctx.set_object(&manifest.namespace, Some(&manifest.name));
    }
}

/// Creates the job. Creates a missing namespace too, if the caller may create namespaces.
async fn submit(
    ctx: &mut RequestContext,
    validation: FieldValidation,
    mut prepared: JobManifest,
) -> Result<Submitted, Problem> {
    let (is_wanted, denied) = (ctx.cluster.policy.auto_create_namespace, ctx.caller().may(Role::Admin).err());
    // The audit records the namespace as a change of its own, whether or not the job is created.
    let (state, info) = (Arc::clone(&ctx.state), ctx.info_as(Route::CreateNamespace));
    let record = |uid: Option<&str>, status: StatusCode, reason: &str| {
        let object = ObjectRef { job: None, uid: uid.map(Into::into), ..info.object.clone() };
        state.audit.record_outcome(&RequestInfo { object, ..info.clone() }, status.as_u16(), reason);
    };
    let namespace_created = AtomicBool::new(false);
    let made = |uid: Option<&str>| {
        namespace_created.store(true, Relaxed);
        record(uid, StatusCode::CREATED, "");
    };
    let made = (is_wanted && denied.is_none()).then_some(&made as OnNamespaceCreated<'_>);
    let (manifest, mut warnings) = (prepared.manifest.clone(), std::mem::take(&mut prepared.warnings));
    let result = match create::submit(ctx.client()?, made, validation, prepared).await {
        Ok(submitted) => {
            if submitted.namespace_created {
                warnings.push(format!("namespace {} did not exist and was created", submitted.job.metadata.namespace));
            }
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
    };
    result.map_err(|problem: Problem| match &info.object.namespace {
        Some(namespace) if namespace_created.load(Relaxed) => {
            let detail = format!("{}; namespace {namespace} did not exist and was created", problem.detail);
            Problem { detail: detail.into(), ..problem }
        }
        _ => problem,
    })
}

fn field_validation(level: &str) -> Result<FieldValidation, Problem> {
    match level {
        "strict" => Ok(FieldValidation::Strict),
        "warn" => Ok(FieldValidation::Warn),
        "ignore" => Ok(FieldValidation::Ignore),
        _ => Err(Problem::malformed("field_validation", "must be strict, warn or ignore")),
    }
}

fn idempotency_key(ctx: &RequestContext) -> Result<Option<IdempotencyKey>, Problem> {
    let Some(value) = ctx.headers.get("idempotency-key") else { return Ok(None) };
    let key = value.to_str().ok().and_then(IdempotencyKey::parse);
    key.map(Some).ok_or_else(|| Problem::malformed("Idempotency-Key", "must be 1 to 255 printable ASCII characters"))
}
