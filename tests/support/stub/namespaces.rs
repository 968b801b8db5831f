//! Creating and deleting namespaces, with the refusals of an API server.

use serde_json::{Value, json};

use super::routes::{Call, delete_options};
use super::status::{self, Cause, Reply};
use super::store::{Deletion, Resource, Store, now, stamp, text};

const LABEL_RULE: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and \
     must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is \
     '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";

const VALUE_RULE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and \
     must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for \
     validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

const KEY_RULE: &str = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an \
     alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is \
     '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";

pub fn create(store: &mut Store, call: &Call) -> Reply {
    let Ok(Value::Object(object)) = serde_json::from_slice(call.body) else {
        return status::bad_request("the object provided is unrecognized (must be of type Namespace)");
    };
    let mut object = Value::Object(object);
    let name = text(&object["metadata"]["name"]).to_owned();
    let mut causes: Vec<Cause> = label_fault("metadata.name", &name).into_iter().collect();
    causes.extend(metadata_faults(&object["metadata"]));
    if !causes.is_empty() {
        return status::invalid(Resource::Namespaces, &name, &causes);
    }
    if store.get(Resource::Namespaces, "", &name).is_some() {
        return status::already_exists(Resource::Namespaces, &name);
    }
    object["metadata"]["labels"]["kubernetes.io/metadata.name"] = json!(name);
    object["spec"] = json!({"finalizers": ["kubernetes"]});
    object["status"] = json!({"phase": "Active"});
    if call.dry_run() {
        stamp(&mut object["metadata"]);
        return Reply::new(201, object);
    }
    Reply::new(201, Value::clone(&store.put(Resource::Namespaces, object)))
}

pub fn delete(store: &mut Store, call: &Call, name: &str) -> Reply {
    let Some(found) = store.get(Resource::Namespaces, "", name).cloned() else {
        return status::not_found(Resource::Namespaces, name);
    };
    if ["default", "kube-system", "kube-public"].contains(&name) {
        return status::forbidden(Resource::Namespaces, name, "this namespace may not be deleted");
    }
    let options = delete_options(call);
    let (wanted, uid) = (text(&options["preconditions"]["uid"]), text(&found["metadata"]["uid"]));
    if !wanted.is_empty() && wanted != uid {
        return status::wrong_uid(Resource::Namespaces, name, wanted, uid);
    }
    let foreground = options["propagationPolicy"] == "Foreground";
    store.deletions.push(Deletion { namespace: String::new(), name: name.to_owned(), options });
    if found["metadata"]["deletionTimestamp"].is_null() {
        store.update(Resource::Namespaces, "", name, |namespace| {
            namespace["metadata"]["deletionTimestamp"] = json!(now());
            namespace["status"]["phase"] = json!("Terminating");
            if foreground {
                namespace["metadata"]["finalizers"] = json!(["foregroundDeletion"]);
            }
        });
    }
    Reply::new(200, store.get(Resource::Namespaces, "", name).map(|found| Value::clone(found)).unwrap_or_default())
}

/// What is wrong with a name that must be a DNS label.
pub fn label_fault(field: &str, name: &str) -> Option<Cause> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let edges = name.bytes().next().is_some_and(plain) && name.bytes().last().is_some_and(plain);
    if name.is_empty() {
        Some(Cause::required(field, "name or generateName is required"))
    } else if name.len() > 63 {
        Some(Cause::invalid(field, &json!(name), "must be no more than 63 bytes"))
    } else if !edges || !name.bytes().all(|byte| plain(byte) || byte == b'-') {
        Some(Cause::invalid(field, &json!(name), LABEL_RULE))
    } else {
        None
    }
}

/// What is wrong with labels and with the keys of annotations.
pub fn metadata_faults(metadata: &Value) -> Vec<Cause> {
    let part = |text: &str| {
        let edge = |byte: Option<u8>| byte.is_none_or(|byte| byte.is_ascii_alphanumeric());
        let inner = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        edge(text.bytes().next()) && edge(text.bytes().last()) && text.bytes().all(inner) && text.len() <= 63
    };
    let mut causes = Vec::new();
    for field in ["labels", "annotations"] {
        for (key, value) in metadata[field].as_object().into_iter().flatten() {
            let (prefix, name) = key.rsplit_once('/').unwrap_or(("a", key));
            if name.is_empty() || !part(name) || prefix.split('.').any(|part| label_fault("", part).is_some()) {
                causes.push(Cause::invalid(format!("metadata.{field}"), &json!(key), KEY_RULE));
            }
            if field == "labels" && !part(text(value)) {
                causes.push(Cause::invalid("metadata.labels", value, VALUE_RULE));
            }
        }
    }
    causes
}
