//! The objects of the stub cluster, as etcd and the garbage collector would keep them: uids,
//! resource versions, creation times, who goes with whom. It knows nothing of requests or of what
//! is valid.

mod garbage;
mod history;
mod object;
mod resource;
mod snapshots;

use std::collections::BTreeMap;

use ring::rand::{SecureRandom, SystemRandom};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::sync::watch;

use garbage::Garbage;
pub use garbage::marked;
pub use history::{Change, History};
pub use object::{Object, Stored};
pub use resource::Resource;
pub use snapshots::Snapshots;

use crate::support::judge::hex;

/// Where a fresh store begins: a real cluster has a past, too.
const BEGINNING: u64 = 700;

type Key = (Resource, String, String);

/// A deletion that was carried out.
#[derive(Clone, Debug)]
pub struct Deletion {
    /// Empty for a namespace.
    pub namespace: String,
    pub name: String,
    /// The body of the request, with the options of its query laid over it.
    pub options: Value,
}

#[derive(Debug)]
pub struct Store {
    objects: BTreeMap<Key, Object>,
    pub deletions: Vec<Deletion>,
    /// Tells of every change; its value is the newest resource version.
    pub revision: watch::Sender<u64>,
    pub history: History,
    pub snapshots: Snapshots,
    garbage: Garbage,
    /// The most jobs of each namespace that has a quota.
    pub quotas: BTreeMap<String, usize>,
}

impl Store {
    pub fn new() -> Self {
        let mut store = Self {
            objects: BTreeMap::new(),
            deletions: Vec::new(),
            revision: watch::Sender::new(BEGINNING),
            history: History::new(BEGINNING),
            snapshots: Snapshots::default(),
            garbage: Garbage::default(),
            quotas: BTreeMap::new(),
        };
        for name in ["default", "kube-node-lease", "kube-public", "kube-system"] {
            store.put_bare_namespace(name);
        }
        store
    }

    pub fn get(&self, resource: Resource, namespace: &str, name: &str) -> Option<&Object> {
        self.objects.get(&(resource, namespace.to_owned(), name.to_owned()))
    }

    /// All objects of a resource, in one namespace or in all, ordered by namespace and name.
    pub fn list(&self, resource: Resource, namespace: Option<&str>) -> impl Iterator<Item = &Object> {
        let start = (resource, namespace.unwrap_or_default().to_owned(), String::new());
        let wanted = move |key: &Key| key.0 == resource && namespace.is_none_or(|namespace| key.1 == namespace);
        self.objects.range(start..).take_while(move |(key, _)| wanted(key)).map(|(_, object)| object)
    }

    pub fn revision(&self) -> u64 {
        *self.revision.borrow()
    }

    /// Stores an object under its own name, completed, and returns it as stored.
    pub fn put(&mut self, resource: Resource, mut object: Value) -> Object {
        let name = text(&object["metadata"]["name"]).to_owned();
        assert!(!name.is_empty(), "an object without a name: {object}");
        if resource != Resource::Namespaces && object["metadata"]["namespace"].is_null() {
            object["metadata"]["namespace"] = json!("default");
        }
        let namespace = text(&object["metadata"]["namespace"]).to_owned();
        if !namespace.is_empty() && self.get(Resource::Namespaces, "", &namespace).is_none() {
            self.put_bare_namespace(&namespace);
        }
        object["kind"] = json!(resource.kind());
        object["apiVersion"] = json!(resource.api_version());
        stamp(&mut object["metadata"]);
        let revision = self.next_revision();
        object["metadata"]["resourceVersion"] = json!(revision.to_string());
        let object = Stored::new(object);
        let before = self.objects.insert((resource, namespace, name), Object::clone(&object));
        if resource == Resource::Jobs {
            if let Some(before) = &before {
                self.garbage.forget(before);
            }
            self.garbage.add(&object);
        }
        self.remember(resource, Change { revision, before, after: Some(Object::clone(&object)) });
        object
    }

    /// Stores a pod. A job whose `matchLabels` it bears adopts it, if it has no owner.
    pub fn put_pod(&mut self, mut pod: Value) -> Object {
        let namespace = pod["metadata"]["namespace"].as_str().unwrap_or("default");
        let matches = |job: &&Object| {
            let labels = job["spec"]["selector"]["matchLabels"].as_object();
            let has = |(key, value): (&String, &Value)| pod["metadata"]["labels"][key] == *value;
            labels.is_some_and(|labels| !labels.is_empty() && labels.iter().all(has))
        };
        let owner = self.list(Resource::Jobs, Some(namespace)).find(matches).map(|job| job["metadata"].clone());
        if let (true, Some(job)) = (pod["metadata"]["ownerReferences"].is_null(), owner) {
            let owner = json!({ "kind": "Job", "name": job["name"], "uid": job["uid"], "controller": true });
            pod["metadata"]["ownerReferences"] = json!([owner]);
        }
        self.put(Resource::Pods, pod)
    }

    fn put_bare_namespace(&mut self, name: &str) {
        let labels = json!({"kubernetes.io/metadata.name": name});
        let spec = json!({"finalizers": ["kubernetes"]});
        let metadata = json!({"name": name, "labels": labels});
        self.put(Resource::Namespaces, json!({"metadata": metadata, "spec": spec, "status": {"phase": "Active"}}));
    }

    /// Puts an object again, changed; false if it is not there.
    pub fn update(&mut self, resource: Resource, namespace: &str, name: &str, change: impl FnOnce(&mut Value)) -> bool {
        let Some(found) = self.get(resource, namespace, name) else {
            return false;
        };
        let mut object = Value::clone(found);
        change(&mut object);
        self.put(resource, object);
        true
    }

    /// The pods that a job made.
    pub fn pods_of(&self, job_uid: &str) -> Vec<Object> {
        let owned = |pod: &&Object| {
            let owners = pod["metadata"]["ownerReferences"].as_array();
            owners.is_some_and(|owners| owners.iter().any(|owner| owner["uid"] == job_uid))
        };
        self.list(Resource::Pods, None).filter(owned).cloned().collect()
    }

    /// Removes a namespace with all that is in it.
    pub fn remove_namespace(&mut self, name: &str) {
        let inside = |key: &&Key| key.1 == name;
        let inside: Vec<Key> = self.objects.keys().filter(inside).cloned().collect();
        for (resource, namespace, name) in inside {
            self.remove(resource, &namespace, &name);
        }
        self.remove(Resource::Namespaces, "", name);
    }

    /// Lets the pods of all jobs that are being deleted end, and with them the jobs.
    pub fn settle(&mut self) {
        let deleted = |job: &&Object| job["metadata"]["finalizers"] == json!(["foregroundDeletion"]);
        let deleted: Vec<Object> = self.list(Resource::Jobs, None).filter(deleted).cloned().collect();
        for job in deleted {
            self.remove_job(job.namespace(), job.name());
        }
    }

    pub fn remove(&mut self, resource: Resource, namespace: &str, name: &str) -> Option<Object> {
        let removed = self.objects.remove(&(resource, namespace.to_owned(), name.to_owned()));
        let revision = self.next_revision();
        if let Some(removed) = &removed {
            if resource == Resource::Jobs {
                self.garbage.forget(removed);
            }
            self.remember(resource, Change { revision, before: Some(Object::clone(removed)), after: None });
        }
        removed
    }

    /// Ends the lists that are being read in pages. The revision moves on, so that no list to come
    /// can be taken for one of them.
    pub fn forget_snapshots(&mut self) {
        self.snapshots.clear();
        self.next_revision();
    }

    /// Only jobs are watched.
    fn remember(&mut self, resource: Resource, change: Change) {
        if resource == Resource::Jobs {
            self.history.push(change);
        }
    }

    fn next_revision(&self) -> u64 {
        self.revision.send_modify(|revision| *revision += 1);
        self.revision()
    }
}

/// Gives a metadata its uid and creation time, if it has none.
pub fn stamp(metadata: &mut Value) {
    if metadata["uid"].is_null() {
        metadata["uid"] = json!(uid());
    }
    if metadata["creationTimestamp"].is_null() {
        metadata["creationTimestamp"] = json!(now());
    }
}

/// A string, or the empty one for all else.
pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The time of day as Kubernetes writes it, in whole seconds.
pub fn now() -> String {
    OffsetDateTime::now_utc().replace_nanosecond(0).unwrap().format(&Rfc3339).unwrap()
}

/// Five letters that no word can be made of, for generated names.
pub fn suffix() -> String {
    let letters = b"bcdfghjklmnpqrstvwxz2456789";
    random::<5>().iter().map(|&byte| char::from(letters[usize::from(byte) % letters.len()])).collect()
}

fn uid() -> String {
    let hex = hex(&random::<16>());
    format!("{}-{}-4{}-a{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..])
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).unwrap();
    bytes
}
