//! Creating and deleting jobs, with the refusals and the defaults of an API server, as far as tests
//! need them.

mod decode;
mod defaults;
mod patch;

use serde_json::{Value, json};

use super::namespaces::{label_fault, metadata_faults};
use super::routes::{Call, delete_options};
use super::status::{self, Cause, Reply};
use super::store::{Deletion, Resource, Store, marked, stamp, suffix, text};
pub use patch::patch;

/// Refuses in the order of an API server: the document, the namespace, the fields, the name that is
/// taken.
pub fn create(store: &mut Store, call: &Call, namespace: &str) -> Reply {
    let (mut job, unknown) = match decode::decode(call) {
        Ok(decoded) => decoded,
        Err(refused) => return refused,
    };
    if job["metadata"]["name"].is_null() && job["metadata"]["generateName"].is_string() {
        job["metadata"]["name"] = json!(format!("{}{}", text(&job["metadata"]["generateName"]), suffix()));
    }
    let name = text(&job["metadata"]["name"]).to_owned();
    if let Some(refused) = admit(store, &job, namespace, &name) {
        return refused;
    }
    let causes = faults(&job, &name);
    if !causes.is_empty() {
        return status::invalid(Resource::Jobs, &name, &causes);
    }
    if let Some(refused) = over_quota(store, namespace, &name) {
        return refused;
    }
    if store.get(Resource::Jobs, namespace, &name).is_some() {
        return status::already_exists(Resource::Jobs, &name);
    }

    let metadata = &mut job["metadata"];
    metadata["namespace"] = json!(namespace);
    metadata["generation"] = json!(1);
    for field in ["uid", "creationTimestamp", "resourceVersion", "deletionTimestamp"] {
        metadata.as_object_mut().unwrap().remove(field);
    }
    stamp(metadata);
    defaults::fill(&mut job, &name);
    if !call.dry_run() {
        job = Value::clone(&store.put(Resource::Jobs, job));
        store.collect(namespace, &name);
    }
    let mut reply = Reply::new(201, job);
    if call.parameter("fieldValidation").is_none_or(|mode| mode == "Warn") {
        let warning = |field: &String| format!(r#"299 - "unknown field \"{}\"""#, field.escape_debug());
        reply.headers = unknown.iter().map(|field| ("warning".to_owned(), warning(field))).collect();
    }
    reply
}

/// What admission refuses before anyone looks at the fields.
fn admit(store: &Store, job: &Value, namespace: &str, name: &str) -> Option<Reply> {
    let own = text(&job["metadata"]["namespace"]);
    if !own.is_empty() && own != namespace {
        let message = "the namespace of the provided object does not match the namespace sent on the request";
        return Some(status::bad_request(message));
    }
    let Some(found) = store.get(Resource::Namespaces, "", namespace) else {
        return Some(status::not_found(Resource::Namespaces, namespace));
    };
    if found["metadata"]["deletionTimestamp"].is_null() {
        return None;
    }
    let why = format!("unable to create new content in namespace {namespace} because it is being terminated");
    let mut refused = status::forbidden(Resource::Jobs, name, &why);
    let message = format!("namespace {namespace} is being terminated");
    let cause = json!({"reason": "NamespaceTerminating", "message": message, "field": "metadata.namespace"});
    refused.body["details"]["causes"] = json!([cause]);
    Some(refused)
}

/// A quota is looked at before the name: a job that is there is refused, too.
fn over_quota(store: &Store, namespace: &str, name: &str) -> Option<Reply> {
    let limit = *store.quotas.get(namespace)?;
    let used = store.list(Resource::Jobs, Some(namespace)).count();
    let why = format!(
        "exceeded quota: jobs, requested: count/jobs.batch=1, used: count/jobs.batch={used}, limited: \
         count/jobs.batch={limit}"
    );
    (used >= limit).then(|| status::forbidden(Resource::Jobs, name, &why))
}

/// What validation finds, in its order.
fn faults(job: &Value, name: &str) -> Vec<Cause> {
    // A DNS subdomain: labels with dots between.
    let of_part = |part| label_fault("metadata.name", part);
    let too_long = label_fault("metadata.name", name).filter(|_| name.len() > 63);
    let mut causes: Vec<Cause> = too_long.or_else(|| name.split('.').find_map(of_part)).into_iter().collect();
    causes.extend(metadata_faults(&job["metadata"]));
    let spec = &job["spec"];
    for field in ["parallelism", "completions", "backoffLimit"] {
        if spec[field].as_i64().is_some_and(|number| number < 0) {
            let why = "must be greater than or equal to 0";
            causes.push(Cause::invalid(format!("spec.{field}"), &spec[field], why));
        }
    }
    let pod = &spec["template"]["spec"];
    let containers = pod["containers"].as_array().map(Vec::as_slice).unwrap_or_default();
    if containers.is_empty() {
        causes.push(Cause::required("spec.template.spec.containers", ""));
    }
    for (at, container) in containers.iter().enumerate() {
        let field = |name: &str| format!("spec.template.spec.containers[{at}].{name}");
        if text(&container["name"]).is_empty() {
            causes.push(Cause::required(field("name"), ""));
        } else {
            causes.extend(label_fault(&field("name"), text(&container["name"])));
        }
        if text(&container["image"]).is_empty() {
            causes.push(Cause::required(field("image"), ""));
        }
    }
    if !["OnFailure", "Never"].contains(&text(&pod["restartPolicy"])) {
        causes.push(Cause::required("spec.template.spec.restartPolicy", r#"valid values: "OnFailure", "Never""#));
    }
    causes
}

pub fn delete(store: &mut Store, call: &Call, namespace: &str, name: &str) -> Reply {
    let Some(found) = store.get(Resource::Jobs, namespace, name).cloned() else {
        return status::not_found(Resource::Jobs, name);
    };
    let options = delete_options(call);
    let uid = text(&found["metadata"]["uid"]).to_owned();
    let wanted = text(&options["preconditions"]["uid"]);
    if !wanted.is_empty() && wanted != uid {
        return status::wrong_uid(Resource::Jobs, name, wanted, &uid);
    }
    let policy = text(&options["propagationPolicy"]).to_owned();
    if !["", "Foreground", "Background", "Orphan"].contains(&policy.as_str()) {
        return status::bad_request(&format!("invalid propagationPolicy {policy:?}"));
    }
    if !call.dry_run() {
        store.deletions.push(Deletion { namespace: namespace.to_owned(), name: name.to_owned(), options });
    }
    if policy == "Foreground" {
        // The answer is the job as it is marked, even if it goes at once.
        let job = if call.dry_run() { marked(&found) } else { Value::clone(&store.mark(namespace, name)) };
        store.collect_marked(namespace, name);
        return Reply::new(200, job);
    }
    if !call.dry_run() {
        store.delete_job(namespace, name, &policy);
    }
    let details = json!({"name": name, "group": "batch", "kind": "jobs", "uid": uid});
    let body = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details});
    Reply::new(200, body)
}
