//! Prepares the manifest that is sent: sets name, namespace, labels and ownership stamp, and refuses contradictions.
//! Everything else passes through unchanged.

pub(in crate::jobs) mod dump;
mod explain;
pub(in crate::jobs) mod image;
pub(in crate::jobs) mod invalid;
pub(in crate::jobs) mod kind;
pub(in crate::jobs) mod metadata;
mod name;
pub mod raw;
pub(in crate::jobs) mod variables;

use std::time::SystemTime;

use serde_json::{Map, Value};

use crate::jobs::idempotency::{BoundKey, IdempotencyKey, OwnershipStamp};
pub use crate::jobs::manifest::explain::explain;
pub use crate::jobs::manifest::invalid::Invalid;
use crate::jobs::manifest::invalid::{object, text};
use crate::jobs::manifest::metadata::Identity;
pub use crate::jobs::manifest::metadata::Origin;
pub use crate::jobs::manifest::name::generate_name;
use crate::jobs::manifest::raw::Members;
use crate::kube::client::Body;
use crate::kube::names::{JobName, Namespace};
use crate::kube::types::NOTIFY_ANNOTATION;
pub use crate::kube::types::TEMPLATE_ANNOTATION as TEMPLATE;

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
    /// The value of the annotation that names webhooks. It replaces that of the manifest.
    pub notify: Option<&'a str>,
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
    let CreateJobInput { mut manifest, namespace, key, request_id, now, origin, notify } = input;
    // Only a key is bound to its body.
    let call = origin.as_ref().map_or(&manifest, |origin| &origin.call);
    let bound = key.as_ref().map(|key| bind(key, call, namespace, notify)).transpose()?;
    let stamp = OwnershipStamp::new(request_id, bound);

    kind::set(&mut manifest)?;
    let mut warnings = Vec::from_iter(dump::strip_dump(&mut manifest)?);
    let mut metadata = object(&manifest, "metadata", "job_manifest.metadata")?;
    let spec = raw::object(&manifest, "spec");
    let pod_template = spec.as_ref().and_then(|spec| raw::object(spec, "template"));
    let namespace = agreed_namespace(namespace, &metadata)?;
    // With a key the name must not depend on the content of the template.
    let is_fixed = origin.is_some() && key.is_some();
    let index = if is_fixed { 0 } else { name::index_length(spec.as_ref()) };
    let (name, is_made) = name::choose(&metadata, index, key.as_ref(), now)?;
    let origin = origin.as_ref();
    let notify = notify.map(|notify| (NOTIFY_ANNOTATION, notify));
    let annotations = notify.as_slice();
    let identity = Identity { namespace: &namespace, name: &name, stamp: &stamp, origin, labels: &[], annotations };
    identity.write(&mut metadata, pod_template.as_ref(), &mut warnings)?;
    warnings.extend(image::warnings(pod_template.as_ref()));

    let template = origin.map(Origin::annotation);
    manifest.insert("metadata".to_owned(), raw::write(&metadata));
    let manifest = to_body(&manifest)?;
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
        self.manifest = to_body(&manifest)?;
        Ok(())
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the form that map_err takes")]
fn unreadable(error: serde_json::Error) -> Invalid {
    Invalid::form("job_manifest", error.to_string())
}

/// Returns the text to send.
pub(in crate::jobs) fn to_body(manifest: &Manifest) -> Result<Body, Invalid> {
    serde_json::to_vec(manifest).map(Body::from).map_err(unreadable)
}

/// Binds a key to the members of a call, and to the namespace and the webhooks that it gives. Spaces and the order of members do not
/// count. If the text that is hashed changes, keys lose their jobs.
pub(in crate::jobs) fn bind(
    key: &IdempotencyKey,
    call: &Members,
    namespace: Option<&str>,
    notify: Option<&str>,
) -> Result<BoundKey, Invalid> {
    let members: Map<String, Value> = call
        .iter()
        // A number that is too large, such as 1e400, counts as it is written.
        .map(|(key, raw)| (key.clone(), serde_json::from_str(raw.get()).unwrap_or_else(|_| raw.get().into())))
        .collect();
    let text = match notify {
        None => serde_json::to_vec(&(members, namespace)),
        Some(notify) => serde_json::to_vec(&(members, namespace, notify)),
    };
    let text = text.map_err(unreadable)?;
    Ok(key.bind(&text))
}

/// Returns the namespace of the call, else that of the manifest, else `default`. Both may not differ.
pub(in crate::jobs) fn agreed_namespace(body: Option<&str>, metadata: &Members) -> Result<Namespace, Invalid> {
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

#[cfg(test)]
#[path = "manifest_tests.rs"]
mod tests;
