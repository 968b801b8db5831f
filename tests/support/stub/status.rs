//! Answers, and the Status bodies of Kubernetes for those that say no: the wording is the
//! recordings'.

use hyper::body::Bytes;
use serde_json::{Value, json};

use super::store::Resource;

/// An answer that is not on the wire yet. A body that is a string goes out as plain text.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Value,
    /// The body in JSON, if it was written already.
    written: Option<Bytes>,
}

impl Reply {
    pub fn new(status: u16, body: Value) -> Self {
        Self { status, headers: Vec::new(), body, written: None }
    }

    /// For what is large and made of parts that are kept in writing.
    pub fn written(status: u16, body: Bytes) -> Self {
        Self { written: Some(body), ..Self::new(status, Value::Null) }
    }

    pub fn with_headers(self, headers: Vec<(String, String)>) -> Self {
        Self { headers, ..self }
    }

    pub fn broken_json() -> Self {
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        Self::new(200, Value::from(r#"{"kind":"Job","metadata":{"#)).with_headers(headers)
    }

    pub fn bytes(&self) -> Bytes {
        if let Some(written) = &self.written {
            return Bytes::clone(written);
        }
        let bytes = self.body.as_str().map_or_else(|| self.body.to_string(), str::to_owned);
        Bytes::from(bytes)
    }
}

/// One field of an object that is not as it should be.
#[derive(Clone, Debug)]
pub struct Cause {
    pub reason: &'static str,
    pub message: String,
    pub field: String,
}

impl Cause {
    pub fn required(field: impl Into<String>, why: &str) -> Self {
        let message = if why.is_empty() { "Required value".into() } else { format!("Required value: {why}") };
        Self { reason: "FieldValueRequired", message, field: field.into() }
    }

    pub fn invalid(field: impl Into<String>, value: &Value, why: &str) -> Self {
        let message = format!("Invalid value: {value}: {why}");
        Self { reason: "FieldValueInvalid", message, field: field.into() }
    }
}

pub fn failure(code: u16, reason: &str, message: &str, details: Option<Value>) -> Reply {
    let mut body = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": reason, "code": code,
    });
    if let Some(details) = details {
        body["details"] = details;
    }
    Reply::new(code, body)
}

pub fn bad_request(message: &str) -> Reply {
    failure(400, "BadRequest", message, None)
}

pub fn unauthorized() -> Reply {
    failure(401, "Unauthorized", "Unauthorized", None)
}

pub fn forbidden(resource: Resource, name: &str, why: &str) -> Reply {
    let message = format!("{} \"{name}\" is forbidden: {why}", resource.qualified());
    failure(403, "Forbidden", &message, Some(details(resource, name)))
}

pub fn not_found(resource: Resource, name: &str) -> Reply {
    let message = format!("{} \"{name}\" not found", resource.qualified());
    failure(404, "NotFound", &message, Some(details(resource, name)))
}

pub fn no_such_path() -> Reply {
    let message = "the server could not find the requested resource";
    failure(404, "NotFound", message, Some(json!({})))
}

pub fn method_not_allowed() -> Reply {
    let message = "the server does not allow this method on the requested resource";
    failure(405, "MethodNotAllowed", message, Some(json!({})))
}

pub fn gone(asked: u64, oldest: u64) -> Reply {
    failure(410, "Expired", &format!("too old resource version: {asked} ({oldest})"), None)
}

pub fn already_exists(resource: Resource, name: &str) -> Reply {
    let message = format!("{} \"{name}\" already exists", resource.qualified());
    failure(409, "AlreadyExists", &message, Some(details(resource, name)))
}

pub fn modified_meanwhile(resource: Resource, name: &str) -> Reply {
    let message = format!(
        "Operation cannot be fulfilled on {} \"{name}\": the object has been modified; please apply your changes to \
         the latest version and try again",
        resource.qualified()
    );
    failure(409, "Conflict", &message, Some(details(resource, name)))
}

pub fn unsupported_media_type() -> Reply {
    let message = "the body of the request was in an unknown format - accepted media types include: \
         application/json-patch+json, application/merge-patch+json, application/strategic-merge-patch+json, \
         application/apply-patch+yaml";
    failure(415, "UnsupportedMediaType", message, None)
}

pub fn wrong_uid(resource: Resource, name: &str, wanted: &str, found: &str) -> Reply {
    let kind = with_group(resource.kind(), resource);
    let message = format!(
        "Operation cannot be fulfilled on {kind} \"{name}\": the UID in the precondition ({wanted}) does not \
         match the UID in record ({found}). The object might have been deleted and then recreated"
    );
    failure(409, "Conflict", &message, Some(kind_details(resource, name)))
}

pub fn invalid(resource: Resource, name: &str, causes: &[Cause]) -> Reply {
    let all: Vec<String> = causes.iter().map(|cause| format!("{}: {}", cause.field, cause.message)).collect();
    let all = if let [one] = &all[..] { one.clone() } else { format!("[{}]", all.join(", ")) };
    let kind = with_group(resource.kind(), resource);
    let mut details = kind_details(resource, name);
    let cause = |cause: &Cause| json!({"reason": cause.reason, "message": cause.message, "field": cause.field});
    details["causes"] = causes.iter().map(cause).collect();
    failure(422, "Invalid", &format!("{kind} \"{name}\" is invalid: {all}"), Some(details))
}

fn details(resource: Resource, name: &str) -> Value {
    grouped(json!({"name": name, "kind": resource.plural()}), resource)
}

/// Validation and preconditions name the kind, `Job`, where all others name the resource, `jobs`.
fn kind_details(resource: Resource, name: &str) -> Value {
    grouped(json!({"name": name, "kind": resource.kind()}), resource)
}

fn grouped(mut details: Value, resource: Resource) -> Value {
    if !resource.group().is_empty() {
        details["group"] = Value::from(resource.group());
    }
    details
}

fn with_group(kind: &str, resource: Resource) -> String {
    if resource.group().is_empty() { kind.to_owned() } else { format!("{kind}.{}", resource.group()) }
}
