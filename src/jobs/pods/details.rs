//! The details of a job: its pods, their containers, and its events. They show an image that cannot be pulled, a pod
//! without a node and an exceeded quota.

use serde::Serialize;

use crate::jobs::pods;
use crate::jobs::pods::exit::{self, Exit};
use crate::jobs::state::{State, state};
use crate::kube::client::Client;
use crate::kube::error::Error;
use crate::kube::names::Namespace;
use crate::kube::types::{self, Condition, ContainerStatus, JobInFull, List, PodTemplate, Time};
use crate::kube::url::Path;

#[derive(Clone, Debug, Serialize)]
pub struct Details {
    pub pods: Vec<Pod>,
    pub events: Vec<Event>,
    /// The exit of a failed job.
    #[serde(skip)]
    pub exit: Option<Exit>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Pod {
    pub name: String,
    pub phase: Option<String>,
    pub node: Option<String>,
    pub start_time: Option<Time>,
    pub deletion_timestamp: Option<Time>,
    pub reason: Option<String>,
    pub message: Option<String>,
    pub conditions: Vec<Condition>,
    pub containers: Vec<Container>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Container {
    pub name: String,
    pub init: bool,
    /// An init container that runs beside the main containers. It does not decide the job's outcome.
    pub sidecar: bool,
    /// A webhook added the container; the job's template does not have it.
    pub injected: bool,
    pub state: &'static str,
    pub reason: Option<String>,
    pub message: Option<String>,
    pub exit_code: Option<i32>,
    pub restart_count: i32,
    pub started_at: Option<Time>,
    pub finished_at: Option<Time>,
    /// The end of the run before this one.
    pub last_state: Option<LastState>,
}

#[derive(Clone, Debug, Serialize)]
pub struct LastState {
    pub reason: Option<String>,
    pub exit_code: Option<i32>,
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

/// Reads the job's pods and events from the cluster at the same time.
pub async fn fetch(client: &Client, namespace: &Namespace, job: &JobInFull) -> Result<Details, Error> {
    let events = Path::events(namespace, &job.metadata.uid);
    let events = client.get::<List<types::Event>>(&events);
    let (pods, events) = tokio::try_join!(pods::list(client, namespace, job), events)?;
    Ok(Details::new(job, pods, events.items.unwrap_or_default()))
}

impl Details {
    fn new(job: &JobInFull, pods: Vec<types::Pod>, mut events: Vec<types::Event>) -> Self {
        events.sort_by(|a, b| last_seen(a).cmp(&last_seen(b)));
        let has_failed = state(job.spec.suspend, &job.status).0 == State::Failed;
        let exit = if has_failed { exit::find(job, &pods) } else { None };
        let pods = pods.into_iter().map(|pod| Pod::new(&job.spec.template, pod));
        Self { pods: pods.collect(), events: events.into_iter().map(Event::new).collect(), exit }
    }
}

fn last_seen(event: &types::Event) -> Option<&Time> {
    event.last_timestamp.as_ref().or(event.event_time.as_ref())
}

impl Pod {
    fn new(template: &PodTemplate, pod: types::Pod) -> Self {
        let is_sidecar = |status: &ContainerStatus| pod.is_sidecar(&status.name);
        let sidecars: Vec<bool> = pod.status.init_container_statuses.iter().map(is_sidecar).collect();
        // A pod without a node has no container statuses.
        let (unscheduled_reason, unscheduled_message) =
            pods::unscheduled(&pod.status).map_or((None, None), |c| (c.reason.clone(), c.message.clone()));
        let types::PodStatus {
            phase,
            reason,
            message,
            start_time,
            conditions,
            init_container_statuses,
            container_statuses,
        } = pod.status;
        let init = init_container_statuses.into_iter().zip(sidecars);
        let init = init.map(|(status, sidecar)| Container { init: true, sidecar, ..Container::new(template, status) });
        let main = container_statuses.into_iter().map(|status| Container::new(template, status));
        Self {
            name: pod.metadata.name,
            phase,
            node: pod.spec.node_name,
            start_time,
            deletion_timestamp: pod.metadata.deletion_timestamp,
            reason: reason.or(unscheduled_reason),
            message: message.or(unscheduled_message),
            conditions,
            containers: init.chain(main).collect(),
        }
    }
}

impl Container {
    fn new(template: &PodTemplate, status: ContainerStatus) -> Self {
        let injected = exit::is_injected(template, &status.name);
        let last_state = status.last_state.terminated.map(|end| LastState {
            reason: end.reason,
            exit_code: end.exit_code,
            finished_at: end.finished_at,
        });
        let state = status.state;
        let (name, detail) = match (state.terminated, state.running, state.waiting) {
            (Some(detail), _, _) => ("terminated", detail),
            (_, Some(detail), _) => ("running", detail),
            (_, _, waiting) => ("waiting", waiting.unwrap_or_default()),
        };
        Self {
            name: status.name,
            init: false,
            sidecar: false,
            injected,
            state: name,
            reason: detail.reason,
            message: detail.message,
            exit_code: detail.exit_code,
            restart_count: status.restart_count,
            started_at: detail.started_at,
            finished_at: detail.finished_at,
            last_state,
        }
    }
}

impl Event {
    fn new(event: types::Event) -> Self {
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
#[path = "details_tests.rs"]
mod tests;
