//! What a watch says: which changes concern it, and the lines that tell of them.

use hyper::body::Bytes;
use serde_json::{Value, json};

use crate::support::stub::selector::Selector;
use crate::support::stub::status;
use crate::support::stub::store::{Change, Object};

/// Which jobs a watch asked for.
#[derive(Debug)]
pub struct Scope {
    pub namespace: Option<String>,
    pub selector: Selector,
}

impl Scope {
    /// The line that tells of a change; nothing if it does not concern this watch. A job that leaves
    /// the selector is as good as deleted, one that enters it is new.
    pub fn tell(&self, change: &Change) -> Option<Bytes> {
        let inside = |object: &&Object| {
            self.namespace.as_ref().is_none_or(|namespace| object.namespace() == namespace)
                && self.selector.fits(object)
        };
        match (change.before.as_ref().filter(inside), change.after.as_ref().filter(inside)) {
            (None, None) => None,
            (None, Some(after)) => Some(line("ADDED", after)),
            (Some(_), Some(after)) => Some(line("MODIFIED", after)),
            (Some(before), None) => {
                // The last state that the watch saw, with the version at which it ended.
                let mut last = Value::clone(before);
                last["metadata"]["resourceVersion"] = json!(change.revision.to_string());
                Some(line("DELETED", &last))
            }
        }
    }
}

pub fn line(kind: &str, object: &Value) -> Bytes {
    Bytes::from(format!("{{\"type\":\"{kind}\",\"object\":{object}}}\n"))
}

/// A job that is empty but for its version. The one after the initial events says so.
pub fn bookmark(revision: u64, after_initial: bool) -> Bytes {
    let mut metadata = json!({"resourceVersion": revision.to_string()});
    if after_initial {
        metadata["annotations"] = json!({"k8s.io/initial-events-end": "true"});
    }
    let spec = json!({"template": {"metadata": {}, "spec": {"containers": null}}});
    let empty = json!({"kind": "Job", "apiVersion": "batch/v1", "metadata": metadata, "spec": spec, "status": {}});
    line("BOOKMARK", &empty)
}

pub fn gone(asked: u64, oldest: u64) -> Bytes {
    line("ERROR", &status::gone(asked, oldest).body)
}
