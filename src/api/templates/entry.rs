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
    /// `cron_job` is as the API server returned it. `template` is `None` if no job can be made from it.
    pub(super) fn of_cron_job(
        cluster: &'a str,
        name: &TemplateName,
        namespace: String,
        cron_job: &Members,
        template: Option<&Template>,
    ) -> Self {
        let spec = raw::object(cron_job, "spec").unwrap_or_default();
        Self {
            namespace: Some(namespace),
            suspended: Some(raw::get(&spec, "suspend").and_then(raw::parse).unwrap_or_default()),
            schedule: Some(raw::get(&spec, "schedule").and_then(raw::parse).unwrap_or_default()),
            ..Self::new(cluster, name, template)
        }
    }

    pub(super) fn of_preset(cluster: &'a str, preset: &Template) -> Self {
        let namespace = preset.namespace.as_ref().map(ToString::to_string);
        Self { namespace, ..Self::new(cluster, &preset.name, Some(preset)) }
    }

    fn new(cluster: &'a str, name: &TemplateName, template: Option<&Template>) -> Self {
        let containers = template.map(Template::containers).unwrap_or_default();
        let parameters = template.map(|template| template.parameters.clone()).unwrap_or_default();
        let mut images = BTreeMap::new();
        images.extend(containers.iter().cloned());
        Self {
            template: name.to_string(),
            cluster,
            namespace: None,
            suspended: None,
            schedule: None,
            containers: containers.into_iter().map(|(name, _)| name).collect(),
            images,
            parameters: parameters.into_iter().map(ParameterView::from).collect(),
        }
    }
}
