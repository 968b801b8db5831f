//! Prepares the manifest that is sent: sets name, namespace, labels and ownership stamp, and refuses contradictions.
//! Everything else passes through unchanged.

pub(in crate::jobs) mod dump;
mod explain;
mod image;
pub(in crate::jobs) mod invalid;
pub(in crate::jobs) mod kind;
mod name;
pub mod raw;

use std::time::SystemTime;

use serde_json::{Map, Value};

use crate::jobs::idempotency::{IdempotencyKey, OwnershipStamp};
pub use crate::jobs::manifest::explain::explain;
pub use crate::jobs::manifest::invalid::Invalid;
use crate::jobs::manifest::invalid::{object, text};
pub use crate::jobs::manifest::name::generate_name;
use crate::jobs::manifest::raw::Members;
use crate::jobs::text::{MAX_LISTED, listed, shortened};
use crate::kube::client::Body;
use crate::kube::names::{JobName, Namespace};
pub use crate::kube::types::TEMPLATE_ANNOTATION as TEMPLATE;
use crate::util::template_name::{TemplateKind, TemplateName};

/// Kubernetes accepts annotations of this size: the bytes of all keys and values.
const MAX_ANNOTATIONS: usize = 256 << 10;
/// kubectl sets it on a job from a CronJob.
const INSTANTIATE: &str = "cronjob.kubernetes.io/instantiate";

/// The caller's manifest.
pub type Manifest = Members;

/// The parameters of a create call.
#[derive(Debug)]
pub struct CreateJobInput<'a> {
    pub manifest: Manifest,
    pub namespace: Option<&'a str>,
    pub key: Option<IdempotencyKey>,
    pub request_id: &'a str,
    pub now: SystemTime,
    /// None for a manifest of the caller's own.
    pub origin: Option<Origin>,
}

/// The template that a manifest was made from.
#[derive(Debug)]
pub struct Origin {
    pub template: TemplateName,
    pub version: String,
    /// The members of the call that an Idempotency-Key is bound to: the template may change meanwhile.
    pub call: Members,
}

impl Origin {
    /// The value of the annotation [`TEMPLATE`].
    fn annotation(&self) -> String {
        format!("{}@{}", self.template, self.version)
    }
}

/// A manifest ready to be sent.
#[derive(Clone, Debug)]
pub struct JobManifest {
    pub namespace: Namespace,
    pub name: JobName,
    /// Whether the service made the name of random letters.
    pub is_random: bool,
    pub stamp: OwnershipStamp,
    pub manifest: Body,
    /// The value of the annotation that names its template.
    pub template: Option<String>,
    pub warnings: Vec<String>,
}

/// Returns the manifest to send, or the field that the caller must change.
pub fn prepare(input: CreateJobInput<'_>) -> Result<JobManifest, Invalid> {
    let CreateJobInput { mut manifest, namespace, key, request_id, now, origin } = input;
    // Only a key is bound to its body.
    let call = origin.as_ref().map_or(&manifest, |origin| &origin.call);
    let identity = if key.is_some() { identity(call, namespace).map_err(unreadable)? } else { Vec::new() };
    let stamp = OwnershipStamp::new(request_id, key.as_ref(), &identity);

    kind::set(&mut manifest)?;
    let mut warnings = Vec::new();
    let mut metadata = object(&manifest, "metadata", "job_manifest.metadata")?;
    if dump::is_dump(&metadata) {
        let removed = listed(&dump::strip(&mut manifest), MAX_LISTED);
        warnings
            .push(format!("the manifest is the dump of an existing Job; a new Job is created without its {removed}"));
        metadata = object(&manifest, "metadata", "job_manifest.metadata")?;
    }
    let spec = raw::object(&manifest, "spec");
    let pod_template = spec.as_ref().and_then(|spec| raw::object(spec, "template"));
    let namespace = agreed_namespace(namespace, &metadata)?;
    // With a key the name must not depend on the content of the template.
    let is_fixed = origin.is_some() && key.is_some();
    let index = if is_fixed { 0 } else { name::index_length(spec.as_ref()) };
    let (name, is_made) = name::choose(&metadata, index, key.as_ref(), now)?;
    metadata.insert("name".to_owned(), raw::write(name.as_str()));
    metadata.insert("namespace".to_owned(), raw::write(namespace.as_str()));
    let labels = labels(&metadata, pod_template.as_ref(), &name, &mut warnings)?;
    metadata.insert("labels".to_owned(), raw::write(&labels));
    metadata.insert("annotations".to_owned(), raw::write(&annotations(&metadata, &stamp, origin.as_ref())?));
    warnings.extend(image::warnings(pod_template.as_ref()));

    let template = origin.as_ref().map(Origin::annotation);
    manifest.insert("metadata".to_owned(), raw::write(&metadata));
    let manifest = serde_json::to_vec(&manifest).map_err(unreadable)?.into();
    Ok(JobManifest { namespace, name, is_random: is_made && key.is_none(), stamp, manifest, template, warnings })
}

impl JobManifest {
    /// Gives the job another random name.
    pub fn rename(&mut self, now: SystemTime) -> Result<(), Invalid> {
        let mut manifest: Manifest = serde_json::from_slice(&self.manifest).map_err(unreadable)?;
        let mut metadata = object(&manifest, "metadata", "job_manifest.metadata")?;
        let mut labels = object(&metadata, "labels", "job_manifest.metadata.labels")?;
        metadata.remove("name");
        let index = name::index_length(raw::object(&manifest, "spec").as_ref());
        (self.name, _) = name::choose(&metadata, index, None, now)?;
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
    Invalid::form("job_manifest", error.to_string())
}

/// Returns the text that a key is bound to, without spaces and the order of members. If this text changes, keys lose
/// their jobs.
fn identity(manifest: &Manifest, namespace: Option<&str>) -> serde_json::Result<Vec<u8>> {
    let members: Map<String, Value> = manifest
        .iter()
        // A number that is too large, such as 1e400, counts as it is written.
        .map(|(key, raw)| (key.clone(), serde_json::from_str(raw.get()).unwrap_or_else(|_| raw.get().into())))
        .collect();
    serde_json::to_vec(&(members, namespace))
}

fn agreed_namespace(body: Option<&str>, metadata: &Members) -> Result<Namespace, Invalid> {
    const FIELD: &str = "job_manifest.metadata.namespace";
    let own = text(metadata, "namespace", FIELD)?;
    let (field, chosen) = match (body, own.as_deref()) {
        (Some(body), Some(own)) if body != own => {
            let message = format!("is {own:?}, but namespace is {body:?}: give one of them, or the same in both");
            return Err(Invalid::form(FIELD, message));
        }
        (Some(body), _) => ("namespace", body),
        (None, own) => (FIELD, own.unwrap_or("default")),
    };
    Namespace::parse(chosen).map_err(|error| Invalid::value(field, error.to_string()))
}

/// Returns the labels of the manifest with those of the service. Kubernetes gives a Job without labels the labels of its
/// pod template. With the service's labels it would not, so they are copied here.
fn labels(
    metadata: &Members,
    template: Option<&Members>,
    name: &JobName,
    warnings: &mut Vec<String>,
) -> Result<Members, Invalid> {
    const FIELD: &str = "job_manifest.metadata.labels";
    let mut labels = object(metadata, "labels", FIELD)?;
    refuse_reserved(&labels, FIELD)?;
    let has_labels = !labels.is_empty();
    if !has_labels {
        labels = labels_of_pods(template);
    }
    for (key, ours) in [("app", "eks-api"), ("job-id", name.as_str())] {
        let replaced = labels.insert(key.to_owned(), raw::write(ours));
        let theirs = replaced.filter(|_| has_labels).and_then(|theirs| raw::parse::<String>(&theirs));
        if let Some(theirs) = theirs.filter(|theirs| theirs != ours) {
            let theirs = shortened(&theirs);
            warnings.push(format!("metadata.labels.{key}: {theirs:?} is replaced by {ours:?}, which the service sets"));
        }
    }
    Ok(labels)
}

/// Returns the labels that Kubernetes gives a Job without labels, except those that are reserved for the service.
pub(in crate::jobs) fn labels_of_pods(template: Option<&Members>) -> Members {
    let labels = template.and_then(|template| raw::object(&raw::object(template, "metadata")?, "labels"));
    let mut labels = labels.unwrap_or_default();
    labels.retain(|name, _| !dump::is_of_service(name));
    labels
}

/// Returns the annotations of the manifest with the ownership stamp and the template.
fn annotations(metadata: &Members, stamp: &OwnershipStamp, origin: Option<&Origin>) -> Result<Members, Invalid> {
    const FIELD: &str = "job_manifest.metadata.annotations";
    let mut annotations = object(metadata, "annotations", FIELD)?;
    refuse_reserved(&annotations, FIELD)?;
    let size = |annotations: &Members| -> usize {
        annotations.iter().map(|(key, raw)| key.len() + raw::parse::<String>(raw).map_or(0, |value| value.len())).sum()
    };
    let theirs = size(&annotations);
    stamp.annotate(&mut annotations);
    if let Some(origin) = origin {
        annotations.insert(TEMPLATE.to_owned(), raw::write(&origin.annotation()));
        if origin.template.kind() == TemplateKind::CronJob {
            annotations.insert(INSTANTIATE.to_owned(), raw::write("manual"));
        }
    }
    let all = size(&annotations);
    if theirs <= MAX_ANNOTATIONS && all > MAX_ANNOTATIONS {
        let message = format!(
            "have {theirs} bytes, and the service adds {}: Kubernetes accepts {MAX_ANNOTATIONS} in all, so remove at least {}",
            all - theirs,
            all - MAX_ANNOTATIONS
        );
        return Err(Invalid::value(FIELD, message));
    }
    Ok(annotations)
}

/// Refuses labels and annotations that only the service sets.
pub(in crate::jobs) fn refuse_reserved(found: &Members, field: &'static str) -> Result<(), Invalid> {
    let Some(name) = found.keys().find(|name| dump::is_of_service(name)) else { return Ok(()) };
    let name = shortened(name);
    Err(Invalid::value(field, format!("{name:?} is reserved: only the service sets names with eks-api/; remove it")))
}

#[cfg(test)]
#[path = "manifest_tests.rs"]
mod tests;
