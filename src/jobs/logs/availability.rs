//! Decides from a pod's status whether a container has a log, will have one, or never will.

use std::fmt;

use crate::jobs::pods::unscheduled;
use crate::kube::types::{Container, ContainerStatus, Pod};

/// The reason why a container waits: one word, and perhaps a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    pub reason: String,
    pub message: Option<String>,
}

/// Whether a container has a log to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogAvailability {
    /// The log of this run can be read. The first run is 0.
    Log { run: i32 },
    /// The container begins soon.
    Pending(Waiting),
    /// The container cannot begin now. The kubelet tries again.
    Blocked(Waiting),
    /// The container never begins.
    Never(Waiting),
    /// Everything is read.
    Finished,
    /// The pod is gone.
    Gone,
}

/// The state of the run whose log is being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunState {
    /// The log grows.
    Running,
    /// The log is complete.
    Ended,
    /// The next run began, so the log is that of the previous run.
    Previous,
    /// More than one run began. The kubelet has removed the log.
    Removed,
    /// The pod is gone.
    Gone,
}

/// With these reasons the kubelet is about to start the container.
const USUAL: [&str; 3] = ["ContainerCreating", "PodInitializing", ""];
/// With these reasons the pod's spec is wrong, so the kubelet tries in vain.
const HOPELESS: [&str; 2] = ["InvalidImageName", "ErrImageNeverPull"];

/// `read` is the last run whose log was read.
pub fn log_availability(pod: Option<&Pod>, container: &str, read: Option<i32>) -> LogAvailability {
    let Some(pod) = pod else { return if read.is_some() { LogAvailability::Finished } else { LogAvailability::Gone } };
    let status = status(pod, container);
    if let Some(status) = status.filter(|status| has_log(status) && read.is_none_or(|run| status.restart_count > run)) {
        return LogAvailability::Log { run: status.restart_count };
    }
    let is_finished = is_finished(pod);
    let waiting = Waiting::of(pod, status.filter(|_| !is_finished || pod.status.reason.is_none()));
    if read.is_some() {
        let Some(status) = status.filter(|_| !is_finished) else { return LogAvailability::Finished };
        return match &status.state.terminated {
            Some(end) if !restarts(pod, container, end.exit_code) => LogAvailability::Finished,
            _ => LogAvailability::Pending(waiting),
        };
    }
    let stuck = stuck_init(pod).filter(|_| waiting.reason == "PodInitializing" && !is_finished);
    // A pod without container statuses is not scheduled yet, or its kubelet has not seen it yet.
    let is_usual = stuck.is_none() && (status.is_none() || USUAL.contains(&waiting.reason.as_str()));
    let waiting = stuck.unwrap_or(waiting);
    if is_finished || HOPELESS.contains(&waiting.reason.as_str()) {
        LogAvailability::Never(waiting)
    } else if is_usual {
        LogAvailability::Pending(waiting)
    } else {
        LogAvailability::Blocked(waiting)
    }
}

pub fn run_state(pod: Option<&Pod>, container: &str, run: i32) -> RunState {
    let Some(pod) = pod else { return RunState::Gone };
    let Some(status) = status(pod, container) else {
        return if is_finished(pod) { RunState::Ended } else { RunState::Running };
    };
    match status.restart_count.saturating_sub(run) {
        i32::MIN..=0 if is_finished(pod) || status.state.running.is_none() => RunState::Ended,
        i32::MIN..=0 => RunState::Running,
        1 => RunState::Previous,
        2.. => RunState::Removed,
    }
}

fn status<'a>(pod: &'a Pod, container: &str) -> Option<&'a ContainerStatus> {
    let mut statuses = pod.status.container_statuses.iter().chain(&pod.status.init_container_statuses);
    statuses.find(|status| status.name == container)
}

/// Whether no container of the pod runs any more.
fn is_finished(pod: &Pod) -> bool {
    matches!(pod.status.phase.as_deref(), Some("Succeeded" | "Failed"))
}

/// Whether the container ran. A container that waits for its next run has the log of its last run.
fn has_log(status: &ContainerStatus) -> bool {
    status.state.running.is_some() || status.state.terminated.is_some() || status.last_state.terminated.is_some()
}

/// Whether a container that ended with this code may run again in this pod. The restart rules of any container can
/// cause it (<https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#container-restart-rules>).
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

/// Returns the reason why an init container waits. It keeps the other containers from starting.
fn stuck_init(pod: &Pod) -> Option<Waiting> {
    let waits = |status: &&ContainerStatus| status.state.waiting.is_some() && !has_log(status);
    pod.status.init_container_statuses.iter().filter(waits).find_map(|status| {
        let Waiting { reason, message } = Waiting::of(pod, Some(status));
        let message = format!("init container {}: {}", status.name, message.unwrap_or_default());
        (!USUAL.contains(&reason.as_str())).then_some(Waiting { reason, message: Some(message) })
    })
}

impl Waiting {
    /// The reason of the container, or else of its pod.
    fn of(pod: &Pod, status: Option<&ContainerStatus>) -> Self {
        if let Some(detail) = status.and_then(|status| status.state.waiting.as_ref()) {
            return Self { reason: detail.reason.clone().unwrap_or_default(), message: detail.message.clone() };
        }
        let pod = &pod.status;
        let (reason, message) = match unscheduled(pod).filter(|_| pod.reason.is_none()) {
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
