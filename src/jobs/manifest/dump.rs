//! Turns the dump of an existing Job into a manifest, without the fields that the cluster and the service set.

use std::collections::BTreeSet;

use crate::jobs::batches::membership::{HEAD_LABEL, MEMBER_LABEL};
use crate::jobs::manifest::invalid::Invalid;
use crate::jobs::manifest::raw::{self, Members, edit};
use crate::jobs::manifest::variables::{self, BATCH_VARIABLES};
use crate::jobs::text::{MAX_LISTED, listed};
use crate::util::strict_json::push_member;

/// The members of `metadata` that only the cluster sets.
const METADATA: [&str; 10] = [
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "managedFields",
    "selfLink",
    "ownerReferences",
    "finalizers",
];

/// The service sets the labels and annotations with this prefix, except those for callers.
const SERVICE_PREFIX: &str = "eks-api/";
const FOR_CALLERS: [&str; 2] = ["eks-api/parameters", "eks-api/notify"];

/// Whether only the service sets this label or annotation.
pub(in crate::jobs) fn is_of_service(name: &str) -> bool {
    name.starts_with(SERVICE_PREFIX) && !FOR_CALLERS.contains(&name)
}

/// Strips a manifest that is the dump of a Job. Returns the warning, or nothing if it is none.
pub(in crate::jobs) fn strip_dump(manifest: &mut Members) -> Result<Option<String>, Invalid> {
    if !raw::object(manifest, "metadata").is_some_and(|metadata| is_dump(&metadata)) {
        return Ok(None);
    }
    let removed = listed(&strip(manifest)?, MAX_LISTED);
    Ok(Some(format!("the manifest is the dump of an existing Job; a new Job is created without its {removed}")))
}

/// Whether the manifest is the dump of a Job. Some tools write these members empty; those do not count.
pub(in crate::jobs) fn is_dump(metadata: &Members) -> bool {
    let is_set = |name| raw::get(metadata, name).is_some_and(|value| value.get() != r#""""#);
    is_set("resourceVersion") || is_set("uid")
}

/// Removes the members that belong to the dumped Job, except its name. Returns their paths. Refuses the head of a batch: a
/// Job like it would never run.
pub(in crate::jobs) fn strip(manifest: &mut Members) -> Result<Vec<String>, Invalid> {
    let mut removed = Removed(Vec::new());
    let (mut is_member, mut head) = (false, None);
    removed.remove(manifest, "", |name| name == "status");
    edit(manifest, "metadata", &mut |metadata| {
        removed.remove(metadata, "metadata", |name| METADATA.contains(&name));
        let name: String = raw::get(metadata, "name").and_then(raw::parse).unwrap_or_default();
        edit(metadata, "labels", &mut |labels| {
            let is_ours = raw::get(labels, "app").is_some_and(|app| app.get() == r#""eks-api""#);
            is_member = labels.contains_key(MEMBER_LABEL);
            head = labels.get(HEAD_LABEL).filter(|value| value.get() == r#""true""#).map(|_| name.clone());
            let ours = |name: &str| is_ours && ["app", "job-id"].contains(&name);
            removed
                .remove(labels, "metadata.labels", |name| is_of_controller(name) || is_of_service(name) || ours(name));
        });
        edit(metadata, "annotations", &mut |annotations| {
            removed.remove(annotations, "metadata.annotations", |name| is_of_tool(name) || is_of_service(name));
        });
    });
    if let Some(name) = head {
        let message = format!("is the head of a batch, which never runs; use one of its jobs, such as {name}-0000");
        return Err(Invalid::value("job_manifest.metadata", message));
    }
    edit(manifest, "spec", &mut |spec| {
        // A manual selector must still match the labels of the pods.
        let is_manual = raw::get(spec, "manualSelector").is_some_and(|value| value.get() == "true");
        removed.remove(spec, "spec", |name| name == "suspend" || (name == "selector" && !is_manual));
        if is_member {
            removed.remove_variables(spec);
        }
        if is_manual {
            return;
        }
        edit(spec, "template", &mut |template| {
            edit(template, "metadata", &mut |metadata| {
                edit(metadata, "labels", &mut |labels| {
                    removed.remove(labels, "spec.template.metadata.labels", is_of_controller);
                });
            });
        });
    });
    Ok(removed.0)
}

/// Whether the Job controller finds its pods by this label.
pub(in crate::jobs) fn is_of_controller(name: &str) -> bool {
    ["controller-uid", "job-name"].contains(&name) || name.starts_with("batch.kubernetes.io/")
}

/// Whether kubectl or a controller that makes Jobs sets this annotation.
pub(in crate::jobs) fn is_of_tool(name: &str) -> bool {
    name == "kubectl.kubernetes.io/last-applied-configuration"
        || name.starts_with("batch.kubernetes.io/")
        || name.starts_with("cronjob.kubernetes.io/")
}

struct Removed(Vec<String>);

impl Removed {
    /// Removes the variables that a member of a batch gets.
    fn remove_variables(&mut self, spec: &mut Members) {
        let mut found = BTreeSet::new();
        variables::edit(spec, &mut |env| {
            env.retain(|variable| {
                let name = variables::name(variable);
                let ours = BATCH_VARIABLES.into_iter().find(|ours| Some(*ours) == name.as_deref());
                found.extend(ours);
                ours.is_none()
            });
        });
        self.0.extend(found.into_iter().map(str::to_owned));
    }

    fn remove(&mut self, parent: &mut Members, path: &str, is_removed: impl Fn(&str) -> bool) {
        parent.retain(|name, value| {
            let is_gone = is_removed(name);
            if is_gone && !["null", "{}", "[]"].contains(&value.get()) {
                let mut path = path.to_owned();
                push_member(&mut path, name);
                self.0.push(path);
            }
            !is_gone
        });
    }
}
