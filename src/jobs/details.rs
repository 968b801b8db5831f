//! What a Job's own status does not say: its pods, container by container, and its events. With these an image that
//! cannot be pulled, a pod that fits no node and a refused quota can be read without kubectl.

use serde::Serialize;

use super::pods;
use crate::kube::error::Error;
use crate::kube::name::Namespace;
use crate::kube::path::Path;
use crate::kube::session::Session;
use crate::kube::types::{self, ContainerStatus, JobInFull, List, Time};

#[derive(Clone, Debug, Serialize)]
pub struct Details {
    pub pods: Vec<Pod>,
    pub events: Vec<Event>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Pod {
    pub name: String,
    pub phase: Option<String>,
    pub node: Option<String>,
    pub start_time: Option<Time>,
    pub reason: Option<String>,
    pub message: Option<String>,
    pub containers: Vec<Container>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Container {
    pub name: String,
    pub init: bool,
    pub state: &'static str,
    pub reason: Option<String>,
    pub message: Option<String>,
    pub exit_code: Option<i32>,
    pub restart_count: i32,
    pub started_at: Option<Time>,
    pub finished_at: Option<Time>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Event {
    pub r#type: Option<String>,
    pub reason: Option<String>,
    pub message: Option<String>,
    pub count: i32,
    pub first_timestamp: Option<Time>,
    pub last_timestamp: Option<Time>,
}

/// Asks the cluster for the job's pods and events, both at once.
pub async fn of(session: &Session, namespace: &Namespace, job: &JobInFull) -> Result<Details, Error> {
    let events = Path::events(namespace, &job.metadata.uid);
    let events = session.get::<List<types::Event>>(&events);
    let (pods, events) = tokio::try_join!(pods::of(session, namespace, job), events)?;
    Ok(Details::new(pods, events.items.unwrap_or_default()))
}

impl Details {
    fn new(pods: Vec<types::Pod>, mut events: Vec<types::Event>) -> Self {
        events.sort_by(|a, b| last_seen(a).cmp(&last_seen(b)));
        Self { pods: pods.into_iter().map(Pod::of).collect(), events: events.into_iter().map(Event::of).collect() }
    }
}

fn last_seen(event: &types::Event) -> Option<&Time> {
    event.last_timestamp.as_ref().or(event.event_time.as_ref())
}

impl Pod {
    fn of(pod: types::Pod) -> Self {
        let types::PodStatus {
            phase,
            reason,
            message,
            start_time,
            conditions,
            init_container_statuses,
            container_statuses,
        } = pod.status;
        // A pod that fits no node has no container to speak for it: its condition does.
        let unscheduled = conditions.into_iter().find(|c| c.r#type == "PodScheduled" && c.status == "False");
        let (unscheduled_reason, unscheduled_message) = unscheduled.map_or((None, None), |c| (c.reason, c.message));
        let init = init_container_statuses.into_iter().map(|status| Container::of(status, true));
        let main = container_statuses.into_iter().map(|status| Container::of(status, false));
        Self {
            name: pod.metadata.name,
            phase,
            node: pod.spec.node_name,
            start_time,
            reason: reason.or(unscheduled_reason),
            message: message.or(unscheduled_message),
            containers: init.chain(main).collect(),
        }
    }
}

impl Container {
    fn of(status: ContainerStatus, init: bool) -> Self {
        let state = status.state;
        let (name, detail) = match (state.terminated, state.running, state.waiting) {
            (Some(detail), _, _) => ("terminated", detail),
            (_, Some(detail), _) => ("running", detail),
            (_, _, waiting) => ("waiting", waiting.unwrap_or_default()),
        };
        Self {
            name: status.name,
            init,
            state: name,
            reason: detail.reason,
            message: detail.message,
            exit_code: detail.exit_code,
            restart_count: status.restart_count,
            started_at: detail.started_at,
            finished_at: detail.finished_at,
        }
    }
}

impl Event {
    fn of(event: types::Event) -> Self {
        Self {
            r#type: event.r#type,
            reason: event.reason,
            message: event.message,
            count: event.count.unwrap_or(1),
            first_timestamp: event.first_timestamp.or_else(|| event.event_time.clone()),
            last_timestamp: event.last_timestamp.or(event.event_time),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn items<T: serde::de::DeserializeOwned>(recording: &str) -> Vec<T> {
        let recording: Value = serde_json::from_str(recording).unwrap();
        serde_json::from_value(recording["response"]["body"]["items"].clone()).unwrap()
    }

    #[test]
    fn a_failed_pod_shows_its_exit_code_and_the_events_their_reason() {
        let pods = items(include_str!("../../fixtures/kubernetes-1.36/pods-of-job-failed.json"));
        let events = items(include_str!("../../fixtures/kubernetes-1.36/events-of-job.json"));
        let details = serde_json::to_value(Details::new(pods, events)).unwrap();
        let pod = &details["pods"][0];
        assert_eq!(
            (&pod["name"], &pod["phase"], &pod["node"]),
            (&json!("fails-nzvw9"), &json!("Failed"), &json!("lab-node"))
        );
        let container = &pod["containers"][0];
        assert_eq!((&container["state"], &container["exit_code"]), (&json!("terminated"), &json!(3)));
        assert_eq!(container["finished_at"], "2026-11-23T14:28:37+00:00");
        assert_eq!(details["events"][1]["reason"], "BackoffLimitExceeded");
    }

    #[test]
    fn an_image_that_cannot_be_pulled_is_named() {
        let pods = items(include_str!("../../fixtures/kubernetes-1.36/pods-of-job-image-pull-backoff.json"));
        let details = serde_json::to_value(Details::new(pods, Vec::new())).unwrap();
        let container = &details["pods"][0]["containers"][0];
        assert_eq!((&container["state"], &container["reason"]), (&json!("waiting"), &json!("ImagePullBackOff")));
    }

    #[test]
    fn a_pod_that_fits_no_node_says_so() {
        let condition =
            json!({ "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes" });
        let pod = json!({ "metadata": { "name": "p" }, "status": { "phase": "Pending", "conditions": [condition] } });
        let pod = Pod::of(serde_json::from_value(pod).unwrap());
        assert_eq!((pod.reason.as_deref(), pod.message.as_deref()), (Some("Unschedulable"), Some("0/3 nodes")));
    }

    #[test]
    fn a_refused_quota_is_in_the_events() {
        let events = items(include_str!("../../fixtures/kubernetes-1.36/events-of-job-quota-blocked.json"));
        let details = Details::new(Vec::new(), events);
        assert!(details.events[0].message.as_ref().unwrap().contains("exceeded quota"));
    }
}
