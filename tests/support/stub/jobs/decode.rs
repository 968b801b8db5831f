//! A request's bytes to a Job, with the errors of strict decoding. What the values may be is
//! checked later.

use serde_json::Value;

use crate::support::stub::routes::Call;
use crate::support::stub::status::{self, Reply};

const FIELDS: [&str; 5] = ["apiVersion", "kind", "metadata", "spec", "status"];

const SPEC_FIELDS: [&str; 16] = [
    "activeDeadlineSeconds",
    "backoffLimit",
    "backoffLimitPerIndex",
    "completionMode",
    "completions",
    "managedBy",
    "manualSelector",
    "maxFailedIndexes",
    "parallelism",
    "podFailurePolicy",
    "podReplacementPolicy",
    "selector",
    "successPolicy",
    "suspend",
    "template",
    "ttlSecondsAfterFinished",
];

const NUMBERS: [(&str, &str); 5] = [
    ("activeDeadlineSeconds", "int64"),
    ("backoffLimit", "int32"),
    ("completions", "int32"),
    ("parallelism", "int32"),
    ("ttlSecondsAfterFinished", "int32"),
];

/// Returns the Job without the fields that nobody knows, and these: only a strict request is
/// refused for them.
pub fn decode(call: &Call) -> Result<(Value, Vec<String>), Reply> {
    let unrecognized = |why: &str| {
        let start: String = String::from_utf8_lossy(call.body).chars().take(29).collect();
        let message = format!("the object provided is unrecognized (must be of type Job): {why} ({start} ...)");
        Err(status::bad_request(&message))
    };
    let mut job: Value = match serde_json::from_slice(call.body) {
        Ok(job) => job,
        Err(error) => return unrecognized(&format!("couldn't get version/kind; json parse error: {error}")),
    };
    if job["apiVersion"] != "batch/v1" || job["kind"] != "Job" {
        return unrecognized("not a batch/v1 Job");
    }
    for (field, kind) in NUMBERS {
        let found = match &job["spec"][field] {
            Value::Null => continue,
            Value::Number(number) if number.is_i64() => continue,
            Value::Number(number) => &format!("number {number}"),
            Value::Bool(_) => "bool",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        };
        let message =
            format!("json: cannot unmarshal {found} into Go struct field JobSpec.spec.{field} of type {kind}");
        return Err(refused(&message));
    }
    for field in ["labels", "annotations"] {
        let found = &job["metadata"][field];
        let fits = found.as_object().is_some_and(|map| map.values().all(Value::is_string));
        if !found.is_null() && !fits {
            let message = format!(
                "json: cannot unmarshal into Go struct field ObjectMeta.metadata.{field} of type map[string]string"
            );
            return Err(refused(&message));
        }
    }
    for container in job["spec"]["template"]["spec"]["containers"].as_array().into_iter().flatten() {
        for field in ["command", "args"] {
            let fits = |words: &Vec<Value>| words.iter().all(|word| word.is_string() || word.is_null());
            if !container[field].is_null() && !container[field].as_array().is_some_and(fits) {
                let place = format!("Container.spec.template.spec.containers.{field}");
                return Err(refused(&format!("json: cannot unmarshal into Go struct field {place} of type string")));
            }
        }
    }
    let mut unknown = strip(&mut job, &FIELDS, "");
    if let Some(spec) = job.get_mut("spec") {
        unknown.extend(strip(spec, &SPEC_FIELDS, "spec."));
    }
    if call.parameter("fieldValidation") == Some("Strict") && !unknown.is_empty() {
        let all: Vec<String> = unknown.iter().map(|field| format!("unknown field \"{field}\"")).collect();
        return Err(refused(&format!("strict decoding error: {}", all.join(", "))));
    }
    Ok((job, unknown))
}

fn strip(value: &mut Value, known: &[&str], prefix: &str) -> Vec<String> {
    let mut unknown = Vec::new();
    if let Value::Object(fields) = value {
        unknown.extend(fields.keys().filter(|name| !known.contains(&name.as_str())).cloned());
        fields.retain(|name, _| known.contains(&name.as_str()));
    }
    unknown.iter().map(|name| format!("{prefix}{name}")).collect()
}

fn refused(why: &str) -> Reply {
    status::bad_request(&format!("Job in version \"v1\" cannot be handled as a Job: {why}"))
}
