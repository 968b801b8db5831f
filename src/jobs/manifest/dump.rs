//! Turns the dump of an existing Job back into a manifest, without what the cluster and the service put there.

use crate::jobs::manifest::raw::{self, Members};
use crate::util::strict_json::push_member;

/// Members of `metadata` that only the cluster sets.
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

/// What begins so is the service's. The two exceptions are for callers.
const OWN: &str = "eks-api/";
const OWN_EXCEPTIONS: [&str; 2] = ["eks-api/parameters", "eks-api/notify"];

/// Whether a label or an annotation is one that only the service sets.
pub(super) fn is_own(name: &str) -> bool {
    name.starts_with(OWN) && !OWN_EXCEPTIONS.contains(&name)
}

/// Whether the manifest is that of a Job that exists or existed. Empty values, as some tools write them, are no sign.
pub(super) fn is_dump(metadata: &Members) -> bool {
    let is_set = |name| raw::get(metadata, name).is_some_and(|value| value.get() != r#""""#);
    is_set("resourceVersion") || is_set("uid")
}

/// Removes what belonged to the Job that was dumped. Returns the paths of what was removed. The name stays.
pub(super) fn strip(manifest: &mut Members) -> Vec<String> {
    let mut dropped = Dropped(Vec::new());
    dropped.remove(manifest, "", |name| name == "status");
    edit(manifest, "metadata", &mut |metadata| {
        dropped.remove(metadata, "metadata", |name| METADATA.contains(&name));
        edit(metadata, "labels", &mut |labels| {
            let is_ours = raw::get(labels, "app").is_some_and(|app| app.get() == r#""eks-api""#);
            let ours = |name: &str| is_ours && ["app", "job-id"].contains(&name);
            dropped.remove(labels, "metadata.labels", |name| is_of_controller(name) || is_own(name) || ours(name));
        });
        edit(metadata, "annotations", &mut |annotations| {
            dropped.remove(annotations, "metadata.annotations", |name| is_of_tool(name) || is_own(name));
        });
    });
    edit(manifest, "spec", &mut |spec| {
        // A selector that a person wrote must still match the labels of the pods.
        let is_manual = raw::get(spec, "manualSelector").is_some_and(|value| value.get() == "true");
        dropped.remove(spec, "spec", |name| name == "suspend" || (name == "selector" && !is_manual));
        if is_manual {
            return;
        }
        edit(spec, "template", &mut |template| {
            edit(template, "metadata", &mut |metadata| {
                edit(metadata, "labels", &mut |labels| {
                    dropped.remove(labels, "spec.template.metadata.labels", is_of_controller);
                });
            });
        });
    });
    dropped.0
}

/// Labels by which the Job controller finds its pods.
fn is_of_controller(name: &str) -> bool {
    ["controller-uid", "job-name"].contains(&name) || name.starts_with("batch.kubernetes.io/")
}

/// Annotations of kubectl and of the controllers that make Jobs.
fn is_of_tool(name: &str) -> bool {
    name == "kubectl.kubernetes.io/last-applied-configuration"
        || name.starts_with("batch.kubernetes.io/")
        || name.starts_with("cronjob.kubernetes.io/")
}

/// Changes the object under a name, if there is one.
fn edit(parent: &mut Members, name: &str, change: &mut dyn FnMut(&mut Members)) {
    let Some(mut object) = raw::object(parent, name) else { return };
    change(&mut object);
    parent.insert(name.to_owned(), raw::write(&object));
}

struct Dropped(Vec<String>);

impl Dropped {
    fn remove(&mut self, parent: &mut Members, path: &str, is_wanted: impl Fn(&str) -> bool) {
        parent.retain(|name, value| {
            let is_gone = is_wanted(name);
            if is_gone && !["null", "{}", "[]"].contains(&value.get()) {
                let mut path = path.to_owned();
                push_member(&mut path, name);
                self.0.push(path);
            }
            !is_gone
        });
    }
}
