//! Writes the metadata of a job: [`Identity`].

use crate::jobs::idempotency::OwnershipStamp;
use crate::jobs::manifest::dump;
use crate::jobs::manifest::invalid::{Invalid, object};
use crate::jobs::manifest::raw::{self, Members};
use crate::jobs::text::shortened;
use crate::kube::names::{JobName, Namespace};
use crate::kube::types::TEMPLATE_ANNOTATION;
use crate::util::template_name::{TemplateKind, TemplateName};

/// Kubernetes accepts annotations of this size: the bytes of all keys and values.
const MAX_ANNOTATIONS: usize = 256 << 10;
/// kubectl sets it on a job from a CronJob.
const INSTANTIATE: &str = "cronjob.kubernetes.io/instantiate";
/// The labels that every job of the service has.
pub(in crate::jobs) const SERVICE_LABELS: [&str; 2] = ["app", "job-id"];
const LABELS: &str = "job_manifest.metadata.labels";
const ANNOTATIONS: &str = "job_manifest.metadata.annotations";

/// The template that a manifest was made from.
#[derive(Debug)]
pub struct Origin {
    pub template: TemplateName,
    pub version: String,
    /// The members of the call that an Idempotency-Key is bound to: the template may change meanwhile.
    pub call: Members,
}

impl Origin {
    /// The value of the annotation [`TEMPLATE_ANNOTATION`].
    pub(in crate::jobs) fn annotation(&self) -> String {
        format!("{}@{}", self.template, self.version)
    }
}

/// The metadata of a job that the service writes.
pub(in crate::jobs) struct Identity<'a> {
    pub(in crate::jobs) namespace: &'a Namespace,
    pub(in crate::jobs) name: &'a JobName,
    pub(in crate::jobs) stamp: &'a OwnershipStamp,
    pub(in crate::jobs) origin: Option<&'a Origin>,
    /// Labels beside `app` and `job-id`.
    pub(in crate::jobs) labels: &'a [(&'a str, &'a str)],
    /// Annotations beside those of the stamp and the origin.
    pub(in crate::jobs) annotations: &'a [(&'a str, &'a str)],
}

impl Identity<'_> {
    /// Writes name, namespace, labels and annotations. Refuses those of the caller that only the service sets.
    pub(in crate::jobs) fn write(
        &self,
        metadata: &mut Members,
        pod_template: Option<&Members>,
        warnings: &mut Vec<String>,
    ) -> Result<(), Invalid> {
        refuse_reserved(metadata)?;
        let labels = self.labels(metadata, pod_template, warnings)?;
        let annotations = self.annotations(metadata)?;
        metadata.insert("name".to_owned(), raw::write(self.name.as_str()));
        metadata.insert("namespace".to_owned(), raw::write(self.namespace.as_str()));
        metadata.insert("labels".to_owned(), raw::write(&labels));
        metadata.insert("annotations".to_owned(), raw::write(&annotations));
        Ok(())
    }

    /// Returns the labels with those of the service. Kubernetes gives a Job without labels the labels of its pod
    /// template. With the service's labels it would not, so they are copied here.
    fn labels(
        &self,
        metadata: &Members,
        template: Option<&Members>,
        warnings: &mut Vec<String>,
    ) -> Result<Members, Invalid> {
        let mut labels = object(metadata, "labels", LABELS)?;
        if labels.is_empty() {
            labels = labels_of_pods(template);
            labels.retain(|name, _| !SERVICE_LABELS.contains(&name.as_str()));
        }
        replace_label(&mut labels, "app", "eks-api", warnings);
        replace_label(&mut labels, "job-id", self.name.as_str(), warnings);
        let ours = self.labels.iter().map(|(name, value)| ((*name).to_owned(), raw::write(*value)));
        labels.extend(ours);
        Ok(labels)
    }

    /// Returns the annotations with those of the service.
    fn annotations(&self, metadata: &Members) -> Result<Members, Invalid> {
        let mut annotations = object(metadata, "annotations", ANNOTATIONS)?;
        let theirs = size(&annotations);
        self.stamp.annotate(&mut annotations);
        if let Some(origin) = self.origin {
            annotations.insert(TEMPLATE_ANNOTATION.to_owned(), raw::write(&origin.annotation()));
            if origin.template.kind() == TemplateKind::CronJob {
                annotations.insert(INSTANTIATE.to_owned(), raw::write("manual"));
            }
        }
        let ours = self.annotations.iter().map(|(name, value)| ((*name).to_owned(), raw::write(*value)));
        annotations.extend(ours);
        let all = size(&annotations);
        if theirs <= MAX_ANNOTATIONS && all > MAX_ANNOTATIONS {
            let message = format!(
                "have {theirs} bytes, and the service adds {}: Kubernetes accepts {MAX_ANNOTATIONS} in all, so remove at least {}",
                all - theirs,
                all - MAX_ANNOTATIONS
            );
            return Err(Invalid::value(ANNOTATIONS, message));
        }
        Ok(annotations)
    }
}

fn size(annotations: &Members) -> usize {
    annotations.iter().map(|(key, raw)| key.len() + raw::parse::<String>(raw).map_or(0, |value| value.len())).sum()
}

/// Sets a label. Warns if it replaces another value.
pub(in crate::jobs) fn replace_label(labels: &mut Members, key: &str, ours: &str, warnings: &mut Vec<String>) {
    let theirs = labels.insert(key.to_owned(), raw::write(ours)).and_then(|theirs| raw::parse::<String>(&theirs));
    if let Some(theirs) = theirs.filter(|theirs| theirs != ours) {
        let theirs = shortened(&theirs);
        warnings.push(format!("metadata.labels.{key}: {theirs:?} is replaced by {ours:?}, which the service sets"));
    }
}

/// Returns the labels that Kubernetes gives a Job without labels, except those that are reserved for the service.
pub(in crate::jobs) fn labels_of_pods(template: Option<&Members>) -> Members {
    let labels = template.and_then(|template| raw::object(&raw::object(template, "metadata")?, "labels"));
    let mut labels = labels.unwrap_or_default();
    labels.retain(|name, _| !dump::is_of_service(name));
    labels
}

/// Refuses labels and annotations that only the service sets.
pub(in crate::jobs) fn refuse_reserved(metadata: &Members) -> Result<(), Invalid> {
    for (member, field) in [("labels", LABELS), ("annotations", ANNOTATIONS)] {
        let found = object(metadata, member, field)?;
        let Some(name) = found.keys().find(|name| dump::is_of_service(name)) else { continue };
        let name = shortened(name);
        let message = format!("{name:?} is reserved: only the service sets names with eks-api/; remove it");
        return Err(Invalid::value(field, message));
    }
    Ok(())
}
