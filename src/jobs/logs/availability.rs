//! How things stand with the log of one container: there, to come, never to come, read to its end. Owns what a pod's
//! status means for that; asking again and waiting are for whoever reads.

use std::fmt;

use crate::kube::types::{Container, ContainerStatus, Pod};

/// What a container waits for, or waited for in vain: a reason in one word, and a sentence if there is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    pub reason: String,
    pub message: Option<String>,
}

/// How things stand with one container's log, for someone who has read that of the run `read` already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogAvailability {
    /// There is one to read, of this run: the container's first is 0.
    Log { run: i32 },
    /// There will be one, if all goes as usual.
    Pending(Waiting),
    /// The container cannot begin now. The kubelet tries again, so this may pass.
    Blocked(Waiting),
    /// There will be none.
    Never(Waiting),
    /// All was read.
    Finished,
    /// There is no such pod.
    Gone,
}

/// How things stand with a run whose log is being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Run {
    /// Its log grows.
    Running,
    /// Its log is complete.
    Ended,
    /// The next run began. The log is that of the previous run now.
    Previous,
    /// More than one run began since. The kubelet has removed the log.
    Removed,
    /// There is no such pod.
    Gone,
}

/// Waiting for these is waiting for the kubelet's next step.
const USUAL: [&str; 3] = ["ContainerCreating", "PodInitializing", ""];
/// The kubelet tries these again without any hope: the pod's own spec is wrong.
const HOPELESS: [&str; 2] = ["InvalidImageName", "ErrImageNeverPull"];

pub fn of(pod: Option<&Pod>, container: &str, read: Option<i32>) -> LogAvailability {
    let Some(pod) = pod else { return if read.is_some() { LogAvailability::Finished } else { LogAvailability::Gone } };
    let status = status(pod, container);
    if let Some(status) = status.filter(|status| has_log(status) && read.is_none_or(|run| status.restart_count > run)) {
        return LogAvailability::Log { run: status.restart_count };
    }
    let is_over = is_over(pod);
    let waiting = Waiting::of(pod, status.filter(|_| !is_over || pod.status.reason.is_none()));
    if read.is_some() {
        let Some(status) = status.filter(|_| !is_over) else { return LogAvailability::Finished };
        return match &status.state.terminated {
            Some(end) if !restarts(pod, container, end.exit_code) => LogAvailability::Finished,
            _ => LogAvailability::Pending(waiting),
        };
    }
    let stuck = stuck_init(pod).filter(|_| waiting.reason == "PodInitializing" && !is_over);
    // A pod without a word about its containers is still to be scheduled, or to be noticed by its kubelet.
    let is_usual = stuck.is_none() && (status.is_none() || USUAL.contains(&waiting.reason.as_str()));
    let waiting = stuck.unwrap_or(waiting);
    if is_over || HOPELESS.contains(&waiting.reason.as_str()) {
        LogAvailability::Never(waiting)
    } else if is_usual {
        LogAvailability::Pending(waiting)
    } else {
        LogAvailability::Blocked(waiting)
    }
}

/// How things stand with this run of a container.
pub fn run(pod: Option<&Pod>, container: &str, run: i32) -> Run {
    let Some(pod) = pod else { return Run::Gone };
    let Some(status) = status(pod, container) else { return if is_over(pod) { Run::Ended } else { Run::Running } };
    match status.restart_count.saturating_sub(run) {
        i32::MIN..=0 if is_over(pod) || status.state.running.is_none() => Run::Ended,
        i32::MIN..=0 => Run::Running,
        1 => Run::Previous,
        2.. => Run::Removed,
    }
}

fn status<'a>(pod: &'a Pod, container: &str) -> Option<&'a ContainerStatus> {
    let mut statuses = pod.status.container_statuses.iter().chain(&pod.status.init_container_statuses);
    statuses.find(|status| status.name == container)
}

/// Whether no container of the pod runs again.
fn is_over(pod: &Pod) -> bool {
    matches!(pod.status.phase.as_deref(), Some("Succeeded" | "Failed"))
}

/// Whether the container ran: one that waits to run again has the log of its last run.
fn has_log(status: &ContainerStatus) -> bool {
    status.state.running.is_some() || status.state.terminated.is_some() || status.last_state.terminated.is_some()
}

/// Whether a container that ended so may run again, as long as its pod is not over. Restart rules of any container can
/// say so (<https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#container-restart-rules>).
fn restarts(pod: &Pod, container: &str, exit_code: Option<i32>) -> bool {
    let has_rules =
        |container: &Container| container.restart_policy.as_deref().is_some_and(|policy| policy != "Always");
    if pod.spec.containers.iter().chain(&pod.spec.init_containers).any(has_rules) {
        return true;
    }
    let mut init = pod.spec.init_containers.iter().filter(|init| init.name == container);
    let own = init.find_map(|init| init.restart_policy.as_deref());
    match own.or(pod.spec.restart_policy.as_deref()) {
        Some("Always") => true,
        Some("OnFailure") => exit_code != Some(0),
        _ => false,
    }
}

/// What the init container waits for that the others wait for in vain.
fn stuck_init(pod: &Pod) -> Option<Waiting> {
    let waits = |status: &&ContainerStatus| status.state.waiting.is_some() && !has_log(status);
    pod.status.init_container_statuses.iter().filter(waits).find_map(|status| {
        let Waiting { reason, message } = Waiting::of(pod, Some(status));
        let message = format!("init container {}: {}", status.name, message.unwrap_or_default());
        (!USUAL.contains(&reason.as_str())).then_some(Waiting { reason, message: Some(message) })
    })
}

impl Waiting {
    /// What the container says of itself, or else its pod for it.
    fn of(pod: &Pod, status: Option<&ContainerStatus>) -> Self {
        if let Some(detail) = status.and_then(|status| status.state.waiting.as_ref()) {
            return Self { reason: detail.reason.clone().unwrap_or_default(), message: detail.message.clone() };
        }
        let pod = &pod.status;
        let unscheduled = pod.conditions.iter().find(|c| c.r#type == "PodScheduled" && c.status == "False");
        let (reason, message) = match unscheduled.filter(|_| pod.reason.is_none()) {
            Some(condition) => (&condition.reason, &condition.message),
            None => (&pod.reason, &pod.message),
        };
        let reason = reason.as_ref().or(pod.phase.as_ref()).cloned().unwrap_or_else(|| "Pending".to_owned());
        Self { reason, message: message.clone() }
    }
}

impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.message {
            Some(message) => write!(f, "{}: {message}", self.reason),
            None => f.write_str(&self.reason),
        }
    }
}

#[cfg(test)]
#[path = "availability_tests.rs"]
mod tests;
