//! The body of create-job: [`CreateJob`]. Its job is a manifest or comes from a template.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::api::jobs::create::notify::Notify;
use crate::http::request::parameters::parse_job_name;
use crate::http::response::problem::Problem;
use crate::jobs::manifest::Manifest;
use crate::jobs::manifest::raw::{self, Members};
use crate::kube::names::JobName;
use crate::util::template_name::{TemplateKind, TemplateName};
use crate::util::text::shown_name;

const TEMPLATE: &str =
    "must be an object with exactly one of cron_job, job_name and preset, for example {\"cron_job\": \"etl\"}";
const NAME: &str = "is not the name of a template: use at most 63 lower case letters, digits, '-' and '.', each part beginning and ending with a letter or digit";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CreateJob {
    job_manifest: Option<Manifest>,
    template: Option<Box<RawValue>>,
    job_name: Option<Box<RawValue>>,
    parameters: Option<Box<RawValue>>,
    overrides: Option<Box<RawValue>>,
    pub(super) namespace: Option<String>,
    pub(super) wait: Option<String>,
    pub(super) dry_run: Option<bool>,
    pub(super) field_validation: Option<String>,
    pub(super) cluster: Option<String>,
    pub(super) notify: Option<Notify>,
}

/// The source of the job.
pub(super) enum Source {
    Manifest(Manifest),
    Template(TemplateCall),
}

/// The members of a call that names a template.
pub(super) struct TemplateCall {
    pub(super) template: TemplateName,
    pub(super) job_name: Option<JobName>,
    pub(super) parameters: Members,
    pub(super) overrides: Members,
    /// The members as they were given. An Idempotency-Key is bound to them.
    pub(super) members: Members,
}

impl CreateJob {
    /// Takes the manifest or the template. The form must be right; only the cluster knows whether the template exists.
    pub(super) fn take_source(&mut self) -> Result<Source, Problem> {
        let members = [
            ("template", self.template.take()),
            ("job_name", self.job_name.take()),
            ("parameters", self.parameters.take()),
            ("overrides", self.overrides.take()),
        ];
        let mut given = Members::new();
        given.extend(members.into_iter().filter_map(|(name, raw)| Some((name.to_owned(), raw?))));
        match (self.job_manifest.take(), given.get("template")) {
            (Some(_), Some(_)) => Err(Problem::malformed("template", "is given beside job_manifest: send one of them")),
            (None, None) => Err(Problem::malformed("body", "has no job_manifest and no template: send one of them")),
            (Some(manifest), None) => match given.keys().next() {
                Some(name) => Err(Problem::malformed(name, "is for a template only: write it into job_manifest")),
                None => Ok(Source::Manifest(manifest)),
            },
            (None, Some(template)) => Ok(Source::Template(TemplateCall {
                template: template_name(template)?,
                job_name: given.get("job_name").map(|raw| job_name(raw)).transpose()?,
                parameters: object(&given, "parameters")?,
                overrides: object(&given, "overrides")?,
                members: given,
            })),
        }
    }
}

pub(in crate::api) fn template_name(raw: &RawValue) -> Result<TemplateName, Problem> {
    let wrong = || Problem::malformed("template", TEMPLATE);
    let members: Members = raw::parse(raw).ok_or_else(wrong)?;
    let kind_of = |member: &str| TemplateKind::ALL.into_iter().find(|kind| kind.member() == member);
    if let Some(unknown) = members.keys().find(|member| kind_of(member).is_none()) {
        return Err(Problem::malformed("template", &format!("has {}, and {TEMPLATE}", shown_name(unknown))));
    }
    let mut named = members.keys().filter_map(|member| Some((kind_of(member)?, raw::get(&members, member)?)));
    let (Some((kind, name)), None) = (named.next(), named.next()) else { return Err(wrong()) };
    let field = format!("template.{}", kind.member());
    let name: String = raw::parse(name).ok_or_else(|| Problem::malformed(&field, "must be a string"))?;
    let invalid = || Problem::invalid(&field, &format!("\"{}\" {NAME}", shown_name(&name)));
    TemplateName::new(kind, &name).ok_or_else(invalid)
}

fn job_name(raw: &RawValue) -> Result<JobName, Problem> {
    let name: String = raw::parse(raw).ok_or_else(|| Problem::malformed("job_name", "must be a string"))?;
    parse_job_name(&name)
}

/// Returns the object under a name; an empty one if it is missing.
pub(in crate::api) fn object(given: &Members, name: &str) -> Result<Members, Problem> {
    let Some(raw) = given.get(name) else { return Ok(Members::new()) };
    raw::parse(raw).ok_or_else(|| Problem::malformed(name, "must be an object"))
}

#[cfg(test)]
#[path = "body_tests.rs"]
mod tests;
