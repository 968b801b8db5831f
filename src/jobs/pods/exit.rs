//! The exit of a failed job: code and message of the container that decided the failure.

use time::{Duration, OffsetDateTime};

use crate::kube::types::{Condition, ContainerStatus, JobInFull, Pod, PodTemplate, StateDetail, Time};

/// A longer termination message is cut.
const MAX_MESSAGE_BYTES: usize = 1024;

/// The kubelet's reason for a lost container. Its exit code, 137, means nothing.
const UNKNOWN: &str = "ContainerStatusUnknown";

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exit {
    pub code: i32,
    pub message: Option<String>,
}

/// Returns the exit that decided the failure: of the pod that failed last, or of the pod for which a rule of
/// podFailurePolicy failed the job. `None` if no container of the job's template failed, or its pod is gone.
pub fn find(job: &JobInFull, pods: &[Pod]) -> Option<Exit> {
    let failed = pods.iter().filter(|pod| pod.status.phase.as_deref() != Some("Succeeded"));
    let ends = failed.filter_map(|pod| {
        let action = job.spec.pod_failure_policy.rule(&pod.status).map(|rule| rule.action.as_str());
        let end = deciding(&job.spec.template, pod).filter(|_| action != Some("Ignore"))?;
        Some((action == Some("FailJob"), finished_at(end), end))
    });
    let (.., end) = ends.max_by_key(|(fails_job, finished_at, _)| (*fails_job, *finished_at))?;
    let message =
        end.message.as_deref().map(|message| message[..message.floor_char_boundary(MAX_MESSAGE_BYTES)].into());
    Some(Exit { code: end.exit_code?, message })
}

/// Whether a webhook added this container: the job's template does not have it.
pub fn is_injected(template: &PodTemplate, name: &str) -> bool {
    let spec = &template.spec;
    let mut own = spec.containers.iter().chain(&spec.init_containers);
    // A job always has containers. If the template is not known, every container counts as the job's.
    !spec.containers.is_empty() && !own.any(|container| container.name == name)
}

/// Returns the end of the container that decided the pod's failure: the first main container that failed, else the init
/// container that kept them from starting.
fn deciding<'a>(template: &PodTemplate, pod: &'a Pod) -> Option<&'a StateDetail> {
    let main: Vec<_> = own(template, &pod.status.container_statuses).collect();
    let failed = main.iter().filter_map(|status| failure(pod, status)).min_by_key(|end| finished_at(end));
    if failed.is_some() || main.iter().any(|status| has_begun(status)) {
        return failed;
    }
    // Eviction or the pod's deadline stopped the init containers.
    let is_stopped = pod.status.reason.is_some() || pod.status.conditions.iter().any(is_disruption);
    let init = own(template, &pod.status.init_container_statuses).filter(|_| !is_stopped);
    init.filter(|status| !pod.is_sidecar(&status.name)).find_map(|status| failure(pod, status))
}

fn own<'a>(template: &PodTemplate, statuses: &'a [ContainerStatus]) -> impl Iterator<Item = &'a ContainerStatus> {
    statuses.iter().filter(|status| !is_injected(template, &status.name))
}

/// Returns the container's own failure, not a stop: in its last run or, if the pod was deleted, in the run before.
fn failure<'a>(pod: &Pod, status: &'a ContainerStatus) -> Option<&'a StateDetail> {
    let stopped_from = stopped_from(pod);
    let is_own = |end: &&StateDetail| stopped_from.is_none_or(|from| finished_at(end).is_some_and(|time| time < from));
    let last = status.state.terminated.as_ref().filter(is_own);
    let failed =
        |end: &&StateDetail| end.exit_code.is_some_and(|code| code != 0) && end.reason.as_deref() != Some(UNKNOWN);
    // A container that succeeded in its last run did not fail.
    last.or(status.last_state.terminated.as_ref()).filter(failed)
}

fn has_begun(status: &ContainerStatus) -> bool {
    let ran = |end: &StateDetail| end.started_at.is_some();
    let ends = [&status.state.terminated, &status.last_state.terminated];
    status.state.running.is_some() || ends.into_iter().flatten().any(ran)
}

fn is_disruption(condition: &Condition) -> bool {
    condition.r#type == "DisruptionTarget" && condition.status == "True"
}

/// Returns when the pod's deletion was requested. Containers that end later were stopped.
fn stopped_from(pod: &Pod) -> Option<OffsetDateTime> {
    let deletion = pod.metadata.deletion_timestamp.as_ref()?.parse()?;
    let grace = pod.metadata.deletion_grace_period_seconds.unwrap_or_default();
    deletion.checked_sub(Duration::seconds(grace))
}

fn finished_at(end: &StateDetail) -> Option<OffsetDateTime> {
    end.finished_at.as_ref().and_then(Time::parse)
}

#[cfg(test)]
#[path = "exit_tests.rs"]
mod tests;
