//! A template as list-templates shows it: [`Entry`].

use std::collections::BTreeMap;

use serde::Serialize;

use crate::jobs::manifest::raw::{self, Members};
use crate::jobs::template::{Parameter, Template};
use crate::util::template_name::TemplateName;

/// Every kind of template has all members.
#[derive(Serialize)]
pub(super) struct Entry<'a> {
    template: String,
    cluster: &'a str,
    namespace: Option<String>,
    /// Null for a preset, like the schedule.
    suspended: Option<bool>,
    schedule: Option<String>,
    containers: Vec<String>,
    images: BTreeMap<String, String>,
    parameters: Vec<ParameterView>,
}

#[derive(Serialize)]
struct ParameterView {
    name: String,
    required: bool,
    default: Option<String>,
}

impl From<Parameter> for ParameterView {
    fn from(Parameter { name, is_required, default }: Parameter) -> Self {
        Self { name, required: is_required, default }
    }
}

impl<'a> Entry<'a> {
    /// `cron_job` is as the API server returned it. `parameters` are what it declares.
    pub(super) fn of_cron_job(
        cluster: &'a str,
        name: &TemplateName,
        namespace: String,
        cron_job: &Members,
        parameters: Vec<Parameter>,
    ) -> Self {
        let spec = raw::object(cron_job, "spec").unwrap_or_default();
        let manifest = raw::object(&spec, "jobTemplate").unwrap_or_default();
        Self {
            namespace: Some(namespace),
            suspended: Some(raw::get(&spec, "suspend").and_then(raw::parse).unwrap_or_default()),
            schedule: Some(text(&spec, "schedule")),
            ..Self::new(cluster, name, &manifest, parameters)
        }
    }

    pub(super) fn of_preset(cluster: &'a str, preset: &Template) -> Self {
        let namespace = preset.namespace.as_ref().map(ToString::to_string);
        Self { namespace, ..Self::new(cluster, &preset.name, &preset.manifest, preset.parameters.clone()) }
    }

    fn new(cluster: &'a str, name: &TemplateName, manifest: &Members, parameters: Vec<Parameter>) -> Self {
        let pod = || raw::object(&raw::object(&raw::object(manifest, "spec")?, "template")?, "spec");
        let containers: Vec<Members> =
            pod().and_then(|pod| raw::get(&pod, "containers").and_then(raw::parse)).unwrap_or_default();
        let mut images = BTreeMap::new();
        images.extend(containers.iter().map(|container| (text(container, "name"), text(container, "image"))));
        Self {
            template: name.to_string(),
            cluster,
            namespace: None,
            suspended: None,
            schedule: None,
            containers: containers.iter().map(|container| text(container, "name")).collect(),
            images,
            parameters: parameters.into_iter().map(ParameterView::from).collect(),
        }
    }
}

/// Returns the text under a name; an empty one if it is missing.
pub(super) fn text(parent: &Members, name: &str) -> String {
    raw::get(parent, name).and_then(raw::parse).unwrap_or_default()
}
