//! CronJobs, with the fields that list-templates shows.

use serde::Deserialize;

use crate::kube::types::meta::Metadata;
use crate::kube::types::pod::PodTemplate;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct CronJob {
    pub metadata: Metadata,
    pub spec: CronJobSpec,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CronJobSpec {
    pub schedule: String,
    pub suspend: Option<bool>,
    pub job_template: JobTemplate,
}

/// The metadata has labels and annotations only.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct JobTemplate {
    pub metadata: Metadata,
    pub spec: JobTemplateSpec,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct JobTemplateSpec {
    pub template: PodTemplate,
}
