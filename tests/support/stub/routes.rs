//! Which request goes where. What listing, creating and deleting mean stands in rooms of their own.

use serde_json::{Value, json};

use super::lists::list;
use super::recorded::Recorded;
use super::status::{self, Reply};
use super::store::{Resource, Store};
use super::{jobs, namespaces};
use crate::support::fixture;

/// A request as the routes see it.
#[derive(Debug)]
pub struct Call<'a> {
    pub method: &'a str,
    /// The path, taken apart.
    pub path: Vec<&'a str>,
    pub request: &'a Recorded,
    pub body: &'a [u8],
}

impl<'a> Call<'a> {
    pub fn new(request: &'a Recorded, body: &'a [u8]) -> Self {
        let path = request.path.split('/').skip(1).collect();
        Self { method: &request.method, path, request, body }
    }

    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.request.parameter(name)
    }

    pub fn flag(&self, name: &str) -> bool {
        self.request.flag(name)
    }

    pub fn dry_run(&self) -> bool {
        self.parameter("dryRun") == Some("All")
    }
}

pub fn route(store: &mut Store, call: &Call) -> Reply {
    match (call.method, &call.path[..]) {
        ("GET", ["version"]) => {
            let recording = fixture("kubernetes-1.36/version");
            Reply::new(200, recording["response"]["body"].clone())
        }
        ("GET", ["readyz" | "livez" | "healthz"]) => Reply::new(200, json!("ok")),

        ("GET", ["api", "v1", "namespaces"]) => list(store, call, Resource::Namespaces, Some("")),
        ("POST", ["api", "v1", "namespaces"]) => namespaces::create(store, call),
        ("GET", ["api", "v1", "namespaces", name]) => get(store, Resource::Namespaces, "", name),
        ("DELETE", ["api", "v1", "namespaces", name]) => namespaces::delete(store, call, name),

        ("GET", ["apis", "batch", "v1", "jobs"]) => list(store, call, Resource::Jobs, None),
        ("GET", ["apis", "batch", "v1", "namespaces", namespace, "jobs"]) => {
            list(store, call, Resource::Jobs, Some(namespace))
        }
        ("POST", ["apis", "batch", "v1", "namespaces", namespace, "jobs"]) => jobs::create(store, call, namespace),
        ("GET", ["apis", "batch", "v1", "namespaces", namespace, "jobs", name]) => {
            get(store, Resource::Jobs, namespace, name)
        }
        ("PATCH", ["apis", "batch", "v1", "namespaces", namespace, "jobs", name]) => {
            jobs::patch(store, call, namespace, name)
        }
        ("DELETE", ["apis", "batch", "v1", "namespaces", namespace, "jobs", name]) => {
            jobs::delete(store, call, namespace, name)
        }

        ("GET", ["apis", "batch", "v1", "cronjobs"]) => list(store, call, Resource::CronJobs, None),
        ("GET", ["apis", "batch", "v1", "namespaces", namespace, "cronjobs"]) => {
            list(store, call, Resource::CronJobs, Some(namespace))
        }
        ("GET", ["apis", "batch", "v1", "namespaces", namespace, "cronjobs", name]) => {
            get(store, Resource::CronJobs, namespace, name)
        }

        ("GET", ["api", "v1", "namespaces", namespace, "pods"]) => list(store, call, Resource::Pods, Some(namespace)),
        ("GET", ["api", "v1", "namespaces", namespace, "pods", name]) => get(store, Resource::Pods, namespace, name),
        ("GET", ["api", "v1", "namespaces", namespace, "events"]) => {
            list(store, call, Resource::Events, Some(namespace))
        }
        (_, ["api", "v1", "namespaces", ..] | ["apis", "batch", "v1", "jobs" | "cronjobs" | "namespaces", ..]) => {
            status::method_not_allowed()
        }
        _ => status::no_such_path(),
    }
}

fn get(store: &Store, resource: Resource, namespace: &str, name: &str) -> Reply {
    let found = store.get(resource, namespace, name);
    found.map_or_else(|| status::not_found(resource, name), |object| Reply::new(200, Value::clone(object)))
}

/// The options of a deletion: the body's, with those of the query laid over them.
pub fn delete_options(call: &Call) -> Value {
    let mut options = call.request.body.clone();
    if !options.is_object() {
        options = json!({});
    }
    for (name, value) in &call.request.query {
        options[name] = value.parse::<i64>().map_or_else(|_| json!(value), Value::from);
    }
    options
}
