//! create-job: a job from a manifest of the caller's own, or from a template.

pub(in crate::api) mod body;
pub(in crate::api) mod notify;
pub(in crate::api) mod run_role;
pub(in crate::api) mod submit;
mod template;

use std::ops::Not;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use hyper::StatusCode;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::api::context::RequestContext;
use crate::api::jobs::create::body::{CreateJob, Source};
use crate::api::jobs::create::notify::Notify;
use crate::api::jobs::create::submit::{Outcome, with_free_name};
use crate::api::jobs::create::template::{FromTemplate, find_repeated};
use crate::api::jobs::job_ref::JobRef;
use crate::api::jobs::lookup;
use crate::api::jobs::provenance::Provenance;
use crate::api::jobs::wait::{WaitCondition, wait_for};
use crate::api::routes::Route;
use crate::api::templates::source::is_about_template;
use crate::http::request::body::Envelope;
use crate::http::request::body_stream::RequestBody;
use crate::http::request::parameters::{agreed, parse_namespace, wait_time};
use crate::http::response::problem::Problem;
use crate::http::response::reply::Reply;
use crate::jobs::idempotency::IdempotencyKey;
use crate::jobs::manifest::{self, CreateJobInput, JobManifest};
use crate::jobs::policy::Policy;
use crate::jobs::status::{Status, template_of};
use crate::kube::types::{Job, Time};
use crate::kube::url::FieldValidation;

const ENVELOPE: Envelope = Envelope {
    yaml_member: Some("job_manifest"),
    advice: "put it into job_manifest, or send it as application/yaml",
    elsewhere: &[],
};

#[derive(Serialize)]
struct CreatedJob<'a> {
    cluster: &'a str,
    job_name: &'a str,
    namespace: &'a str,
    creation_timestamp: Option<Time>,
    status: &'static str,
    uid: &'a str,
    #[serde(flatten)]
    provenance: Provenance<'a>,
    #[serde(skip_serializing_if = "Not::not")]
    namespace_created: bool,
    warnings: Vec<String>,
    #[serde(flatten)]
    waited: Option<Waited>,
}

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
    let mut body: CreateJob = ctx.read_body(body, Some(ENVELOPE), |body: &CreateJob| body.cluster.as_deref()).await?;
    let wait = agreed("wait", wait_in_query, body.wait.as_deref().map(wait_time).transpose()?)?;
    let namespace = agreed("namespace", namespace_in_query, body.namespace.take())?;
    let validation = body.field_validation.as_deref().map(field_validation).transpose()?;
    let validation = agreed("field_validation", validation_in_query, validation)?;
    ctx.info.is_dry_run = agreed("dry_run", dry_run_in_query, body.dry_run)?.unwrap_or_default();
    if ctx.info.is_dry_run && (wait.is_some() || key.is_some()) {
        let message = "creates no job: send it without wait and without Idempotency-Key";
        return Err(Problem::malformed("dry_run", message));
    }
    let source = body.take_source()?;
    if let Source::Template(call) = &source {
        // The log names the template also if the call is refused.
        ctx.info.object.template = Some(call.template.clone());
        ctx.info.object.job.clone_from(&call.job_name);
    }
    run_role::check(ctx, &source, validation.is_some())?;
    // Boxed: 4,096 calls whose bodies are on their way have no room for the rest.
    Box::pin(create_from(ctx, key, source, namespace, body.notify, wait, validation.unwrap_or_default())).await
}

/// Creates the job when all parameters are known.
async fn create_from(
    ctx: &mut RequestContext,
    key: Option<IdempotencyKey>,
    source: Source,
    namespace: Option<String>,
    notify: Option<Notify>,
    wait: Option<Duration>,
    validation: FieldValidation,
) -> Result<Reply, Problem> {
    let outcome = match source {
        Source::Manifest(manifest) => {
            let (request_id, now) = (ctx.info.request_id.as_str(), SystemTime::now());
            let (namespace, annotation) = (namespace.as_deref(), notify.as_ref().map(Notify::annotation));
            let (annotation, is_keyed) = (annotation.as_deref(), key.is_some());
            let input = CreateJobInput { manifest, namespace, key, request_id, now, origin: None, notify: annotation };
            let prepared = manifest::prepare(input)?;
            ctx.set_object(&prepared.namespace, Some(&prepared.name));
            ctx.check_namespace(Policy::may_create_in, &prepared.namespace)?;
            let checked = match &notify {
                Some(notify) => notify.check(ctx, &prepared.namespace).await,
                None => Ok(()),
            };
            match checked {
                Ok(()) => send(ctx, validation, prepared).await?,
                // The endpoint may have been removed since an earlier call with this key.
                Err(problem) if is_keyed && is_about_template(&problem) => {
                    Outcome::Created(Box::new(find_repeated(ctx, prepared, problem).await?))
                }
                Err(problem) => return Err(problem),
            }
        }
        Source::Template(call) => {
            let call = FromTemplate::new(ctx, call, namespace, key, notify).await?;
            match create_from_template(ctx, validation, &call).await {
                Ok(outcome) => outcome,
                Err(problem) => Outcome::Created(Box::new(call.find_repeated(ctx, problem).await?)),
            }
        }
    };
    let submitted = match outcome {
        Outcome::Created(submitted) => *submitted,
        Outcome::Checked(reply) => return Ok(reply),
    };
    ctx.set_object_uid(&submitted.job.metadata.uid);
    ctx.store().insert_if_newer(&submitted.job);
    if submitted.created {
        ctx.record_created(&submitted.job);
    }
    let waited = match wait {
        Some(time) => {
            let uid = Some(submitted.job.metadata.uid.clone());
            let job = JobRef { namespace: submitted.namespace, name: submitted.name, uid };
            let status = wait_until_finished(ctx, &job, &submitted.job, time).await;
            Some(Waited { job: status.and_then(|status| serde_json::from_slice(&status.json()).ok()) })
        }
        None => None,
    };
    let status = if submitted.created { StatusCode::CREATED } else { StatusCode::OK };
    let metadata = &submitted.job.metadata;
    let created = CreatedJob {
        cluster: ctx.cluster.name(),
        job_name: &metadata.name,
        namespace: &metadata.namespace,
        creation_timestamp: metadata.creation_timestamp.clone(),
        status: "created",
        uid: &metadata.uid,
        provenance: Provenance::new(template_of(&submitted.job)),
        namespace_created: submitted.namespace_created,
        warnings: submitted.warnings,
        waited,
    };
    Reply::json(status, &created)
}

async fn create_from_template(
    ctx: &mut RequestContext,
    validation: FieldValidation,
    call: &FromTemplate,
) -> Result<Outcome, Problem> {
    let prepared = call.prepare(ctx).await?;
    ctx.set_object(&prepared.namespace, Some(&prepared.name));
    send(ctx, validation, prepared).await
}

async fn send(
    ctx: &mut RequestContext,
    validation: FieldValidation,
    mut prepared: JobManifest,
) -> Result<Outcome, Problem> {
    ctx.acquire_write_permit().await?;
    with_free_name(ctx, validation, &mut prepared).await
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

fn field_validation(level: &str) -> Result<FieldValidation, Problem> {
    match level {
        "strict" => Ok(FieldValidation::Strict),
        "warn" => Ok(FieldValidation::Warn),
        "ignore" => Ok(FieldValidation::Ignore),
        _ => Err(Problem::malformed("field_validation", "must be strict, warn or ignore")),
    }
}

pub(in crate::api) fn idempotency_key(ctx: &RequestContext) -> Result<Option<IdempotencyKey>, Problem> {
    let Some(value) = ctx.headers.get("idempotency-key") else { return Ok(None) };
    let key = value.to_str().ok().and_then(IdempotencyKey::parse);
    key.map(Some).ok_or_else(|| Problem::malformed("Idempotency-Key", "must be 1 to 255 printable ASCII characters"))
}
