//! A template as list-templates shows it: [`Entry`].

use std::collections::BTreeMap;

use serde::Serialize;

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
        let containers = preset.containers();
        Self {
            template: preset.name.to_string(),
            cluster,
            namespace: preset.namespace.as_ref().map(ToString::to_string),
            suspended: None,
            schedule: None,
            containers: containers.iter().map(|(name, _)| name.clone()).collect(),
            images: containers.into_iter().collect(),
            parameters: preset.parameters.iter().cloned().map(ParameterView::from).collect(),
        }
    }
}
