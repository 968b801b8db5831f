//! From what a caller wants to the manifest that is sent: name, namespace, labels and stamp are set, contradictions
//! refused, all else passed through as it came.

use std::collections::BTreeMap;
use std::fmt;
use std::time::SystemTime;

use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value};
use time::OffsetDateTime;

use super::stamp::{IdempotencyKey, Stamp, random_letters};
use crate::kube::name::{JobName, Namespace};

/// Kubernetes cuts a generateName so that its suffix still fits a label.
const LONGEST_PREFIX: usize = 53;

/// The caller's own manifest, of which only `metadata` is looked into. All else is passed through as it was written:
/// it need not be taken apart to be put together again.
pub type Manifest = BTreeMap<String, Box<RawValue>>;

/// What a caller asks to have created, as it came, with the circumstances of the call.
#[derive(Debug)]
pub struct Wanted<'a> {
    pub manifest: Manifest,
    pub namespace: Option<&'a str>,
    pub key: Option<IdempotencyKey>,
    pub request_id: &'a str,
    pub now: SystemTime,
}

/// A manifest ready to be sent.
#[derive(Debug)]
pub struct Prepared {
    pub namespace: Namespace,
    pub name: JobName,
    pub stamp: Stamp,
    pub manifest: Vec<u8>,
}

/// What is wrong with a manifest, and where.
#[derive(Debug, PartialEq, Eq)]
pub struct Invalid {
    pub field: &'static str,
    pub message: String,
    /// Whether the form is wrong (a type, a contradiction) rather than a value.
    pub malformed: bool,
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}

impl std::error::Error for Invalid {}

fn malformed(field: &'static str, message: impl Into<String>) -> Invalid {
    Invalid { field, message: message.into(), malformed: true }
}

/// Makes the manifest that is sent, or says which field to change.
pub fn prepare(wanted: Wanted<'_>) -> Result<Prepared, Invalid> {
    let Wanted { mut manifest, namespace, key, request_id, now } = wanted;
    // Only a key is bound to its body: without one, writing the body out to hash it would be for nothing.
    let identity = if key.is_some() { identity(&manifest, namespace).map_err(unreadable)? } else { Vec::new() };
    let stamp = Stamp::new(request_id, key.as_ref(), &identity);

    fill_in(&mut manifest, "apiVersion", "job_manifest.apiVersion", "batch/v1")?;
    fill_in(&mut manifest, "kind", "job_manifest.kind", "Job")?;
    let metadata = &mut metadata(&manifest)?;
    let namespace = agreed_namespace(namespace, metadata)?;
    let name = name(metadata, key.as_ref(), now)?;
    metadata.insert("name".to_owned(), name.as_str().into());
    metadata.insert("namespace".to_owned(), namespace.as_str().into());
    let labels = object(metadata, "labels", "job_manifest.metadata.labels")?;
    labels.insert("app".to_owned(), "eks-api".into());
    labels.insert("job-id".to_owned(), name.as_str().into());
    stamp.put_on(object(metadata, "annotations", "job_manifest.metadata.annotations")?);

    manifest.insert("metadata".to_owned(), to_raw_value(metadata).map_err(unreadable)?);
    let manifest = serde_json::to_vec(&manifest).map_err(unreadable)?;
    Ok(Prepared { namespace, name, stamp, manifest })
}

#[expect(clippy::needless_pass_by_value, reason = "the form that map_err takes")]
fn unreadable(error: serde_json::Error) -> Invalid {
    malformed("job_manifest", error.to_string())
}

/// What a key is bound to: spaces and the order of members do not matter.
fn identity(manifest: &Manifest, namespace: Option<&str>) -> serde_json::Result<Vec<u8>> {
    let members = manifest.iter().map(|(key, raw)| Ok((key, serde_json::from_str(raw.get())?)));
    let members: BTreeMap<&String, Value> = members.collect::<serde_json::Result<_>>()?;
    serde_json::to_vec(&(members, namespace))
}

fn fill_in(manifest: &mut Manifest, key: &str, field: &'static str, only: &'static str) -> Result<(), Invalid> {
    match manifest.get(key).map(|raw| raw.get()) {
        None | Some("null") => {
            manifest.insert(key.to_owned(), to_raw_value(only).map_err(unreadable)?);
            Ok(())
        }
        Some(raw) if serde_json::from_str::<String>(raw).is_ok_and(|value| value == only) => Ok(()),
        Some(raw) => Err(malformed(field, format!("is {raw}; leave it out or give {only:?}"))),
    }
}

fn metadata(manifest: &Manifest) -> Result<Map<String, Value>, Invalid> {
    match manifest.get("metadata").map(|raw| serde_json::from_str(raw.get())).transpose().map_err(unreadable)? {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(metadata)) => Ok(metadata),
        Some(_) => Err(malformed("job_manifest.metadata", "must be an object")),
    }
}

/// The object under a key, made if it is missing.
fn object<'a>(
    parent: &'a mut Map<String, Value>,
    key: &str,
    field: &'static str,
) -> Result<&'a mut Map<String, Value>, Invalid> {
    let value = parent.entry(key).or_insert(Value::Null);
    if value.is_null() {
        *value = Value::Object(Map::new());
    }
    value.as_object_mut().ok_or_else(|| malformed(field, "must be an object"))
}

/// A string under a key; missing, null and empty are the same, as in Kubernetes.
fn text<'a>(parent: &'a Map<String, Value>, key: &str, field: &'static str) -> Result<Option<&'a str>, Invalid> {
    match parent.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
        Some(_) => Err(malformed(field, "must be a string")),
    }
}

fn agreed_namespace(body: Option<&str>, metadata: &Map<String, Value>) -> Result<Namespace, Invalid> {
    const FIELD: &str = "job_manifest.metadata.namespace";
    let own = text(metadata, "namespace", FIELD)?;
    let (field, chosen) = match (body, own) {
        (Some(body), Some(own)) if body != own => {
            let message = format!("is {own:?}, but namespace is {body:?}: give one of them, or the same in both");
            return Err(malformed(FIELD, message));
        }
        (Some(body), _) => ("namespace", body),
        (None, own) => (FIELD, own.unwrap_or("default")),
    };
    Namespace::parse(chosen).map_err(|error| Invalid { field, message: error.to_string(), malformed: false })
}

/// The name given, or one made here: `job-id` must be known before the job is sent, so Kubernetes cannot make it.
fn name(metadata: &Map<String, Value>, key: Option<&IdempotencyKey>, now: SystemTime) -> Result<JobName, Invalid> {
    const NAME: &str = "job_manifest.metadata.name";
    const GENERATE: &str = "job_manifest.metadata.generateName";
    let letters = || key.map_or_else(|| random_letters(5), IdempotencyKey::letters);
    let (field, chosen) = match (text(metadata, "name", NAME)?, text(metadata, "generateName", GENERATE)?) {
        (Some(name), _) => (NAME, name.to_owned()),
        (None, Some(prefix)) => {
            let kept: String = prefix.chars().take(LONGEST_PREFIX).collect();
            (GENERATE, kept + &letters())
        }
        // The same key must give the same name at another time.
        (None, None) if key.is_some() => (NAME, format!("job-{}", letters())),
        (None, None) => (NAME, format!("job-{}-{}", date_time(now), letters())),
    };
    JobName::parse(&chosen).map_err(|error| Invalid { field, message: error.to_string(), malformed: false })
}

fn date_time(now: SystemTime) -> String {
    let now = OffsetDateTime::from(now);
    let (year, month, day) = now.to_calendar_date();
    let (hour, minute, second) = now.to_hms();
    format!("{year:04}{:02}{day:02}-{hour:02}{minute:02}{second:02}", u8::from(month))
}

#[cfg(test)]
#[path = "spec_tests.rs"]
mod tests;
