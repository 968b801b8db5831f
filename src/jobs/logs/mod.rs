//! Chooses the logs of a job to read and their order, and explains refusals. [`availability`] decides whether a log is
//! worth waiting for.

pub mod availability;

use std::fmt;

use crate::jobs::logs::availability::Waiting;
use crate::jobs::pods::{self, exit};
use crate::jobs::state::{State, state};
use crate::jobs::text::listed;
use crate::kube::client::Client;
use crate::kube::client::retry::Attempts;
use crate::kube::client::stream::Stream;
use crate::kube::error::Error;
use crate::kube::names::{BadName, ContainerName, JobName, Namespace, PodName};
use crate::kube::refusal::Refusal;
use crate::kube::types::{Container, JobInFull, Pod, Status};
use crate::kube::url::{LogOptions, Path};

/// A missing pod or container is reported with at most this many others.
const MAX_NAMES: usize = 10;

/// A job and its pods at one time, the oldest pod first.
#[derive(Clone, Debug)]
pub struct JobPods {
    pub job: JobInFull,
    pub pods: Vec<Pod>,
}

/// The pod or container that the caller asked for does not exist. `reason` is that of the error document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    pub reason: &'static str,
    pub message: String,
}

/// The reason if the job has no pods.
pub const NO_PODS: &str = "no_pods";

/// Why one container has no log.
#[derive(Debug)]
pub enum LogUnavailable {
    Waiting(Waiting),
    /// The container did not run before its current run.
    NoPrevious,
    /// The pod is gone.
    Gone,
    /// The pod's node of this name is gone.
    NodeGone(String),
    /// The kubelet sent this error in place of the log.
    Kubelet(String),
    Refused(Error),
}

impl JobPods {
    pub async fn fetch(client: &Client, namespace: &Namespace, name: &JobName) -> Result<Self, Error> {
        // The job first: if it is finished, the list of pods holds all its pods.
        let job: JobInFull = client.get(&Path::job(namespace, name)).await?;
        let pods = pods::list(client, namespace, &job).await?;
        Ok(Self { job, pods })
    }

    /// Whether the job gets no further pods.
    pub fn is_over(&self) -> bool {
        state(self.job.spec.suspend, &self.job.status).0.is_final() || self.job.metadata.deletion_timestamp.is_some()
    }

    pub fn find(&self, name: &str) -> Option<&Pod> {
        self.pods.iter().find(|pod| pod.metadata.name == name)
    }

    /// Returns the pod of this name, or the newest pod.
    pub fn pod(&self, wanted: Option<&PodName>) -> Result<&Pod, Missing> {
        let Some(wanted) = wanted else {
            return self.pods.last().ok_or_else(|| self.without_pods());
        };
        self.find(wanted.as_str()).ok_or_else(|| {
            let pods = names(self.pods.iter().rev().map(|pod| &pod.metadata.name));
            let message = format!("job {} has no pod {wanted}; it has {pods}", self.job.metadata.name);
            Missing { reason: "pod_not_found", message }
        })
    }

    fn without_pods(&self) -> Missing {
        let why = match state(self.job.spec.suspend, &self.job.status).0 {
            State::Suspended => "is suspended and has no pod",
            State::Completed | State::Failed => "has finished, and its pods are gone",
            _ if self.is_over() => "is being deleted, and its pods are gone",
            State::Pending => "has no pod yet; get-job-status with details=true shows what keeps it",
            State::Running => "has no pod now",
        };
        Missing { reason: NO_PODS, message: format!("job {} {why}", self.job.metadata.name) }
    }
}

/// Returns the container of this name, or the default container: that of kubectl's annotation, or the first. A webhook may
/// add containers to the pod, so the default must be in the job's template.
pub fn container<'a>(job: &JobInFull, pod: &'a Pod, wanted: Option<&ContainerName>) -> Result<&'a str, Missing> {
    let find = |name: &str| all(pod).map(|container| container.name.as_str()).find(|known| *known == name);
    let template = &job.spec.template;
    let annotated = || {
        let name = pod.metadata.annotations.get("kubectl.kubernetes.io/default-container")?;
        find(name).filter(|name| !exit::is_injected(template, name))
    };
    let own = || template.spec.containers.iter().find_map(|container| find(&container.name));
    let first = || pod.spec.containers.first().map(|container| container.name.as_str());
    let default = || annotated().or_else(own).or_else(first);
    let found = wanted.map_or_else(default, |wanted| find(wanted.as_str()));
    found.ok_or_else(|| {
        let names = |containers: &[Container]| names(containers.iter().map(|container| &container.name));
        let (wanted, pod_name) = (wanted.map(ToString::to_string).unwrap_or_default(), &pod.metadata.name);
        let (main, init) = (names(&pod.spec.containers), names(&pod.spec.init_containers));
        let init = if pod.spec.init_containers.is_empty() {
            String::new()
        } else {
            format!(", and the init containers {init}")
        };
        let message = format!("pod {pod_name} has no container {wanted}; it has {main}{init}");
        Missing { reason: "container_not_found", message }
    })
}

fn names<'a>(names: impl Iterator<Item = &'a String>) -> String {
    listed(&names.cloned().collect::<Vec<_>>(), MAX_NAMES)
}

/// Returns the containers, or the one of this name, in the order in which they end. Sidecars begin first and end last.
pub fn containers<'a>(pod: &'a Pod, only: Option<&ContainerName>) -> Vec<&'a str> {
    let (sidecars, init): (Vec<_>, Vec<_>) = pod.spec.init_containers.iter().partition(|init| init.is_sidecar());
    let names = init.into_iter().chain(&pod.spec.containers).chain(sidecars).map(|container| container.name.as_str());
    names.filter(|name| only.is_none_or(|only| only.as_str() == *name)).collect()
}

fn all(pod: &Pod) -> impl Iterator<Item = &Container> {
    pod.spec.containers.iter().chain(&pod.spec.init_containers)
}

/// Opens the log. A failed request is sent again if no part of the log was read.
pub async fn open(
    client: &Client,
    namespace: &Namespace,
    (pod, container): (&str, &str),
    options: &LogOptions,
) -> Result<Stream, Error> {
    let bad_reply = |name: BadName| Error::BadReply(name.to_string());
    let pod = PodName::parse(pod).map_err(bad_reply)?;
    let container = ContainerName::parse(container).map_err(bad_reply)?;
    let path = Path::pod_log(namespace, &pod, &container, options);
    let mut attempts = Attempts::default();
    loop {
        let error = match client.open(&path).await {
            Ok(stream) => return Ok(stream),
            Err(error) => error,
        };
        if !client.pause_before_open(&path, &error, &mut attempts).await {
            return Err(error);
        }
    }
}

impl LogUnavailable {
    /// Explains the refusal of one container's log. An error that concerns all containers is returned.
    pub fn from_refusal(error: Error, pod: &str) -> Result<Self, Error> {
        if let Some(node) = missing_node(&error, pod) {
            return Ok(Self::NodeGone(node));
        }
        match &error {
            _ if error.is_not_found() => Ok(Self::Gone),
            Error::Refused(refusal) if refusal.is_no_previous_run() => Ok(Self::NoPrevious),
            Error::Refused(refusal) if refusal.code == 400 || refusal.code >= 500 => Ok(Self::Refused(error)),
            _ => Err(error),
        }
    }
}

/// Returns the missing object if it is not the pod itself: then it is the pod's node. Pods outlive their node for a while.
fn missing_node(error: &Error, pod: &str) -> Option<String> {
    let details = error.refusal(404, "NotFound")?.status.details.as_ref()?;
    (!details.name.is_empty() && details.name != pod).then(|| details.name.clone())
}

/// The error for a job whose name another job has now.
pub fn replaced(job: &JobInFull) -> Error {
    let message = format!("job {} was deleted, and another job has its name", job.metadata.name);
    let status = Status { reason: "NotFound".to_owned(), message, ..Status::default() };
    Error::Refused(Box::new(Refusal::new(404, status, None)))
}

impl fmt::Display for LogUnavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Waiting(waiting) => write!(f, "waiting: {waiting}"),
            Self::NoPrevious => f.write_str("no previous run"),
            Self::Gone => f.write_str("gone"),
            Self::NodeGone(node) => write!(f, "gone with its node {node}"),
            Self::Kubelet(text) => f.write_str(text),
            Self::Refused(error) => error.fmt(f),
        }
    }
}

#[cfg(test)]
#[path = "logs_tests.rs"]
mod tests;
