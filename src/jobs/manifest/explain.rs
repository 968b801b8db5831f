//! Makes the API server's errors about the form of a manifest clearer.

use serde_json::value::RawValue;

use crate::jobs::manifest::raw::{self, Members};
use crate::jobs::text::listed;
use crate::kube::error::Error;
use crate::kube::types::Cause;
use crate::util::strict_json::push_member;

/// Further unknown fields are not named.
const MAX_UNKNOWN: usize = 10;
/// The length of the shortest names of two words, such as `envFrom`.
const TWO_WORDS: usize = 7;
/// Names of one word that are as long.
const ONE_WORD: [&str; 10] = [
    "affinity",
    "command",
    "containers",
    "metadata",
    "namespace",
    "resources",
    "selector",
    "template",
    "tolerations",
    "volumes",
];
/// Fields of the pod that are often written one level too high.
const POD_FIELDS: [&str; 5] =
    ["spec.containers", "spec.initContainers", "spec.restartPolicy", "spec.serviceAccountName", "spec.volumes"];

const STRICT: &str = "strict decoding error: ";
const UNKNOWN: &str = "unknown field ";
const POD_HINT: &str = "; the fields of the pod belong to spec.template.spec";
const CASE_HINT: &str = "; names of two words are in camelCase: backoffLimit, not backoff_limit or backofflimit";

/// Returns the error, with a clearer message if it is about the form of this manifest.
pub fn explain(mut error: Error, manifest: &[u8]) -> Error {
    if let Error::Refused(refusal) = &mut error
        && refusal.code == 400
    {
        let status = &mut refusal.status;
        if let Some(cause) = wrong_type(&status.message, manifest) {
            status.message = format!("{}: {}", cause.field, cause.message);
            status.details.get_or_insert_default().causes = vec![cause];
        } else if let Some(message) = unknown_fields(&status.message) {
            status.message = message;
        }
    }
    error
}

/// Names the first unknown fields, with a hint if they are in the wrong place or not in camelCase.
fn unknown_fields(message: &str) -> Option<String> {
    let (before, list) = message.split_at_checked(message.find(STRICT)? + STRICT.len())?;
    let list = list.strip_prefix(UNKNOWN)?;
    let separator = format!(", {UNKNOWN}");
    let fields: Vec<&str> = list.split(&separator).collect();
    let is_of_the_pod = |field: &&str| POD_FIELDS.contains(&field.trim_matches('"'));
    let is_not_camel_case = |field: &&str| {
        let name = field.trim_matches('"').rsplit('.').next().unwrap_or_default();
        let is_lowercase = name.len() >= TWO_WORDS && name.bytes().all(|c| c.is_ascii_lowercase());
        name.contains('_') || (is_lowercase && !ONE_WORD.contains(&name))
    };
    let hint = match &fields {
        fields if fields.iter().any(is_of_the_pod) => POD_HINT,
        fields if fields.iter().any(is_not_camel_case) => CASE_HINT,
        _ => "",
    };
    let named: Vec<String> = fields.iter().map(|field| format!("{UNKNOWN}{field}")).collect();
    Some(format!("{before}{}{hint}", listed(&named, MAX_UNKNOWN)))
}

/// Finds the value of the wrong type that the API server reports. The path in its message has no indices.
fn wrong_type(message: &str, manifest: &[u8]) -> Option<Cause> {
    let (_, rest) = message.split_once("json: cannot unmarshal ")?;
    let (got, rest) = rest.split_once(" into Go struct field ")?;
    let (field, wanted) = rest.split_once(" of type ")?;
    let (_, path) = field.split_once('.')?;
    let names: Vec<&str> = path.split('.').collect();
    let manifest: Option<Box<RawValue>> = serde_json::from_slice(manifest).ok();
    let found = manifest.and_then(|manifest| find(&manifest, &names, got, String::new()));
    let got = got.split(' ').next().unwrap_or(got);
    let quotes = if wanted == "string" && ["number", "bool"].contains(&got) { "; write it in quotes" } else { "" };
    let message = format!("must be {}, and is {}{quotes}", expected(wanted), kind(got));
    Some(Cause { reason: "FieldValueTypeInvalid".to_owned(), field: found.unwrap_or_else(|| path.to_owned()), message })
}

/// Returns the path of the first value of this kind at these names, or right below them.
fn find(value: &RawValue, names: &[&str], got: &str, path: String) -> Option<String> {
    if names.is_empty() && is_of_kind(value.get(), got) {
        return Some(path);
    }
    if let Some(elements) = raw::parse::<Vec<Box<RawValue>>>(value) {
        let mut elements = elements.iter().enumerate();
        return elements.find_map(|(at, element)| {
            let path = format!("{path}[{at}]");
            // Kubernetes has no arrays of arrays.
            if element.get().starts_with('[') {
                return (names.is_empty() && got == "array").then_some(path);
            }
            find(element, names, got, path)
        });
    }
    let members: Members = raw::parse(value)?;
    let below = |name: &str| {
        let mut path = path.clone();
        push_member(&mut path, name);
        path
    };
    match names.split_first() {
        Some((name, names)) => find(members.get(*name)?, names, got, below(name)),
        None => members.iter().find(|(_, value)| is_of_kind(value.get(), got)).map(|(name, _)| below(name)),
    }
}

/// Whether a value is of a kind in Go's words: `number 1.5` is that number, `number` is any.
fn is_of_kind(value: &str, got: &str) -> bool {
    match value.as_bytes().first() {
        Some(b'"') => got == "string",
        Some(b't' | b'f') => got == "bool",
        Some(b'[') => got == "array",
        Some(b'{') => got == "object",
        Some(b'-' | b'0'..=b'9') => got == "number" || got.strip_prefix("number ") == Some(value),
        _ => false,
    }
}

/// Returns the JSON type of a Go type.
fn expected(go: &str) -> &'static str {
    match go.trim_start_matches('*') {
        "string" => "a string",
        "bool" => "true or false",
        go if go.starts_with("int") || go.starts_with("uint") => "a whole number",
        go if go.starts_with("float") => "a number",
        go if go.starts_with("[]") => "an array",
        _ => "an object",
    }
}

fn kind(got: &str) -> &'static str {
    match got {
        "string" => "a string",
        "bool" => "true or false",
        "array" => "an array",
        "object" => "an object",
        _ => "a number",
    }
}

#[cfg(test)]
#[path = "explain_tests.rs"]
mod tests;
