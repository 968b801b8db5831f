//! The template of a job in replies: [`Provenance`].

use serde::Serialize;

/// Both members are missing for a job of the caller's own manifest.
#[derive(Debug, Default, Serialize)]
pub(super) struct Provenance<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    template: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    template_version: Option<&'a str>,
}

impl<'a> Provenance<'a> {
    /// Takes the name and the version of the template.
    pub(super) fn new(template: Option<(&'a str, &'a str)>) -> Self {
        let (template, template_version) = template.unzip();
        Self { template, template_version }
    }
}
