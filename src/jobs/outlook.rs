//! How things stand with the log of one container: there, to come, never to come, read to its end. Owns what a pod's
//! status means for that; asking again and waiting are for whoever reads.

use std::fmt;

use crate::kube::types::{ContainerStatus, Pod};

/// What a container waits for, or waited for in vain: a reason in one word, and a sentence if there is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    pub reason: String,
    pub message: Option<String>,
}

/// How things stand with one container's log, for someone who has read that of the run `read` already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outlook {
    /// There is one to read, of this run: the container's first is 0.
    Log { run: i32 },
    /// There will be one, if all goes as usual.
    Soon(Waiting),
    /// There will be none before somebody mends something, or none at all.
    Stuck(Waiting),
    /// The run that was read is not over, as far as the cluster knows.
    Running,
    /// All was read.
    Over,
    /// There is no such pod.
    Gone,
}

/// Waiting for these is waiting for the kubelet's next step.
const USUAL: [&str; 3] = ["ContainerCreating", "PodInitializing", ""];

pub fn of(pod: Option<&Pod>, container: &str, read: Option<i32>) -> Outlook {
    let Some(pod) = pod else { return if read.is_some() { Outlook::Over } else { Outlook::Gone } };
    let mut statuses = pod.status.container_statuses.iter().chain(&pod.status.init_container_statuses);
    let status = statuses.find(|status| status.name == container);
    if let Some(status) = status.filter(|status| has_log(status) && read.is_none_or(|run| status.restart_count > run)) {
        return Outlook::Log { run: status.restart_count };
    }
    let is_over = matches!(pod.status.phase.as_deref(), Some("Succeeded" | "Failed"));
    let waiting = Waiting::of(pod, status.filter(|_| !is_over || pod.status.reason.is_none()));
    if let (Some(status), Some(_)) = (status, read) {
        return match &status.state {
            _ if is_over => Outlook::Over,
            state if state.running.is_some() => Outlook::Running,
            state => match &state.terminated {
                Some(end) if !restarts(pod, container, end.exit_code) => Outlook::Over,
                _ => Outlook::Soon(waiting),
            },
        };
    }
    if read.is_some() {
        return Outlook::Over;
    }
    // A pod without a word about its containers is still to be scheduled, or to be noticed by its kubelet.
    let is_usual = status.is_none() || USUAL.contains(&waiting.reason.as_str());
    match stuck_init(pod).filter(|_| waiting.reason == "PodInitializing") {
        _ if is_over || !is_usual => Outlook::Stuck(waiting),
        Some(init) => Outlook::Stuck(init),
        None => Outlook::Soon(waiting),
    }
}

/// Whether the container ran: one that waits to run again has the log of its last run.
fn has_log(status: &ContainerStatus) -> bool {
    status.state.running.is_some() || status.state.terminated.is_some() || status.last_state.terminated.is_some()
}

/// Whether a container that ended so is run again.
fn restarts(pod: &Pod, container: &str, exit_code: Option<i32>) -> bool {
    let mut containers = pod.spec.containers.iter().chain(&pod.spec.init_containers);
    let own = containers.find(|known| known.name == container).and_then(|known| known.restart_policy.as_deref());
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
#[path = "outlook_tests.rs"]
mod tests;
