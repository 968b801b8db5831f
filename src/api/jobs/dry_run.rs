//! The dry run of create-job: the API server checks the job, and nothing is created.

use hyper::StatusCode;
use serde::Serialize;

use crate::api::context::RequestContext;
use crate::api::jobs::provenance::Provenance;
use crate::api::routes::access::CREATE_NAMESPACE;
use crate::auth::AccessRequest;
use crate::auth::role::Role;
use crate::http::response::problem::Problem;
use crate::http::response::reply::Reply;
use crate::jobs::create;
use crate::jobs::manifest::raw::Members;
use crate::jobs::manifest::{self, JobManifest};
use crate::kube::types::Time;
use crate::kube::url::FieldValidation;

#[derive(Serialize)]
struct DryRun<'a> {
    cluster: &'a str,
    job_name: &'a str,
    namespace: &'a str,
    creation_timestamp: Option<Time>,
    status: &'static str,
    #[serde(flatten)]
    provenance: Provenance<'a>,
    warnings: Vec<String>,
    job_manifest: Members,
}

/// Returns the job as it would be stored.
pub(super) async fn dry_run(
    ctx: &mut RequestContext,
    validation: FieldValidation,
    prepared: JobManifest,
) -> Result<Reply, Problem> {
    match create::dry_run(ctx.client()?, validation, &prepared).await {
        Ok(checked) => Reply::json(
            StatusCode::OK,
            &DryRun {
                cluster: ctx.cluster.name(),
                job_name: prepared.name.as_str(),
                namespace: prepared.namespace.as_str(),
                creation_timestamp: None,
                status: "dry_run",
                provenance: Provenance::new(prepared.template.as_deref().and_then(|template| template.split_once('@'))),
                warnings: [prepared.warnings, checked.warnings].concat(),
                job_manifest: checked.object,
            },
        ),
        Err(error) => {
            let problem = problem(ctx, error, &prepared).await;
            Err(Problem { is_effect_unknown: false, ..problem })
        }
    }
}

/// Returns the problem. For a missing namespace it says whether a call without `dry_run` would create it.
async fn problem(ctx: &mut RequestContext, error: create::Error, prepared: &JobManifest) -> Problem {
    match error {
        create::Error::Kube(error) => manifest::explain(error, &prepared.manifest).into(),
        create::Error::NamespaceMissing(_) if may_create_namespace(ctx).await => {
            let problem = Problem::from(error);
            let detail = format!("{}; without dry_run it would be created", problem.detail);
            Problem { detail: detail.into(), ..problem }
        }
        error => error.into(),
    }
}

async fn may_create_namespace(ctx: &mut RequestContext) -> bool {
    let request = AccessRequest { permission: CREATE_NAMESPACE[0], namespace: None, name: None };
    ctx.cluster.policy.auto_create_namespace
        && ctx.caller().may(Role::Admin).is_ok()
        && ctx.authorize(&[request]).await.is_ok()
}
