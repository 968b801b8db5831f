//! Changing a job by a merge patch, as an API server alone does it: what follows from a change is
//! for controllers to do.

use serde_json::{Value, json};

use crate::support::stub::routes::Call;
use crate::support::stub::status::{self, Cause, Reply};
use crate::support::stub::store::{Resource, Store, text};

const MERGE_PATCH: &str = "application/merge-patch+json";

pub fn patch(store: &mut Store, call: &Call, namespace: &str, name: &str) -> Reply {
    let media_type = call.request.headers.get("content-type").map_or("", String::as_str);
    if media_type.split(';').next().unwrap_or_default().trim() != MERGE_PATCH {
        return status::unsupported_media_type();
    }
    let patch = match serde_json::from_slice(call.body) {
        Ok(patch @ Value::Object(_)) => patch,
        Ok(_) => return status::bad_request("json: cannot unmarshal into Go value of type map[string]interface {}"),
        Err(error) => return status::bad_request(&format!("error decoding patch: {error}")),
    };
    let Some(found) = store.get(Resource::Jobs, namespace, name) else {
        return status::not_found(Resource::Jobs, name);
    };
    let found: &Value = found;
    let mut job = found.clone();
    merge(&mut job, &patch);
    if !job["metadata"].is_object() || !job["spec"].is_object() {
        return status::bad_request("the patch leaves no Job behind");
    }
    // What clients may not write stays as it was, whatever the patch says.
    keep(&mut job, found, "status");
    for field in ["creationTimestamp", "deletionTimestamp", "generation", "managedFields"] {
        keep(&mut job["metadata"], &found["metadata"], field);
    }
    if let Some(refused) = refusal(found, &mut job, name) {
        return refused;
    }
    if job["spec"] != found["spec"] {
        job["metadata"]["generation"] = json!(found["metadata"]["generation"].as_i64().unwrap_or(1) + 1);
    }
    // A patch that changes nothing makes no new version, and no watch hears of it.
    if job != *found && !call.dry_run() {
        job = Value::clone(&store.put(Resource::Jobs, job));
    }
    Reply::new(200, job)
}

/// RFC 7386.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    for (name, value) in patch {
        if value.is_null() {
            target.as_object_mut().unwrap().remove(name);
        } else {
            merge(&mut target[name], value);
        }
    }
}

fn keep(object: &mut Value, found: &Value, field: &str) {
    match found.get(field) {
        Some(value) => object[field] = value.clone(),
        None => drop(object.as_object_mut().unwrap().remove(field)),
    }
}

/// A version that is named is a precondition; one that is not is filled in.
fn refusal(found: &Value, job: &mut Value, name: &str) -> Option<Reply> {
    let there = &found["metadata"];
    let asked = &mut job["metadata"];
    if asked["name"] != there["name"] {
        let other = text(&asked["name"]);
        let message = format!("the name of the object ({other}) does not match the name on the URL ({name})");
        return Some(status::bad_request(&message));
    }
    if ["", "0"].contains(&text(&asked["resourceVersion"])) {
        asked["resourceVersion"] = there["resourceVersion"].clone();
    }
    if asked["resourceVersion"] != there["resourceVersion"] {
        return Some(status::modified_meanwhile(Resource::Jobs, name));
    }
    if asked["uid"] != there["uid"] {
        let cause = Cause::invalid("metadata.uid", &asked["uid"], "field is immutable");
        return Some(status::invalid(Resource::Jobs, name, &[cause]));
    }
    if job["spec"]["suspend"].as_bool().is_none() && !job["spec"]["suspend"].is_null() {
        let message = "json: cannot unmarshal into Go struct field JobSpec.spec.suspend of type bool";
        return Some(status::bad_request(message));
    }
    None
}
