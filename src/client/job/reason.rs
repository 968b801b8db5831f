//! Why a job waits, in one sentence, from its status with details: [`of`].

use crate::client::job::status::{Container, Event, Pod, Status};

/// The waiting reasons of a container whose pod starts normally.
const NORMAL: [&str; 2] = ["ContainerCreating", "PodInitializing"];

/// Returns why the job waits; `None` if it has ended or a pod runs.
pub fn of(status: &Status) -> Option<String> {
    if status.is_final() {
        return None;
    }
    if status.deletion_timestamp.is_some() {
        return Some("the job is being deleted".to_owned());
    }
    let live: Vec<&Pod> = status.pods.iter().filter(|pod| !pod.has_ended()).collect();
    let trouble = live.iter().find_map(|pod| pod.trouble());
    let starting = || live.iter().find(|pod| !pod.is_running()).map(|pod| pod.starting());
    match (trouble, live.is_empty()) {
        (Some(trouble), _) => Some(trouble),
        (None, false) if live.iter().any(|pod| pod.is_running()) => None,
        (None, false) => starting(),
        (None, true) if status.state == "suspended" => Some("the job is suspended".to_owned()),
        (None, true) => Some(status.without_pods()),
    }
}

impl Status {
    /// Says why the job has no live pod.
    fn without_pods(&self) -> String {
        // The newest event comes last. A refusal before the creation of a pod is outdated.
        let events = self.events.iter().rev().take_while(|event| event.reason.as_deref() != Some("SuccessfulCreate"));
        if let Some(event) = events.into_iter().find(|event| event.r#type.as_deref() == Some("Warning")) {
            return event.text();
        }
        match (self.pods.last(), &self.managed_by) {
            (Some(pod), _) => {
                let how = pod.reason.as_deref().map(|reason| format!(" ({reason})")).unwrap_or_default();
                format!("pod {} has ended{how}, and the next one is not created yet", pod.name)
            }
            (None, Some(controller)) => format!("its controller {controller} has not created a pod yet"),
            (None, None) => "the cluster has not created a pod yet".to_owned(),
        }
    }
}

impl Pod {
    pub fn has_ended(&self) -> bool {
        matches!(self.phase.as_deref(), Some("Succeeded" | "Failed"))
    }

    fn is_running(&self) -> bool {
        self.containers.iter().any(|container| container.state == "running")
    }

    /// Says what blocks the pod.
    fn trouble(&self) -> Option<String> {
        let stuck = self.containers.iter().find(|container| container.is_stuck());
        if let Some(container) = stuck {
            return Some(format!("container {} of pod {}: {}", container.name, self.name, container.text()));
        }
        let reason = self.reason.as_deref()?;
        Some(joined(&format!("pod {}: {reason}", self.name), self.message.as_deref()))
    }

    fn starting(&self) -> String {
        match &self.node {
            Some(node) => format!("pod {} is being started on node {node}", self.name),
            None => format!("pod {} has no node yet", self.name),
        }
    }
}

impl Container {
    fn is_stuck(&self) -> bool {
        self.state == "waiting" && self.reason.as_deref().is_some_and(|reason| !NORMAL.contains(&reason))
    }

    fn text(&self) -> String {
        joined(self.reason.as_deref().unwrap_or_default(), self.message.as_deref())
    }
}

impl Event {
    fn text(&self) -> String {
        joined(self.reason.as_deref().unwrap_or("Warning"), self.message.as_deref())
    }
}

fn joined(what: &str, message: Option<&str>) -> String {
    match message {
        Some(message) => format!("{what}: {message}"),
        None => what.to_owned(),
    }
}

/// Returns the reason without the words that differ between attempts: the names of pods, and the two reasons of an image
/// that cannot be pulled.
pub fn key(reason: &str, job_name: &str) -> String {
    let prefix = format!("{job_name}-");
    let words = reason.split([' ', '"', ':']).filter(|word| !word.starts_with(&prefix));
    let words: Vec<&str> = words.collect();
    if words.iter().any(|word| ["ErrImagePull", "ImagePullBackOff"].contains(word)) {
        return "ImagePullBackOff".to_owned();
    }
    words.join(" ")
}

#[cfg(test)]
#[path = "reason_tests.rs"]
mod tests;
