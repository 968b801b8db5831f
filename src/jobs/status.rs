//! The jobs in the store: [`Status`].

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::jobs::batches::membership::Membership;
use crate::jobs::pods::exit::Exit;
use crate::jobs::state::{State, state};
pub use crate::jobs::status_object::template_of;
use crate::jobs::status_object::{json, version};
use crate::kube::client::Body;
use crate::kube::names::{JobName, Namespace};
use crate::kube::types::{Job, Labels, Time};
use crate::kube::watcher::Version;
use crate::util::template_name::TemplateName;

/// A job in the store: the fields that filters need, and the status object as JSON, serialized once for all readers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// `namespace/name`.
    pub key: Arc<str>,
    pub uid: Box<str>,
    pub version: Version,
    /// In seconds since 1970; 0 if unknown.
    pub created: i64,
    pub state: State,
    /// In seconds since 1970, as is the end.
    pub started_at: Option<i64>,
    /// None before the end.
    pub ended_at: Option<i64>,
    /// All keys and values in one allocation.
    labels: Box<str>,
    /// Where each key and each value ends.
    label_ends: Box<[(u32, u32)]>,
    template: Option<Box<str>>,
    batch: Option<Box<Membership>>,
    /// The webhooks that get the end, as the annotation names them.
    notify: Option<Box<str>>,
    /// When the deletion began, in seconds since 1970.
    pub deleted_at: Option<i64>,
    /// The image of each container, as a JSON object. Only the history needs them.
    images: Option<Box<str>>,
    json: Body,
    exit: Option<Box<KnownExit>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct KnownExit {
    exit: Exit,
    /// The status object for callers that may not list pods.
    json_without: Body,
}

impl Status {
    /// `cluster` is the name that callers use.
    pub fn new(cluster: &str, job: &Job) -> Self {
        let metadata = &job.metadata;
        let seconds = |time: Option<&Time>| time.and_then(Time::parse).map(time::OffsetDateTime::unix_timestamp);
        let (state, decided) = state(job.spec.suspend, &job.status);
        let (labels, label_ends) = joined(&metadata.labels);
        let decided_at = seconds(decided.and_then(|condition| condition.last_transition_time.as_ref()));
        let ended_at = seconds(job.status.completion_time.as_ref()).or(decided_at).filter(|_| state.is_final());
        Self {
            key: [&*metadata.namespace, "/", &*metadata.name].concat().into(),
            uid: metadata.uid.as_str().into(),
            version: version(job),
            created: seconds(metadata.creation_timestamp.as_ref()).unwrap_or_default(),
            state,
            started_at: seconds(job.status.start_time.as_ref()),
            ended_at,
            labels,
            label_ends: label_ends.into(),
            template: template_of(job).map(|(template, _)| template.into()),
            batch: Membership::of(job).map(Box::new),
            notify: metadata.annotations.notify.clone(),
            deleted_at: seconds(metadata.deletion_timestamp.as_ref()),
            images: None,
            json: json(cluster, job, None),
            exit: None,
        }
    }

    /// Returns the status with the exit of the container that decided the job's failure.
    pub fn with_exit(cluster: &str, job: &Job, exit: Exit) -> Self {
        let status = Self::new(cluster, job);
        let json_without = status.json;
        Self { json: json(cluster, job, Some(&exit)), exit: Some(Box::new(KnownExit { exit, json_without })), ..status }
    }

    /// Keeps the images of the job's containers, for the history.
    #[must_use]
    pub fn with_images(self, job: &Job) -> Self {
        let spec = &job.spec.template.spec;
        let images = spec.init_containers.iter().chain(&spec.containers).map(|container| {
            let image = container.image.as_deref().unwrap_or_default();
            (container.name.as_str(), image)
        });
        let images = serde_json::to_string(&images.collect::<BTreeMap<_, _>>()).ok().map(Into::into);
        Self { images, ..self }
    }

    /// Returns the image of each container as a JSON object, if it is kept.
    pub fn images(&self) -> Option<&str> {
        self.images.as_deref()
    }

    pub fn exit(&self) -> Option<&Exit> {
        self.exit.as_ref().map(|known| &known.exit)
    }

    /// Returns the status for callers that may not list pods.
    #[must_use]
    pub fn without_exit(&self) -> Self {
        let json = self.exit.as_ref().map_or(&self.json, |known| &known.json_without).clone();
        Self { json, exit: None, ..self.clone() }
    }

    pub fn key(&self) -> &str {
        &self.key
    }

    pub fn namespace(&self) -> &str {
        self.key.split_once('/').map_or("", |(namespace, _)| namespace)
    }

    pub fn name(&self) -> &str {
        self.key.split_once('/').map_or("", |(_, name)| name)
    }

    /// Returns how long the job ran. None before the end, or if its start is unknown.
    pub fn run_seconds(&self) -> Option<u32> {
        let (start, end) = self.started_at.zip(self.ended_at)?;
        (end - start).try_into().ok()
    }

    /// Returns the job's part in a batch, if it has one.
    pub fn batch(&self) -> Option<&Membership> {
        self.batch.as_deref()
    }

    /// Returns the value of the annotation `eks-api/notify`.
    pub fn notify(&self) -> Option<&str> {
        self.notify.as_deref()
    }

    /// Whether it is the head of a batch. To callers a head is not a job.
    pub fn is_batch_head(&self) -> bool {
        matches!(self.batch(), Some(Membership::Head(_)))
    }

    /// Returns the entity tag without quotes. It changes with the resource version, and when the exit becomes known.
    /// `prefix` is that of the cluster.
    pub fn tag(&self, prefix: &str) -> String {
        let exit = if self.exit.is_some() { "-exit" } else { "" };
        format!("{prefix}{}{exit}", self.version)
    }

    /// Returns the status object.
    pub fn json(&self) -> Body {
        self.json.clone()
    }

    /// Whether the job was made from this template.
    pub fn is_from(&self, template: &TemplateName) -> bool {
        let own = self.template.as_deref().and_then(|own| own.split_once('/'));
        own == Some((template.kind().name(), template.name()))
    }

    /// Returns the labels in the order of their keys.
    pub fn labels(&self) -> impl Iterator<Item = (&str, &str)> {
        let mut begin = 0;
        self.label_ends.iter().map(move |(key_end, value_end)| {
            let (key_end, value_end) = (*key_end as usize, *value_end as usize);
            let label = (&self.labels[begin..key_end], &self.labels[key_end..value_end]);
            begin = value_end;
            label
        })
    }
}

/// Joins the labels. Kubernetes limits an object to some MiB, so a u32 suffices.
fn joined(labels: &Labels) -> (Box<str>, Vec<(u32, u32)>) {
    let (mut text, mut ends) = (String::new(), Vec::with_capacity(labels.0.len()));
    for (key, value) in &labels.0 {
        text.push_str(key);
        let key_end = text.len();
        text.push_str(value);
        if let (Ok(key_end), Ok(value_end)) = (u32::try_from(key_end), u32::try_from(text.len())) {
            ends.push((key_end, value_end));
        }
    }
    (text.into(), ends)
}

/// Returns the [`Status::key`] of these names.
pub fn key(namespace: &Namespace, name: &JobName) -> String {
    [namespace.as_str(), "/", name.as_str()].concat()
}

#[cfg(test)]
#[path = "status_tests.rs"]
mod tests;
