//! Plays the garbage collector for jobs that Jobs own: they go after their owner.

use std::collections::{BTreeSet, HashMap};

use serde_json::{Value, json};

use super::object::{Object, Stored};
use super::resource::Resource;
use super::{Store, now, text};

/// A namespace and a name.
type Place = (String, String);

#[derive(Debug, Default)]
pub struct Garbage {
    /// The jobs that name a Job as their owner, by the uid of the owner.
    dependents: HashMap<String, BTreeSet<Place>>,
    /// Nothing is collected for the time being.
    is_held: bool,
}

impl Garbage {
    pub fn add(&mut self, job: &Stored) {
        for owner in owners(job) {
            self.dependents.entry(text(&owner["uid"]).to_owned()).or_default().insert(place(job));
        }
    }

    pub fn forget(&mut self, job: &Stored) {
        for owner in owners(job) {
            let uid = text(&owner["uid"]);
            let Some(places) = self.dependents.get_mut(uid) else { continue };
            places.remove(&place(job));
            if places.is_empty() {
                self.dependents.remove(uid);
            }
        }
    }
}

impl Store {
    /// Deletes a job: `Foreground`, `Orphan`, or in the background.
    pub fn delete_job(&mut self, namespace: &str, name: &str, policy: &str) {
        match policy {
            "Foreground" => {
                self.mark(namespace, name);
                self.collect_marked(namespace, name);
            }
            "Orphan" => self.orphan(namespace, name),
            _ => self.remove_job(namespace, name),
        }
    }

    /// Removes a job with its pods, and then the jobs that it owns.
    pub fn remove_job(&mut self, namespace: &str, name: &str) {
        let Some(job) = self.remove(Resource::Jobs, namespace, name) else { return };
        for pod in self.pods_of(text(&job["metadata"]["uid"])) {
            self.remove(Resource::Pods, pod.namespace(), pod.name());
        }
        for (namespace, name) in self.dependents_of(&job) {
            self.collect(&namespace, &name);
        }
    }

    /// Deletes a job whose owners are all gone or being deleted. To be called once a job is created.
    pub fn collect(&mut self, namespace: &str, name: &str) {
        let Some(job) = self.get(Resource::Jobs, namespace, name) else { return };
        if self.garbage.is_held || owners(job).next().is_none() {
            return;
        }
        let owner = |owner: &Value| {
            let found = self.get(Resource::Jobs, namespace, text(&owner["name"]));
            found.filter(|found| found["metadata"]["uid"] == owner["uid"])
        };
        let found: Vec<&Object> = owners(job).filter_map(owner).collect();
        if found.is_empty() {
            self.remove_job(namespace, name);
        } else if found.iter().all(|owner| is_marked(owner)) {
            self.delete_job(namespace, name, "Foreground");
        }
    }

    /// Collects nothing until `release_garbage`: jobs that are deleted in the foreground stay, as do dependents.
    pub fn hold_garbage(&mut self) {
        self.garbage.is_held = true;
    }

    pub fn release_garbage(&mut self) {
        self.garbage.is_held = false;
        let places: Vec<Place> = self.list(Resource::Jobs, None).map(|job| place(job)).collect();
        for (namespace, name) in places {
            self.collect_marked(&namespace, &name);
            self.collect(&namespace, &name);
        }
    }

    /// Removes a job that is deleted in the foreground, unless it has pods or waits for a dependent.
    pub fn collect_marked(&mut self, namespace: &str, name: &str) {
        let Some(job) = self.get(Resource::Jobs, namespace, name).cloned() else { return };
        if self.garbage.is_held || !is_marked(&job) {
            return;
        }
        let dependents = self.dependents_of(&job);
        for (namespace, name) in &dependents {
            self.mark(namespace, name);
        }
        let blocks = |store: &Self, (namespace, name): &Place| {
            let dependent = store.get(Resource::Jobs, namespace, name);
            dependent.is_some_and(|dependent| {
                owners(dependent)
                    .any(|owner| owner["uid"] == job["metadata"]["uid"] && owner["blockOwnerDeletion"] == true)
            })
        };
        let (first, rest): (Vec<Place>, Vec<Place>) = dependents.into_iter().partition(|place| blocks(self, place));
        for (namespace, name) in &first {
            self.collect_marked(namespace, name);
        }
        let waits = first.iter().any(|place| blocks(self, place));
        if !waits && self.pods_of(text(&job["metadata"]["uid"])).is_empty() {
            self.remove(Resource::Jobs, namespace, name);
        }
        for (namespace, name) in &rest {
            self.collect_marked(namespace, name);
        }
    }

    /// Marks a job as being deleted in the foreground, and returns it. It must be there.
    pub fn mark(&mut self, namespace: &str, name: &str) -> Object {
        let job = self.get(Resource::Jobs, namespace, name).unwrap();
        if is_marked(job) { Object::clone(job) } else { self.put(Resource::Jobs, marked(job)) }
    }

    /// Removes a job and leaves its pods, and the jobs that it owns, without an owner.
    fn orphan(&mut self, namespace: &str, name: &str) {
        let Some(job) = self.get(Resource::Jobs, namespace, name).cloned() else { return };
        for (namespace, name) in self.dependents_of(&job) {
            self.update(Resource::Jobs, &namespace, &name, |dependent| {
                let owners = dependent["metadata"]["ownerReferences"].as_array_mut();
                owners.unwrap().retain(|owner| owner["uid"] != job["metadata"]["uid"]);
            });
        }
        self.remove(Resource::Jobs, namespace, name);
    }

    fn dependents_of(&self, job: &Stored) -> Vec<Place> {
        let found = self.garbage.dependents.get(text(&job["metadata"]["uid"]));
        found.into_iter().flatten().cloned().collect()
    }
}

/// Returns a job as it is while it is being deleted in the foreground.
pub fn marked(job: &Value) -> Value {
    let mut job = job.clone();
    let metadata = &mut job["metadata"];
    metadata["deletionTimestamp"] = json!(now());
    metadata["deletionGracePeriodSeconds"] = json!(0);
    metadata["finalizers"] = json!(["foregroundDeletion"]);
    metadata["generation"] = json!(2);
    job
}

fn is_marked(job: &Stored) -> bool {
    !job["metadata"]["deletionTimestamp"].is_null()
}

/// The owners that are Jobs. The stub does not collect for other kinds.
fn owners(job: &Stored) -> impl Iterator<Item = &Value> {
    let owners = job["metadata"]["ownerReferences"].as_array().into_iter().flatten();
    owners.filter(|owner| owner["kind"] == "Job")
}

fn place(job: &Stored) -> Place {
    (job.namespace().to_owned(), job.name().to_owned())
}
