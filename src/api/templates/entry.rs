//! A template as list-templates shows it: [`Entry`].

use std::collections::BTreeMap;

use serde::Serialize;

use crate::jobs::manifest::raw::{self, Members};
use crate::jobs::template::{Parameter, Template};
use crate::kube::types::CronJob;
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
    pub(super) fn of_cron_job(
        cluster: &'a str,
        name: &TemplateName,
        cron_job: CronJob,
        parameters: Vec<Parameter>,
    ) -> Self {
        let containers = cron_job.spec.job_template.spec.template.spec.containers;
        Self {
            template: name.to_string(),
            cluster,
            namespace: Some(cron_job.metadata.namespace),
            suspended: Some(cron_job.spec.suspend.unwrap_or_default()),
            schedule: Some(cron_job.spec.schedule),
            containers: containers.iter().map(|container| container.name.clone()).collect(),
            images: containers.into_iter().map(|container| (container.name, container.image)).collect(),
            parameters: parameters.into_iter().map(ParameterView::from).collect(),
        }
    }

    pub(super) fn of_preset(cluster: &'a str, preset: &Template) -> Self {
        let containers = containers(&preset.manifest);
        Self {
            template: preset.name.to_string(),
            cluster,
            namespace: namespace(preset),
            suspended: None,
            schedule: None,
            containers: containers.iter().map(|(name, _)| name.clone()).collect(),
            images: containers.into_iter().collect(),
            parameters: preset.parameters.iter().cloned().map(ParameterView::from).collect(),
        }
    }
}

/// Returns the namespace that a preset's manifest has.
pub(super) fn namespace(preset: &Template) -> Option<String> {
    let metadata = raw::object(&preset.manifest, "metadata")?;
    raw::get(&metadata, "namespace").and_then(raw::parse).filter(|namespace: &String| !namespace.is_empty())
}

/// Returns the containers of a manifest's pods, each with its image.
fn containers(manifest: &Members) -> Vec<(String, String)> {
    let pod = || raw::object(&raw::object(&raw::object(manifest, "spec")?, "template")?, "spec");
    let all: Option<Vec<Members>> = pod().and_then(|pod| raw::get(&pod, "containers").and_then(raw::parse));
    let text = |container: &Members, key| raw::get(container, key).and_then(raw::parse::<String>).unwrap_or_default();
    all.iter().flatten().map(|container| (text(container, "name"), text(container, "image"))).collect()
}
