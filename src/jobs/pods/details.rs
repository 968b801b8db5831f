//! What a Job's own status does not say: its pods, container by container, and its events. With these an image that
//! cannot be pulled, a pod that fits no node and a refused quota can be read without kubectl.

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
    /// How the job failed, if its pods say so.
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
    /// An init container that runs beside the others. It does not decide the job's outcome.
    pub sidecar: bool,
    /// Not in the job's template: a webhook put it into the pod.
    pub injected: bool,
    pub state: &'static str,
    pub reason: Option<String>,
    pub message: Option<String>,
    pub exit_code: Option<i32>,
    pub restart_count: i32,
    pub started_at: Option<Time>,
    pub finished_at: Option<Time>,
    /// How the run before this one ended.
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

/// Asks the cluster for the job's pods and events, both at once.
pub async fn of(session: &Client, namespace: &Namespace, job: &JobInFull) -> Result<Details, Error> {
    let events = Path::events(namespace, &job.metadata.uid);
    let events = session.get::<List<types::Event>>(&events);
    let (pods, events) = tokio::try_join!(pods::of(session, namespace, job), events)?;
    Ok(Details::new(job, pods, events.items.unwrap_or_default()))
}

impl Details {
    fn new(job: &JobInFull, pods: Vec<types::Pod>, mut events: Vec<types::Event>) -> Self {
        events.sort_by(|a, b| last_seen(a).cmp(&last_seen(b)));
        let has_failed = state(job.spec.suspend, &job.status).0 == State::Failed;
        let exit = if has_failed { exit::of(job, &pods) } else { None };
        let pods = pods.into_iter().map(|pod| Pod::of(&job.spec.template, pod));
        Self { pods: pods.collect(), events: events.into_iter().map(Event::of).collect(), exit }
    }
}

fn last_seen(event: &types::Event) -> Option<&Time> {
    event.last_timestamp.as_ref().or(event.event_time.as_ref())
}

impl Pod {
    fn of(template: &PodTemplate, pod: types::Pod) -> Self {
        let is_sidecar = |status: &ContainerStatus| pod.is_sidecar(&status.name);
        let sidecars: Vec<bool> = pod.status.init_container_statuses.iter().map(is_sidecar).collect();
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
        let unscheduled = conditions.iter().find(|c| c.r#type == "PodScheduled" && c.status == "False");
        let (unscheduled_reason, unscheduled_message) =
            unscheduled.map_or((None, None), |c| (c.reason.clone(), c.message.clone()));
        let init = init_container_statuses.into_iter().zip(sidecars);
        let init = init.map(|(status, sidecar)| Container { init: true, sidecar, ..Container::of(template, status) });
        let main = container_statuses.into_iter().map(|status| Container::of(template, status));
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
    /// A main container.
    fn of(template: &PodTemplate, status: ContainerStatus) -> Self {
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
#[path = "details_tests.rs"]
mod tests;
