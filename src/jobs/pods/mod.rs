//! The pods that a job controls.

pub mod details;
pub mod exit;
pub mod exit_lookup;

use crate::kube::client::Client;
use crate::kube::error::Error;
use crate::kube::names::Namespace;
use crate::kube::types::{Condition, JobInFull, List, Pod, PodStatus};
use crate::kube::url::Path;

/// Lists the job's pods, the oldest first.
///
/// Two jobs may have the same selector, but a pod has one controller.
pub async fn list(client: &Client, namespace: &Namespace, job: &JobInFull) -> Result<Vec<Pod>, Error> {
    // Kubernetes gives each job a selector.
    let Some(selector) = &job.spec.selector else { return Ok(Vec::new()) };
    let path = Path::pods(namespace, &selector.to_query());
    let mut pods = client.get::<List<Pod>>(&path).await?.items.unwrap_or_default();
    pods.retain(|pod| is_controlled_by(pod, &job.metadata.uid));
    pods.sort_by(|a, b| {
        let (a, b) = (&a.metadata, &b.metadata);
        a.creation_timestamp.cmp(&b.creation_timestamp).then_with(|| a.name.cmp(&b.name))
    });
    Ok(pods)
}

fn is_controlled_by(pod: &Pod, uid: &str) -> bool {
    pod.metadata.owner_references.iter().any(|owner| owner.uid == uid && owner.controller != Some(false))
}

/// The condition that says why the pod has no node yet.
pub fn unscheduled(status: &PodStatus) -> Option<&Condition> {
    status.conditions.iter().find(|condition| condition.r#type == "PodScheduled" && condition.status == "False")
}
