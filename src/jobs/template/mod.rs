//! Templates: the manifest of a CronJob, a Job or a preset, from which create-job makes a Job with parameters and
//! overrides. Everything here is a pure function; `api` reads the templates.

pub mod presets;

use crate::jobs::manifest::raw::Members;
use crate::jobs::manifest::{Invalid, Manifest};
use crate::util::template_name::TemplateName;

/// A template as it was read.
#[derive(Clone, Debug)]
pub struct Template {
    pub name: TemplateName,
    /// The resource version; of a preset the first 12 hex digits of its SHA-256.
    pub version: String,
    /// `metadata` with labels and annotations, and `spec`. A preset may have a namespace too.
    pub manifest: Manifest,
    /// The parameters that its annotation declares, in their order.
    pub parameters: Vec<Parameter>,
}

/// A declared parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    pub name: String,
    pub is_required: bool,
    pub default: Option<String>,
}

/// The manifest that a template, parameters and overrides make.
#[derive(Debug)]
pub struct Instance {
    pub manifest: Manifest,
    pub warnings: Vec<String>,
}

#[derive(Debug)]
pub enum Error {
    /// A parameter or an override is wrong.
    Invalid(Invalid),
    /// The template is wrong. The message names it.
    InvalidTemplate(String),
}

impl From<Invalid> for Error {
    fn from(invalid: Invalid) -> Self {
        Self::Invalid(invalid)
    }
}

impl Template {
    /// Reads the CronJob that the API server returned.
    pub fn from_cron_job(name: TemplateName, cron_job: &Members) -> Result<Self, Error> {
        let _ = cron_job;
        Err(Error::InvalidTemplate(format!("{name}: not implemented")))
    }

    /// Reads the Job that the API server returned.
    pub fn from_job(name: TemplateName, job: Members) -> Result<Self, Error> {
        let _ = job;
        Err(Error::InvalidTemplate(format!("{name}: not implemented")))
    }

    /// Reads the YAML of a preset.
    pub fn from_preset(name: TemplateName, yaml: &[u8]) -> Result<Self, Error> {
        let _ = yaml;
        Err(Error::InvalidTemplate(format!("{name}: not implemented")))
    }
}

/// Returns the Job that the template makes with these parameters and overrides.
pub fn instantiate(template: &Template, parameters: &Members, overrides: &Members) -> Result<Instance, Error> {
    let _ = (parameters, overrides);
    Ok(Instance { manifest: template.manifest.clone(), warnings: Vec::new() })
}
