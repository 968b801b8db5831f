//! The types of templates: [`Template`], [`Instance`] and [`Error`].

use std::fmt;

use crate::jobs::manifest::{Invalid, Manifest};
use crate::kube::names::Namespace;
use crate::util::template_name::TemplateName;

/// A template as it was read.
#[derive(Clone, Debug)]
pub struct Template {
    pub name: TemplateName,
    /// The resource version; of a preset the first 12 hex digits of its SHA-256.
    pub version: String,
    /// The only namespace that a preset is for.
    pub namespace: Option<Namespace>,
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

/// Why overrides cannot be applied to a template.
pub(super) enum MergeError {
    /// An override is wrong.
    Override(Invalid),
    /// The template is wrong.
    Template(Invalid),
}

impl From<Invalid> for Error {
    fn from(invalid: Invalid) -> Self {
        Self::Invalid(invalid)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(invalid) => invalid.fmt(f),
            Self::InvalidTemplate(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for Error {}

impl Error {
    /// Returns the error for a wrong field of the template.
    pub(in crate::jobs) fn of_template(name: &TemplateName, invalid: &Invalid) -> Self {
        let Invalid { field, message, .. } = invalid;
        let field = field.strip_prefix("job_manifest.").unwrap_or(field);
        Self::InvalidTemplate(format!("{name}: {field}: {message}"))
    }
}
