//! The job that create-job makes from a template: reads the template once, and prepares the manifest.

use std::sync::Arc;
use std::time::SystemTime;

use hyper::StatusCode;

use crate::api::context::RequestContext;
use crate::api::jobs::create::body::TemplateCall;
use crate::api::routes::access::MAKE_JOB;
use crate::auth::AccessRequest;
use crate::http::request::parameters::parse_namespace;
use crate::http::response::problem::Problem;
use crate::jobs::create::{self, Submitted};
use crate::jobs::idempotency::IdempotencyKey;
use crate::jobs::manifest::raw::{self, Members};
use crate::jobs::manifest::{self, CreateJobInput, Invalid, JobManifest, Manifest, Origin};
use crate::jobs::policy::Policy;
use crate::jobs::template::{self, Overrides, Template, instantiate, parameters};
use crate::kube::error::Error as KubeError;
use crate::kube::names::{JobName, Namespace};
use crate::kube::url::Path;
use crate::util::template_name::TemplateKind;

const INVALID_TEMPLATE: &str = "invalid_template";

/// A call for a job from a template, in its namespace.
pub(super) struct FromTemplate {
    call: TemplateCall,
    /// An Idempotency-Key is bound to the namespace that the call gives.
    namespace_in_call: Option<String>,
    namespace: Namespace,
    key: Option<IdempotencyKey>,
    preset: Option<Arc<Template>>,
    parameters: parameters::Values,
    overrides: Overrides,
}

impl FromTemplate {
    /// Finds the namespace: that of the call, else that of the preset, else `default`. The caller may create
    /// jobs there.
    pub(super) async fn new(
        ctx: &mut RequestContext,
        call: TemplateCall,
        namespace_in_call: Option<String>,
        key: Option<IdempotencyKey>,
    ) -> Result<Self, Problem> {
        let (parameters, overrides) = (parameters::parse(&call.parameters)?, Overrides::parse(&call.overrides)?);
        let namespace = parse_namespace("namespace", namespace_in_call.as_deref().unwrap_or("default"))?;
        ctx.set_object(&namespace, call.job_name.as_ref());
        let mut made = Self { call, namespace_in_call, namespace, key, preset: None, parameters, overrides };
        if made.call.template.kind() == TemplateKind::Preset {
            made.find_preset(ctx).await?;
        } else {
            ctx.check_namespace(Policy::may_create_in, &made.namespace)?;
        }
        Ok(made)
    }

    /// Finds the preset. The caller's token and rights are checked first, so a refusal reveals nothing of it. A preset
    /// for a namespace that the caller may not use counts as unknown.
    async fn find_preset(&mut self, ctx: &mut RequestContext) -> Result<(), Problem> {
        if self.namespace_in_call.is_some() {
            ctx.check_namespace(Policy::may_create_in, &self.namespace)?;
            authorize(ctx, &self.namespace).await?;
        }
        let preset = ctx.state.presets.current().get(self.call.template.name()).cloned();
        let own = preset.as_ref().and_then(|preset| preset.namespace.clone());
        let is_hidden = match &own {
            Some(own) => !may_use(ctx, own).await?,
            None => false,
        };
        self.preset = preset.filter(|_| !is_hidden);
        if self.namespace_in_call.is_some() {
            return Ok(());
        }
        if let Some(own) = own.filter(|_| !is_hidden) {
            self.namespace = own;
            ctx.set_object(&self.namespace, self.call.job_name.as_ref());
            return ctx.check_namespace(Policy::may_create_in, &self.namespace);
        }
        authorize(ctx, &self.namespace).await?;
        match ctx.check_namespace(Policy::may_create_in, &self.namespace) {
            Err(_) if self.preset.is_none() => Err(self.not_found()),
            checked => checked,
        }
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
        let (path, is_cron_job) = match name.kind() {
            TemplateKind::Preset => return self.preset_of_namespace(),
            TemplateKind::CronJob => (Path::cron_job(&self.namespace, name), true),
            TemplateKind::Job => (Path::job(&self.namespace, &JobName::from(name)), false),
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

    fn preset_of_namespace(&self) -> Result<Arc<Template>, Problem> {
        let preset = self.preset.clone().ok_or_else(|| self.not_found())?;
        match preset.namespace.as_ref().filter(|own| **own != self.namespace) {
            Some(own) => {
                let template = &self.call.template;
                let message =
                    format!("differs from {own}, which {template} is for: leave namespace out, or send that one");
                Err(Problem::malformed("namespace", &message))
            }
            None => Ok(preset),
        }
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
            None => ("generateName", manifest::generate_name(template), "name"),
        };
        metadata.remove(other);
        metadata.insert(name.to_owned(), raw::write(&value));
        metadata.insert("namespace".to_owned(), raw::write(self.namespace.as_str()));
        manifest.insert("metadata".to_owned(), raw::write(&metadata));
        manifest::prepare(CreateJobInput {
            manifest,
            namespace: self.namespace_in_call.as_deref(),
            key: self.key.clone(),
            request_id: &ctx.info.request_id,
            now: SystemTime::now(),
            origin: Some(Origin { template: template.clone(), version, call: self.call.members.clone() }),
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

    /// Returns the job of an earlier call with the same Idempotency-Key after this call failed on its template. The
    /// template may have changed since. Without such a job the failure stays.
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

/// Returns whether the caller may use the namespace, and create jobs there by the cluster's rules.
async fn may_use(ctx: &mut RequestContext, namespace: &Namespace) -> Result<bool, Problem> {
    if ctx.check_namespace(Policy::may_use, namespace).is_err() {
        return Ok(false);
    }
    match authorize(ctx, namespace).await {
        Err(problem) if problem.status == StatusCode::FORBIDDEN => Ok(false),
        checked => checked.map(|()| true),
    }
}

/// Asks the cluster whether the caller may create jobs in the namespace. A preset costs no request that would show it.
async fn authorize(ctx: &mut RequestContext, namespace: &Namespace) -> Result<(), Problem> {
    ctx.authorize(&[AccessRequest { permission: MAKE_JOB, namespace: Some(namespace), name: None }]).await
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
