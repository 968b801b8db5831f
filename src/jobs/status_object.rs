//! The status object of a Job, as JSON.

use serde::Serialize;

use crate::jobs::pods::exit::Exit;
use crate::jobs::state::state;
use crate::kube::client::Body;
use crate::kube::types::{Condition, Job, Labels, Time};
use crate::kube::watcher::Version;
use crate::util::template_name::TemplateName;

/// The most bytes of a template's version. Those of Kubernetes have at most 20.
const MAX_TEMPLATE_VERSION_LEN: usize = 64;

/// The status object in the replies of get-job-status, list-jobs and watch-jobs.
#[derive(Serialize)]
struct JobStatus<'a> {
    cluster: &'a str,
    job_name: &'a str,
    namespace: &'a str,
    state: &'static str,
    active: i32,
    succeeded: i32,
    failed: i32,
    start_time: Option<&'a Time>,
    completion_time: Option<&'a Time>,
    ready: Option<i32>,
    terminating: Option<i32>,
    completions: Option<i32>,
    parallelism: Option<i32>,
    backoff_limit: Option<i32>,
    suspend: bool,
    managed_by: Option<&'a str>,
    template: Option<&'a str>,
    template_version: Option<&'a str>,
    completed_indexes: Option<&'a str>,
    failed_indexes: Option<&'a str>,
    reason: Option<&'a str>,
    message: Option<&'a str>,
    exit_code: Option<i32>,
    termination_message: Option<&'a str>,
    creation_timestamp: Option<&'a Time>,
    deletion_timestamp: Option<&'a Time>,
    uid: &'a str,
    resource_version: String,
    labels: &'a Labels,
    conditions: &'a [Condition],
}

pub(super) fn version(job: &Job) -> Version {
    job.metadata.resource_version.parse().unwrap_or_default()
}

pub(super) fn json(cluster: &str, job: &Job, exit: Option<&Exit>) -> Body {
    let (state, decided) = state(job.spec.suspend, &job.status);
    let Job { metadata, spec, status } = job;
    // Kubernetes omits an empty list of indexes.
    let is_indexed = spec.completion_mode.as_deref() == Some("Indexed");
    let (template, template_version) = template_of(job).unzip();
    let object = JobStatus {
        cluster,
        job_name: &metadata.name,
        namespace: &metadata.namespace,
        state: state.name(),
        active: status.active,
        succeeded: status.succeeded,
        failed: status.failed,
        start_time: status.start_time.as_ref(),
        completion_time: status.completion_time.as_ref(),
        ready: status.ready,
        terminating: status.terminating,
        completions: spec.completions,
        parallelism: spec.parallelism,
        backoff_limit: spec.backoff_limit,
        suspend: spec.suspend.unwrap_or_default(),
        managed_by: spec.managed_by.as_deref(),
        template,
        template_version,
        completed_indexes: is_indexed.then(|| status.completed_indexes.as_deref().unwrap_or_default()),
        failed_indexes: is_indexed.then(|| status.failed_indexes.as_deref().unwrap_or_default()),
        reason: decided.and_then(|condition| condition.reason.as_deref()),
        message: decided.and_then(|condition| condition.message.as_deref()),
        exit_code: exit.map(|exit| exit.code),
        termination_message: exit.and_then(|exit| exit.message.as_deref()),
        creation_timestamp: metadata.creation_timestamp.as_ref(),
        deletion_timestamp: metadata.deletion_timestamp.as_ref(),
        uid: &metadata.uid,
        resource_version: version(job).to_string(),
        labels: &metadata.labels,
        conditions: &status.conditions,
    };
    serde_json::to_vec(&object).unwrap_or_default().into_boxed_slice().into()
}

/// Returns the template that a job was made from, such as `cronjob/etl`, and its version. An invalid annotation counts as
/// none.
pub fn template_of(job: &Job) -> Option<(&str, &str)> {
    let (template, version) = job.metadata.annotations.template.as_deref()?.rsplit_once('@')?;
    let is_valid = (1..=MAX_TEMPLATE_VERSION_LEN).contains(&version.len())
        && version.bytes().all(|c| c.is_ascii_graphic())
        && TemplateName::parse(template).is_some();
    is_valid.then_some((template, version))
}
