//! The objects of the stub cluster, as etcd and the garbage collector would keep them: uids,
//! resource versions, creation times, who goes with whom. It knows nothing of requests or of what
//! is valid.

use std::collections::BTreeMap;

use ring::rand::{SecureRandom, SystemRandom};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::sync::watch;

use crate::support::judge::hex;

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Resource {
    Namespaces,
    Jobs,
    Pods,
    Events,
}

impl Resource {
    pub fn plural(self) -> &'static str {
        match self {
            Self::Namespaces => "namespaces",
            Self::Jobs => "jobs",
            Self::Pods => "pods",
            Self::Events => "events",
        }
    }

    pub fn kind(self) -> &'static str {
        match self {
            Self::Namespaces => "Namespace",
            Self::Jobs => "Job",
            Self::Pods => "Pod",
            Self::Events => "Event",
        }
    }

    pub fn group(self) -> &'static str {
        if self == Self::Jobs { "batch" } else { "" }
    }

    pub fn api_version(self) -> &'static str {
        if self == Self::Jobs { "batch/v1" } else { "v1" }
    }

    /// The name that error messages use, `jobs.batch`.
    pub fn qualified(self) -> &'static str {
        if self == Self::Jobs { "jobs.batch" } else { self.plural() }
    }
}

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
    objects: BTreeMap<(Resource, String, String), Value>,
    pub deletions: Vec<Deletion>,
    /// Tells of every change; its value is the newest resource version.
    pub revision: watch::Sender<u64>,
}

impl Store {
    pub fn new() -> Self {
        let revision = watch::Sender::new(700);
        let mut store = Self { objects: BTreeMap::new(), deletions: Vec::new(), revision };
        for name in ["default", "kube-node-lease", "kube-public", "kube-system"] {
            store.put_bare_namespace(name);
        }
        store
    }

    pub fn get(&self, resource: Resource, namespace: &str, name: &str) -> Option<&Value> {
        self.objects.get(&(resource, namespace.to_owned(), name.to_owned()))
    }

    /// All objects of a resource, in one namespace or in all.
    pub fn list(&self, resource: Resource, namespace: Option<&str>) -> Vec<Value> {
        let wanted = |key: &(Resource, String, String)| key.0 == resource && namespace.is_none_or(|n| key.1 == n);
        self.objects.iter().filter(|(key, _)| wanted(key)).map(|(_, object)| object.clone()).collect()
    }

    /// Stores an object under its own name, completed, and returns it as stored.
    pub fn put(&mut self, resource: Resource, mut object: Value) -> Value {
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
        object["metadata"]["resourceVersion"] = json!(self.next_revision());
        self.objects.insert((resource, namespace, name), object.clone());
        object
    }

    fn put_bare_namespace(&mut self, name: &str) {
        let labels = json!({"kubernetes.io/metadata.name": name});
        let spec = json!({"finalizers": ["kubernetes"]});
        let metadata = json!({"name": name, "labels": labels});
        self.put(Resource::Namespaces, json!({"metadata": metadata, "spec": spec, "status": {"phase": "Active"}}));
    }

    /// Changes an object in place; false if it is not there.
    pub fn update(&mut self, resource: Resource, namespace: &str, name: &str, change: impl FnOnce(&mut Value)) -> bool {
        let Some(object) = self.objects.get_mut(&(resource, namespace.to_owned(), name.to_owned())) else {
            return false;
        };
        change(object);
        let object = object.clone();
        self.put(resource, object);
        true
    }

    /// The pods that a job made.
    pub fn pods_of(&self, job_uid: &str) -> Vec<Value> {
        let owned = |pod: &Value| {
            let owners = pod["metadata"]["ownerReferences"].as_array();
            owners.is_some_and(|owners| owners.iter().any(|owner| owner["uid"] == job_uid))
        };
        self.list(Resource::Pods, None).into_iter().filter(owned).collect()
    }

    /// Removes a job with its pods.
    pub fn remove_job(&mut self, namespace: &str, name: &str) {
        if let Some(job) = self.remove(Resource::Jobs, namespace, name) {
            for pod in self.pods_of(text(&job["metadata"]["uid"])) {
                let metadata = &pod["metadata"];
                self.remove(Resource::Pods, text(&metadata["namespace"]), text(&metadata["name"]));
            }
        }
    }

    /// Removes a namespace with all that is in it.
    pub fn remove_namespace(&mut self, name: &str) {
        self.objects.retain(|(_, namespace, _), _| namespace != name);
        self.remove(Resource::Namespaces, "", name);
    }

    /// Lets the pods of all jobs that are being deleted end, and with them the jobs.
    pub fn settle(&mut self) {
        for job in self.list(Resource::Jobs, None) {
            let metadata = &job["metadata"];
            if metadata["finalizers"] == json!(["foregroundDeletion"]) {
                self.remove_job(text(&metadata["namespace"]), text(&metadata["name"]));
            }
        }
    }

    pub fn remove(&mut self, resource: Resource, namespace: &str, name: &str) -> Option<Value> {
        let removed = self.objects.remove(&(resource, namespace.to_owned(), name.to_owned()));
        self.next_revision();
        removed
    }

    fn next_revision(&self) -> String {
        self.revision.send_modify(|revision| *revision += 1);
        self.revision.borrow().to_string()
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
