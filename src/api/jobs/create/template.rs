//! The job that create-job makes from a template: reads the template once, and prepares the manifest.

use std::sync::Arc;
use std::time::SystemTime;

use hyper::StatusCode;

use crate::api::context::RequestContext;
use crate::api::jobs::create::body::TemplateCall;
use crate::http::request::parameters::parse_namespace;
use crate::http::response::problem::Problem;
use crate::jobs::create::{self, Submitted};
use crate::jobs::idempotency::IdempotencyKey;
use crate::jobs::manifest::raw::{self, Members};
use crate::jobs::manifest::{self, CreateJobInput, Invalid, JobManifest, Manifest, Origin};
use crate::jobs::template::{self, Overrides, Template, instantiate, parameters};
use crate::kube::error::Error as KubeError;
use crate::kube::names::{CronJobName, JobName, Namespace};
use crate::kube::url::Path;
use crate::util::template_name::TemplateKind;

const INVALID_TEMPLATE: &str = "invalid_template";

/// A call for a job from a template, in its namespace.
pub(super) struct FromTemplate {
    call: TemplateCall,
    /// The namespace that the call gives. An Idempotency-Key is bound to it.
    given: Option<String>,
    pub(super) namespace: Namespace,
    key: Option<IdempotencyKey>,
    preset: Option<Arc<Template>>,
    parameters: parameters::Values,
    overrides: Overrides,
}

impl FromTemplate {
    /// Finds the namespace: that of the call, else that of the preset, else `default`.
    pub(super) fn new(
        ctx: &RequestContext,
        call: TemplateCall,
        given: Option<String>,
        key: Option<IdempotencyKey>,
    ) -> Result<Self, Problem> {
        let (parameters, overrides) = (parameters::parse(&call.parameters)?, Overrides::parse(&call.overrides)?);
        let is_preset = call.template.kind() == TemplateKind::Preset;
        let preset = ctx.state.presets.current().get(call.template.name()).filter(|_| is_preset).cloned();
        let own = preset.as_ref().and_then(|preset| namespace_of(&preset.manifest));
        if let (Some(given), Some(own)) = (&given, &own)
            && given != own
        {
            let message =
                format!("differs from {own}, which {} is for: leave namespace out, or send that one", call.template);
            return Err(Problem::malformed("namespace", &message));
        }
        let namespace = parse_namespace("namespace", given.as_deref().or(own.as_deref()).unwrap_or("default"))?;
        Ok(Self { call, given, namespace, key, preset, parameters, overrides })
    }

    pub(super) const fn job_name(&self) -> Option<&JobName> {
        self.call.job_name.as_ref()
    }

    /// Reads the template and returns the manifest to send.
    pub(super) async fn prepare(&self, ctx: &mut RequestContext) -> Result<JobManifest, Problem> {
        let template = self.read(ctx).await?;
        let instance = instantiate(&template, &self.parameters, &self.overrides).map_err(problem)?;
        let prepared = self.prepared(ctx, instance.manifest, template.version.clone());
        let mut prepared = prepared.map_err(|invalid| self.explain(invalid))?;
        prepared.warnings.splice(..0, instance.warnings);
        Ok(prepared)
    }

    async fn read(&self, ctx: &mut RequestContext) -> Result<Arc<Template>, Problem> {
        let name = &self.call.template;
        let invalid_name = |error: crate::kube::names::BadName| Problem::invalid("template", &error.to_string());
        let (path, is_cron_job) = match name.kind() {
            TemplateKind::Preset => return self.preset.clone().ok_or_else(|| self.not_found()),
            TemplateKind::CronJob => {
                let cron_job = CronJobName::parse(name.name()).map_err(invalid_name)?;
                (Path::cron_job(&self.namespace, &cron_job), true)
            }
            TemplateKind::Job => {
                (Path::job(&self.namespace, &JobName::parse(name.name()).map_err(invalid_name)?), false)
            }
        };
        let object = match ctx.client()?.get::<Members>(&path).await {
            Ok(object) => object,
            Err(error) => return Err(self.unreadable(ctx, error)),
        };
        let read = if is_cron_job {
            Template::from_cron_job(name.clone(), &object)
        } else {
            Template::from_job(name.clone(), object)
        };
        read.map(Arc::new).map_err(problem)
    }

    fn unreadable(&self, ctx: &RequestContext, error: KubeError) -> Problem {
        if error.is_not_found() {
            return self.not_found();
        }
        let is_forbidden = error.refusal(403, "Forbidden").is_some();
        // Nothing is changed yet.
        let problem = Problem { is_effect_unknown: false, ..error.into() };
        if !is_forbidden {
            return problem;
        }
        let who = if ctx.caller().bearer().is_some() { "you need" } else { "the service's role needs" };
        let objects = if self.call.template.kind() == TemplateKind::CronJob { "cronjobs" } else { "jobs" };
        let detail = format!("{}; {who} the right to get {objects}, see deploy/rbac.yaml", problem.detail);
        Problem { detail: detail.into(), ..problem }
    }

    fn not_found(&self) -> Problem {
        let (template, namespace) = (&self.call.template, &self.namespace);
        let list = format!("call /api/eks-list-templates?namespace={namespace} for the templates");
        let hint = match template.kind() {
            TemplateKind::Job => format!("{list}, or /api/eks-list-jobs?namespace={namespace} for the jobs"),
            TemplateKind::CronJob | TemplateKind::Preset => list,
        };
        let detail = format!("there is no template {template} in namespace {namespace}; {hint}");
        Problem::new(StatusCode::NOT_FOUND, "template_not_found", detail)
    }

    /// Prepares a manifest of this template with the name of the job.
    fn prepared(&self, ctx: &RequestContext, mut manifest: Manifest, version: String) -> Result<JobManifest, Invalid> {
        let mut metadata = raw::object(&manifest, "metadata").unwrap_or_default();
        let template = &self.call.template;
        let (name, value, other) = match &self.call.job_name {
            Some(name) => ("name", name.to_string(), "generateName"),
            None => ("generateName", format!("{}-", template.name()), "name"),
        };
        metadata.remove(other);
        metadata.insert(name.to_owned(), raw::write(&value));
        metadata.insert("namespace".to_owned(), raw::write(self.namespace.as_str()));
        manifest.insert("metadata".to_owned(), raw::write(&metadata));
        manifest::prepare(CreateJobInput {
            manifest,
            namespace: self.given.as_deref(),
            key: self.key.clone(),
            request_id: &ctx.info.request_id,
            now: SystemTime::now(),
            origin: Some(Origin { template: template.clone(), version, call: self.call.given.clone() }),
        })
    }

    /// Returns the problem of a manifest that the service does not send. Its cause is an override or the template.
    fn explain(&self, invalid: Invalid) -> Problem {
        let Some(field) = invalid.field.strip_prefix("job_manifest") else { return invalid.into() };
        let field = field.trim_start_matches('.');
        let overridden =
            field.strip_prefix("metadata.").filter(|field| raw::get(&self.call.overrides, field).is_some());
        match overridden {
            Some(field) => Problem::invalid(&format!("overrides.{field}"), &invalid.message),
            None => invalid_template(&format!("{}: {field}: {}", self.call.template, invalid.message)),
        }
    }

    /// Returns the job of an earlier call with the same Idempotency-Key after this call failed on its template. The template
    /// may have changed since. Without such a job the failure stays.
    pub(super) async fn find_repeated(&self, ctx: &mut RequestContext, problem: Problem) -> Result<Submitted, Problem> {
        let is_about_template = matches!(
            problem.status,
            StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND | StatusCode::UNPROCESSABLE_ENTITY
        );
        if self.key.is_none() || !is_about_template {
            return Err(problem);
        }
        // The name and the stamp do not depend on the content of the template.
        let Ok(prepared) = self.prepared(ctx, Manifest::new(), String::new()) else { return Err(problem) };
        let submitted = create::find_repeated(ctx.client()?, prepared).await?.ok_or(problem)?;
        ctx.set_object(&submitted.namespace, Some(&submitted.name));
        Ok(submitted)
    }
}

/// Returns the namespace of a preset. Empty counts as missing.
fn namespace_of(manifest: &Manifest) -> Option<String> {
    let metadata = raw::object(manifest, "metadata")?;
    raw::get(&metadata, "namespace").and_then(raw::parse).filter(|namespace: &String| !namespace.is_empty())
}

fn problem(error: template::Error) -> Problem {
    match error {
        template::Error::Invalid(invalid) => invalid.into(),
        template::Error::InvalidTemplate(message) => invalid_template(&message),
    }
}

fn invalid_template(message: &str) -> Problem {
    Problem { reason: INVALID_TEMPLATE.to_owned(), ..Problem::invalid("template", message) }
}
