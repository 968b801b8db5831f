//! From what a caller wants to the manifest that is sent: name, namespace, labels and stamp are set, contradictions
//! refused, all else passed through as it came.

mod dump;
mod explain;
mod image;
mod kind;
mod name;
pub mod raw;

use std::fmt;
use std::time::SystemTime;

pub use explain::explain;
use serde_json::{Map, Value};

use crate::jobs::idempotency::{IdempotencyKey, OwnershipStamp};
use crate::jobs::manifest::raw::Members;
use crate::kube::client::Body;
use crate::kube::names::{JobName, Namespace};
use crate::util::text::truncate;

/// The bytes of all keys and values of annotations that Kubernetes takes.
const MAX_ANNOTATIONS: usize = 256 << 10;
/// A warning shows a value up to so many characters, and so many of the fields that were dropped.
const MAX_SHOWN: usize = 63;
const MAX_DROPPED: usize = 30;

/// The caller's own manifest. What need not be changed is passed through as it was written.
pub type Manifest = Members;

/// What a caller asks to have created, as it came, with the circumstances of the call.
#[derive(Debug)]
pub struct CreateJobInput<'a> {
    pub manifest: Manifest,
    pub namespace: Option<&'a str>,
    pub key: Option<IdempotencyKey>,
    pub request_id: &'a str,
    pub now: SystemTime,
}

/// A manifest ready to be sent.
#[derive(Clone, Debug)]
pub struct JobManifest {
    pub namespace: Namespace,
    pub name: JobName,
    /// Whether the name was made here, of random letters.
    pub is_random: bool,
    pub stamp: OwnershipStamp,
    pub manifest: Body,
    pub warnings: Vec<String>,
}

/// What is wrong with a manifest, and where.
#[derive(Debug, PartialEq, Eq)]
pub struct Invalid {
    pub field: &'static str,
    pub message: String,
    /// Whether the form is wrong (a type, a contradiction) rather than a value.
    pub malformed: bool,
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}

impl std::error::Error for Invalid {}

fn malformed(field: &'static str, message: impl Into<String>) -> Invalid {
    Invalid { field, message: message.into(), malformed: true }
}

/// Makes the manifest that is sent, or says which field to change.
pub fn prepare(wanted: CreateJobInput<'_>) -> Result<JobManifest, Invalid> {
    let CreateJobInput { mut manifest, namespace, key, request_id, now } = wanted;
    // Only a key is bound to its body: without one, writing the body out to hash it would be for nothing.
    let identity = if key.is_some() { identity(&manifest, namespace).map_err(unreadable)? } else { Vec::new() };
    let stamp = OwnershipStamp::new(request_id, key.as_ref(), &identity);

    kind::set(&mut manifest)?;
    let mut warnings = Vec::new();
    let mut metadata = object(&manifest, "metadata", "job_manifest.metadata")?;
    if dump::is_dump(&metadata) {
        let dropped = raw::listed(&dump::strip(&mut manifest), MAX_DROPPED);
        warnings
            .push(format!("the manifest is the dump of an existing Job; a new Job is created without its {dropped}"));
        metadata = object(&manifest, "metadata", "job_manifest.metadata")?;
    }
    let spec = raw::object(&manifest, "spec");
    let template = spec.as_ref().and_then(|spec| raw::object(spec, "template"));
    let namespace = agreed_namespace(namespace, &metadata)?;
    let (name, is_made) = name::choose(&metadata, spec.as_ref(), key.as_ref(), now)?;
    metadata.insert("name".to_owned(), raw::write(name.as_str()));
    metadata.insert("namespace".to_owned(), raw::write(namespace.as_str()));
    let labels = labels(&metadata, template.as_ref(), &name, &mut warnings)?;
    metadata.insert("labels".to_owned(), raw::write(&labels));
    metadata.insert("annotations".to_owned(), raw::write(&annotations(&metadata, &stamp)?));
    warnings.extend(image::warnings(template.as_ref()));

    manifest.insert("metadata".to_owned(), raw::write(&metadata));
    let manifest = serde_json::to_vec(&manifest).map_err(unreadable)?.into();
    Ok(JobManifest { namespace, name, is_random: is_made && key.is_none(), stamp, manifest, warnings })
}

impl JobManifest {
    /// Gives the job another random name.
    pub fn rename(&mut self, now: SystemTime) -> Result<(), Invalid> {
        let mut manifest: Manifest = serde_json::from_slice(&self.manifest).map_err(unreadable)?;
        let mut metadata = object(&manifest, "metadata", "job_manifest.metadata")?;
        let mut labels = object(&metadata, "labels", "job_manifest.metadata.labels")?;
        metadata.remove("name");
        (self.name, _) = name::choose(&metadata, raw::object(&manifest, "spec").as_ref(), None, now)?;
        labels.insert("job-id".to_owned(), raw::write(self.name.as_str()));
        metadata.insert("labels".to_owned(), raw::write(&labels));
        metadata.insert("name".to_owned(), raw::write(self.name.as_str()));
        manifest.insert("metadata".to_owned(), raw::write(&metadata));
        self.manifest = serde_json::to_vec(&manifest).map_err(unreadable)?.into();
        Ok(())
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the form that map_err takes")]
fn unreadable(error: serde_json::Error) -> Invalid {
    malformed("job_manifest", error.to_string())
}

/// What a key is bound to: spaces and the order of members do not matter. Stays as it is, or keys lose their jobs.
fn identity(manifest: &Manifest, namespace: Option<&str>) -> serde_json::Result<Vec<u8>> {
    let members: Map<String, Value> = manifest
        .iter()
        // What no number here can hold, such as 1e400, counts as it is written.
        .map(|(key, raw)| (key.clone(), serde_json::from_str(raw.get()).unwrap_or_else(|_| raw.get().into())))
        .collect();
    serde_json::to_vec(&(members, namespace))
}

/// The object under a key; an empty one if it is missing.
fn object(parent: &Members, key: &str, field: &'static str) -> Result<Members, Invalid> {
    let Some(raw) = raw::get(parent, key) else { return Ok(Members::new()) };
    raw::members(raw).ok_or_else(|| malformed(field, "must be an object"))
}

/// A string under a key; missing, null and empty are the same, as in Kubernetes.
fn text(parent: &Members, key: &str, field: &'static str) -> Result<Option<String>, Invalid> {
    let Some(raw) = raw::get(parent, key) else { return Ok(None) };
    let text = raw::string(raw).ok_or_else(|| malformed(field, "must be a string"))?;
    Ok(Some(text).filter(|text| !text.is_empty()))
}

fn agreed_namespace(body: Option<&str>, metadata: &Members) -> Result<Namespace, Invalid> {
    const FIELD: &str = "job_manifest.metadata.namespace";
    let own = text(metadata, "namespace", FIELD)?;
    let (field, chosen) = match (body, own.as_deref()) {
        (Some(body), Some(own)) if body != own => {
            let message = format!("is {own:?}, but namespace is {body:?}: give one of them, or the same in both");
            return Err(malformed(FIELD, message));
        }
        (Some(body), _) => ("namespace", body),
        (None, own) => (FIELD, own.unwrap_or("default")),
    };
    Namespace::parse(chosen).map_err(|error| Invalid { field, message: error.to_string(), malformed: false })
}

/// The labels of the manifest with ours. Kubernetes gives a Job without labels those of its pod template; with ours it
/// would not, so they are copied here.
fn labels(
    metadata: &Members,
    template: Option<&Members>,
    name: &JobName,
    warnings: &mut Vec<String>,
) -> Result<Members, Invalid> {
    const FIELD: &str = "job_manifest.metadata.labels";
    let mut labels = object(metadata, "labels", FIELD)?;
    refuse_own(&labels, FIELD)?;
    let is_own = !labels.is_empty();
    if !is_own {
        let of_pods = template.and_then(|template| raw::object(&raw::object(template, "metadata")?, "labels"));
        labels = of_pods.unwrap_or_default();
        labels.retain(|name, _| !dump::is_own(name));
    }
    for (key, ours) in [("app", "eks-api"), ("job-id", name.as_str())] {
        let replaced = labels.insert(key.to_owned(), raw::write(ours));
        let theirs = replaced.filter(|_| is_own).and_then(|theirs| raw::string(&theirs));
        if let Some(theirs) = theirs.filter(|theirs| theirs != ours) {
            let shown = truncate(&theirs, MAX_SHOWN);
            warnings.push(format!("metadata.labels.{key}: {shown:?} is replaced by {ours:?}, which the service sets"));
        }
    }
    Ok(labels)
}

/// The annotations of the manifest with the stamp.
fn annotations(metadata: &Members, stamp: &OwnershipStamp) -> Result<Members, Invalid> {
    const FIELD: &str = "job_manifest.metadata.annotations";
    let mut annotations = object(metadata, "annotations", FIELD)?;
    refuse_own(&annotations, FIELD)?;
    let size = |annotations: &Members| -> usize {
        annotations.iter().map(|(key, raw)| key.len() + raw::string(raw).map_or(0, |value| value.len())).sum()
    };
    let theirs = size(&annotations);
    let mut ours = Map::new();
    stamp.annotate(&mut ours);
    annotations.extend(ours.into_iter().map(|(key, value)| (key, raw::write(&value))));
    let all = size(&annotations);
    if theirs <= MAX_ANNOTATIONS && all > MAX_ANNOTATIONS {
        let message = format!(
            "have {theirs} bytes, and the service's own annotations come on top with {}: Kubernetes takes {MAX_ANNOTATIONS} in all, so leave out at least {}",
            all - theirs,
            all - MAX_ANNOTATIONS
        );
        return Err(Invalid { field: FIELD, message, malformed: false });
    }
    Ok(annotations)
}

/// Refuses labels and annotations that are the service's to set.
fn refuse_own(found: &Members, field: &'static str) -> Result<(), Invalid> {
    let Some(name) = found.keys().find(|name| dump::is_own(name)) else { return Ok(()) };
    let shown = truncate(name, MAX_SHOWN);
    let message =
        format!("{shown:?} is not for callers, as the service itself sets what begins with eks-api/; leave it out");
    Err(Invalid { field, message, malformed: false })
}

#[cfg(test)]
#[path = "manifest_tests.rs"]
mod tests;
