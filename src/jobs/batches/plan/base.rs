//! The manifests that members are made from: [`Checked`].

use crate::jobs::manifest::invalid::{object, text};
use crate::jobs::manifest::metadata::{refuse_reserved, replace_label};
use crate::jobs::manifest::raw::{self, Members};
use crate::jobs::manifest::{Invalid, Manifest, agreed_namespace, dump, kind};
use crate::kube::names::{BatchName, Namespace};

const NAMES: [(&str, &str); 2] =
    [("name", "job_manifest.metadata.name"), ("generateName", "job_manifest.metadata.generateName")];
const OWNERS: &str = "job_manifest.metadata.ownerReferences";
const TTL: &str = "ttlSecondsAfterFinished";

/// A manifest without what each member gets for itself.
pub(super) struct Checked {
    pub(super) manifest: Manifest,
    pub(super) warnings: Vec<String>,
    /// Whether a `ttlSecondsAfterFinished` was removed.
    pub(super) had_ttl: bool,
}

/// Checks a manifest, and removes what belongs to a single job. The fields of errors begin with `job_manifest`.
pub(super) fn check(mut manifest: Manifest, name: &BatchName, namespace: &Namespace) -> Result<Checked, Invalid> {
    kind::set(&mut manifest)?;
    let mut warnings = Vec::from_iter(dump::strip_dump(&mut manifest)?);
    let mut metadata = object(&manifest, "metadata", "job_manifest.metadata")?;
    if !warnings.is_empty() {
        // The name is that of the dumped Job.
        metadata.retain(|member, _| NAMES.iter().all(|(name, _)| name != member));
    }
    for (member, field) in NAMES {
        if text(&metadata, member, field)?.is_some() {
            let message =
                format!("is for a single job: the service names the jobs {} and so on; remove it", name.member(0));
            return Err(Invalid::value(field, message));
        }
        metadata.remove(member);
    }
    if raw::get(&metadata, "ownerReferences").is_some_and(|owners| owners.get() != "[]") {
        return Err(Invalid::value(
            OWNERS,
            "is set by the service, which makes the head of the batch the owner of its jobs; remove it",
        ));
    }
    refuse_reserved(&metadata)?;
    agreed_namespace(Some(namespace.as_str()), &metadata)?;
    replace_labels(&mut metadata, name, &mut warnings)?;
    manifest.insert("metadata".to_owned(), raw::write(&metadata));
    let mut had_ttl = false;
    raw::edit(&mut manifest, "spec", &mut |spec| {
        had_ttl = spec.remove(TTL).is_some_and(|ttl| ttl.get() != "null");
    });
    Ok(Checked { manifest, warnings, had_ttl })
}

/// Warns once of labels that differ from those of the service, and not for each member.
fn replace_labels(metadata: &mut Members, name: &BatchName, warnings: &mut Vec<String>) -> Result<(), Invalid> {
    let mut labels = object(metadata, "labels", "job_manifest.metadata.labels")?;
    if !labels.is_empty() {
        replace_label(&mut labels, "app", "eks-api", warnings);
        replace_label(&mut labels, "job-id", name.member(0).as_str(), warnings);
        labels.remove("job-id");
        metadata.insert("labels".to_owned(), raw::write(&labels));
    }
    Ok(())
}
