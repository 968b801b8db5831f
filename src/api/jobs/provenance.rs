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
    /// Reads the annotation `eks-api/template`.
    pub(super) fn new(annotation: Option<&'a str>) -> Self {
        let (template, template_version) = annotation.and_then(|text| text.split_once('@')).unzip();
        Self { template, template_version }
    }
}
