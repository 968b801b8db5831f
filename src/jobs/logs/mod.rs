//! Which logs of a job are read, in which order, and what it means if one is refused. Decides from what the cluster
//! says of job and pods; whether a log is worth waiting for is `outlook`'s, sending what is read is for whoever asked.

pub mod availability;

use std::fmt;

use crate::jobs::logs::availability::Waiting;
use crate::jobs::pods;
use crate::jobs::state::{State, state};
use crate::kube::client::Client;
use crate::kube::client::retry::Attempts;
use crate::kube::client::stream::Stream;
use crate::kube::error::Error;
use crate::kube::names::{BadName, ContainerName, JobName, Namespace, PodName};
use crate::kube::refusal::Refusal;
use crate::kube::types::{Container, JobInFull, Pod, Status};
use crate::kube::url::{LogOptions, Path};

/// A job and its pods at one time, the oldest pod first.
#[derive(Clone, Debug)]
pub struct Seen {
    pub job: JobInFull,
    pub pods: Vec<Pod>,
}

/// What was asked for and is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missing {
    Pods { why: String },
    Pod { wanted: String, job: String, pods: Vec<String> },
    Container { wanted: String, pod: String, containers: Vec<String>, init: Vec<String> },
}

/// Why a container has no log, whatever the logs of others are.
#[derive(Debug)]
pub enum LogUnavailable {
    Waiting(Waiting),
    /// It did not run before the run that it is in.
    NoPrevious,
    /// Its pod is.
    Gone,
    /// The node of its pod is.
    NodeGone(String),
    /// The kubelet says so instead of sending it.
    Kubelet(String),
    Refused(Error),
}

impl Seen {
    pub async fn look(session: &Client, namespace: &Namespace, name: &JobName) -> Result<Self, Error> {
        // The job first: if it is finished by now, it has no pod that the second question does not find.
        let job: JobInFull = session.get(&Path::job(namespace, name)).await?;
        let pods = pods::of(session, namespace, &job).await?;
        Ok(Self { job, pods })
    }

    /// Whether no further pod will come.
    pub fn is_over(&self) -> bool {
        state(self.job.spec.suspend, &self.job.status).0.is_final() || self.job.metadata.deletion_timestamp.is_some()
    }

    pub fn find(&self, name: &str) -> Option<&Pod> {
        self.pods.iter().find(|pod| pod.metadata.name == name)
    }

    /// The pod of this name, or the newest.
    pub fn pod(&self, wanted: Option<&PodName>) -> Result<&Pod, Missing> {
        let Some(wanted) = wanted else {
            return self.pods.last().ok_or_else(|| self.without_pods());
        };
        self.find(wanted.as_str()).ok_or_else(|| Missing::Pod {
            wanted: wanted.to_string(),
            job: self.job.metadata.name.clone(),
            pods: self.pods.iter().rev().map(|pod| pod.metadata.name.clone()).collect(),
        })
    }

    fn without_pods(&self) -> Missing {
        let why = match state(self.job.spec.suspend, &self.job.status).0 {
            State::Suspended => "is suspended and has no pod",
            State::Completed | State::Failed => "has finished, and its pods are gone",
            _ if self.is_over() => "is being deleted, and its pods are gone",
            State::Pending => "has no pod yet; get-job-status with details=true shows what keeps it",
            State::Running => "has no pod at this moment",
        };
        Missing::Pods { why: format!("job {} {why}", self.job.metadata.name) }
    }
}

/// The container of this name, or the default one: the annotation's, as of kubectl, or the first. A webhook may have put
/// containers of its own into the pod, so the default one is of the job's template.
pub fn container<'a>(job: &JobInFull, pod: &'a Pod, wanted: Option<&ContainerName>) -> Result<&'a str, Missing> {
    let find = |name: &str| all(pod).map(|container| container.name.as_str()).find(|known| *known == name);
    let template = &job.spec.template.spec;
    let is_own = |name: &str| {
        let mut own = template.containers.iter().chain(&template.init_containers);
        template.containers.is_empty() || own.any(|container| container.name == name)
    };
    let chosen = || {
        let name = pod.metadata.annotations.get("kubectl.kubernetes.io/default-container")?;
        find(name).filter(|name| is_own(name))
    };
    let own = || template.containers.iter().find_map(|container| find(&container.name));
    let first = || pod.spec.containers.first().map(|container| container.name.as_str());
    let default = || chosen().or_else(own).or_else(first);
    let found = wanted.map_or_else(default, |wanted| find(wanted.as_str()));
    let names = |containers: &[Container]| containers.iter().map(|container| container.name.clone()).collect();
    found.ok_or_else(|| Missing::Container {
        wanted: wanted.map(ToString::to_string).unwrap_or_default(),
        pod: pod.metadata.name.clone(),
        containers: names(&pod.spec.containers),
        init: names(&pod.spec.init_containers),
    })
}

/// The containers (or the one of this name) in the order in which they can be read to their ends: sidecars end last,
/// although they begin first.
pub fn containers<'a>(pod: &'a Pod, only: Option<&ContainerName>) -> Vec<&'a str> {
    let (sidecars, init): (Vec<_>, Vec<_>) = pod.spec.init_containers.iter().partition(|init| init.is_sidecar());
    let names = init.into_iter().chain(&pod.spec.containers).chain(sidecars).map(|container| container.name.as_str());
    names.filter(|name| only.is_none_or(|only| only.as_str() == *name)).collect()
}

fn all(pod: &Pod) -> impl Iterator<Item = &Container> {
    pod.spec.containers.iter().chain(&pod.spec.init_containers)
}

/// Begins to read. A request that surely brought nothing is made again.
pub async fn open(
    session: &Client,
    namespace: &Namespace,
    (pod, container): (&str, &str),
    options: &LogOptions,
) -> Result<Stream, Error> {
    let unheard_of = |name: BadName| Error::BadReply(name.to_string());
    let pod = PodName::parse(pod).map_err(unheard_of)?;
    let container = ContainerName::parse(container).map_err(unheard_of)?;
    let path = Path::pod_log(namespace, &pod, &container, options);
    let mut attempts = Attempts::default();
    loop {
        let error = match session.open(&path).await {
            Ok(stream) => return Ok(stream),
            Err(error) => error,
        };
        if !session.pause_before_open(&path, &error, &mut attempts).await {
            return Err(error);
        }
    }
}

impl LogUnavailable {
    /// What this refusal says of the one container. Anything that would be said of all of them is an error still.
    pub fn of(error: Error, pod: &str) -> Result<Self, Error> {
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

/// What is not found, if it is not this pod: its node then, however the API server calls it. Pods outlive theirs for a
/// while.
fn missing_node(error: &Error, pod: &str) -> Option<String> {
    let details = error.refusal(404, "NotFound")?.status.details.as_ref()?;
    (!details.name.is_empty() && details.name != pod).then(|| details.name.clone())
}

/// What is said of a job whose name another job has now.
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

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pods { why } => f.write_str(why),
            Self::Pod { wanted, job, pods } => write!(f, "job {job} has no pod {wanted}; it has {}", listed(pods)),
            Self::Container { wanted, pod, containers, init } => {
                write!(f, "pod {pod} has no container {wanted}; it has {}", listed(containers))?;
                if init.is_empty() { Ok(()) } else { write!(f, ", and the init containers {}", listed(init)) }
            }
        }
    }
}

/// Some names; a job may have thousands of pods.
fn listed(names: &[String]) -> String {
    const MOST: usize = 10;
    match names.len() {
        0 => "none".to_owned(),
        many if many > MOST => format!("{} and {} more", names[..MOST].join(", "), many - MOST),
        _ => names.join(", "),
    }
}

#[cfg(test)]
#[path = "logs_tests.rs"]
mod tests;
