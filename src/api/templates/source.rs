//! Finds and reads the template that a create call names: [`NamedTemplate`].

use std::sync::Arc;

use hyper::StatusCode;

use crate::api::context::RequestContext;
use crate::api::routes::access::MAKE_JOB;
use crate::auth::AccessRequest;
use crate::http::request::parameters::parse_namespace;
use crate::http::response::problem::Problem;
use crate::jobs::manifest::raw::Members;
use crate::jobs::policy::Policy;
use crate::jobs::template::{self, Template};
use crate::kube::error::Error as KubeError;
use crate::kube::names::{JobName, Namespace};
use crate::kube::url::Path;
use crate::util::template_name::{TemplateKind, TemplateName};

const INVALID_TEMPLATE: &str = "invalid_template";

/// A template and the namespace of the jobs from it. The caller may create jobs there.
#[derive(Debug)]
pub(in crate::api) struct NamedTemplate {
    pub(in crate::api) name: TemplateName,
    pub(in crate::api) namespace: Namespace,
    preset: Option<Arc<Template>>,
}

impl NamedTemplate {
    /// Finds the namespace: that of the call, else that of the preset, else `default`. `job` is the name of the object
    /// that the log names.
    pub(in crate::api) async fn find(
        ctx: &mut RequestContext,
        name: TemplateName,
        namespace_in_call: Option<&str>,
        job: Option<&JobName>,
    ) -> Result<Self, Problem> {
        let namespace = parse_namespace("namespace", namespace_in_call.unwrap_or("default"))?;
        ctx.set_object(&namespace, job);
        let mut made = Self { name, namespace, preset: None };
        if made.name.kind() == TemplateKind::Preset {
            made.find_preset(ctx, namespace_in_call.is_some(), job).await?;
        } else {
            ctx.check_namespace(Policy::may_create_in, &made.namespace)?;
        }
        Ok(made)
    }

    /// Finds the preset. The caller's token and rights are checked first, so a refusal reveals nothing of it. A preset
    /// for a namespace that the caller may not use counts as unknown.
    async fn find_preset(
        &mut self,
        ctx: &mut RequestContext,
        has_namespace: bool,
        job: Option<&JobName>,
    ) -> Result<(), Problem> {
        if has_namespace {
            ctx.check_namespace(Policy::may_create_in, &self.namespace)?;
            authorize_create(ctx, &self.namespace).await?;
        }
        let preset = ctx.state.presets.current().get(self.name.name()).cloned();
        let own = preset.as_ref().and_then(|preset| preset.namespace.clone());
        let is_hidden = match &own {
            Some(own) => !may_use(ctx, own).await?,
            None => false,
        };
        self.preset = preset.filter(|_| !is_hidden);
        if has_namespace {
            return Ok(());
        }
        if let Some(own) = own.filter(|_| !is_hidden) {
            self.namespace = own;
            ctx.set_object(&self.namespace, job);
            return ctx.check_namespace(Policy::may_create_in, &self.namespace);
        }
        authorize_create(ctx, &self.namespace).await?;
        match ctx.check_namespace(Policy::may_create_in, &self.namespace) {
            Err(_) if self.preset.is_none() => Err(self.not_found()),
            checked => checked,
        }
    }

    pub(in crate::api) async fn read(&self, ctx: &mut RequestContext) -> Result<Arc<Template>, Problem> {
        let name = &self.name;
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
                let message =
                    format!("differs from {own}, which {} is for: leave namespace out, or send that one", self.name);
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
        let objects = if self.name.kind() == TemplateKind::CronJob { "cronjobs" } else { "jobs" };
        let detail = format!("{}; {who} the right to get {objects}, see deploy/rbac.yaml", problem.detail);
        Problem { detail: detail.into(), ..problem }
    }

    fn not_found(&self) -> Problem {
        let (template, namespace) = (&self.name, &self.namespace);
        let list = format!("call /api/eks-list-templates?namespace={namespace} for the templates");
        let hint = match template.kind() {
            TemplateKind::Job => format!("{list}, or /api/eks-list-jobs?namespace={namespace} for the jobs"),
            TemplateKind::CronJob | TemplateKind::Preset => list,
        };
        let detail = format!("there is no template {template} in namespace {namespace}; {hint}");
        Problem::new(StatusCode::NOT_FOUND, "template_not_found", detail)
    }
}

/// Returns whether the caller may use the namespace, and create jobs there by the cluster's rules.
async fn may_use(ctx: &mut RequestContext, namespace: &Namespace) -> Result<bool, Problem> {
    if ctx.check_namespace(Policy::may_use, namespace).is_err() {
        return Ok(false);
    }
    match authorize_create(ctx, namespace).await {
        Err(problem) if problem.status == StatusCode::FORBIDDEN => Ok(false),
        checked => checked.map(|()| true),
    }
}

/// Asks the cluster whether the caller may create jobs in the namespace. A preset, or a name in `notify`, costs no
/// request that would show it.
pub(in crate::api) async fn authorize_create(ctx: &mut RequestContext, namespace: &Namespace) -> Result<(), Problem> {
    ctx.authorize(&[AccessRequest { permission: MAKE_JOB, namespace: Some(namespace), name: None }]).await
}

pub(in crate::api) fn problem(error: template::Error) -> Problem {
    match error {
        template::Error::Invalid(invalid) => invalid.into(),
        template::Error::InvalidTemplate(message) => invalid_template(&message),
    }
}

pub(in crate::api) fn invalid_template(message: &str) -> Problem {
    Problem { reason: INVALID_TEMPLATE.to_owned(), ..Problem::invalid("template", message) }
}

/// Whether a later call may still find what an earlier one created, although the template cannot be used any more.
pub(in crate::api) fn is_about_template(problem: &Problem) -> bool {
    matches!(problem.status, StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND | StatusCode::UNPROCESSABLE_ENTITY)
}
