//! The job that create-job makes from a template: reads the template once, and prepares the manifest.

use std::time::SystemTime;

use crate::api::context::RequestContext;
use crate::api::jobs::create::body::TemplateCall;
use crate::api::jobs::create::notify::Notify;
use crate::api::templates::source::{NamedTemplate, invalid_template, is_about_template, problem};
use crate::http::response::problem::Problem;
use crate::jobs::create::{self, Submitted};
use crate::jobs::idempotency::IdempotencyKey;
use crate::jobs::manifest::raw;
use crate::jobs::manifest::{self, CreateJobInput, Invalid, JobManifest, Manifest, Origin};
use crate::jobs::template::{Overrides, instantiate, parameters};

/// A call for a job from a template, in its namespace.
pub(super) struct FromTemplate {
    call: TemplateCall,
    /// An Idempotency-Key is bound to the namespace that the call gives.
    namespace_in_call: Option<String>,
    template: NamedTemplate,
    key: Option<IdempotencyKey>,
    notify: Option<Notify>,
    parameters: parameters::Values,
    overrides: Overrides,
}

impl FromTemplate {
    /// Finds the template and its namespace.
    pub(super) async fn new(
        ctx: &mut RequestContext,
        call: TemplateCall,
        namespace_in_call: Option<String>,
        key: Option<IdempotencyKey>,
        notify: Option<Notify>,
    ) -> Result<Self, Problem> {
        let (parameters, overrides) = (parameters::parse(&call.parameters)?, Overrides::parse(&call.overrides)?);
        let (name, namespace) = (call.template.clone(), namespace_in_call.as_deref());
        let template = NamedTemplate::find(ctx, name, namespace, call.job_name.as_ref()).await?;
        Ok(Self { call, namespace_in_call, template, key, notify, parameters, overrides })
    }

    /// Checks the webhooks, reads the template, and returns the manifest to send.
    pub(super) async fn prepare(&self, ctx: &mut RequestContext) -> Result<JobManifest, Problem> {
        if let Some(notify) = &self.notify {
            notify.check(ctx, &self.template.namespace).await?;
        }
        let template = self.template.read(ctx).await?;
        let instance = instantiate(&template, &self.parameters, &self.overrides).map_err(problem)?;
        let prepared = self.prepared(ctx, instance.manifest, template.version.clone());
        let mut prepared = prepared.map_err(|invalid| self.explain(invalid))?;
        prepared.warnings.splice(..0, instance.warnings);
        Ok(prepared)
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
        metadata.insert("namespace".to_owned(), raw::write(self.template.namespace.as_str()));
        manifest.insert("metadata".to_owned(), raw::write(&metadata));
        manifest::prepare(CreateJobInput {
            manifest,
            namespace: self.namespace_in_call.as_deref(),
            key: self.key.clone(),
            request_id: &ctx.info.request_id,
            now: SystemTime::now(),
            origin: Some(Origin { template: template.clone(), version, call: self.call.members.clone() }),
            notify: self.notify.as_ref().map(Notify::annotation).as_deref(),
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

    /// Returns the job of an earlier call with the same Idempotency-Key. This call failed on its template or its webhooks,
    /// which may have changed since. Without such a job the failure stays.
    pub(super) async fn find_repeated(&self, ctx: &mut RequestContext, problem: Problem) -> Result<Submitted, Problem> {
        if self.key.is_none() || !is_about_template(&problem) {
            return Err(problem);
        }
        // The name and the stamp do not depend on the content of the template.
        let Ok(prepared) = self.prepared(ctx, Manifest::new(), String::new()) else { return Err(problem) };
        let submitted = find_repeated(ctx, prepared, problem).await?;
        ctx.set_object(&submitted.namespace, Some(&submitted.name));
        Ok(submitted)
    }
}

/// Returns the job of an earlier call with the same Idempotency-Key. Without one the failure of this call stays.
pub(super) async fn find_repeated(
    ctx: &mut RequestContext,
    prepared: JobManifest,
    problem: Problem,
) -> Result<Submitted, Problem> {
    create::find_repeated(ctx.client()?, prepared).await?.ok_or(problem)
}
