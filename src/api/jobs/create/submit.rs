//! Sends the job of create-job. Replaces a random name that is taken, and creates a missing namespace.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::SystemTime;

use hyper::StatusCode;

use crate::api::context::RequestContext;
use crate::api::jobs::dry_run::dry_run;
use crate::api::routes::Route;
use crate::audit::request_info::{ObjectRef, RequestInfo};
use crate::auth::role::Role;
use crate::http::response::problem::Problem;
use crate::http::response::reply::Reply;
use crate::jobs::create::{self, OnNamespaceCreated, Submitted};
use crate::jobs::manifest::{self, JobManifest};
use crate::kube::url::FieldValidation;

/// How many random names are tried if each of them is taken.
const MAX_NAMES: usize = 5;

pub(super) enum Outcome {
    Created(Box<Submitted>),
    /// The reply to a dry run.
    Checked(Reply),
}

/// Creates or checks the job. Replaces a random name that is taken.
pub(super) async fn with_free_name(
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
pub(in crate::api) async fn submit(
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
