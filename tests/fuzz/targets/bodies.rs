//! Whole JSON bodies: the manifest of a caller, and the objects and refusals of the cluster.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::{Duration, SystemTime};

use eks_api::http::response::problem::Problem;
use eks_api::jobs::idempotency::{IdempotencyKey, Owner};
use eks_api::jobs::manifest::{CreateJobInput, Manifest, explain, prepare, raw};
use eks_api::jobs::status::Status;
use eks_api::jobs::template::{Error, Overrides, Template, instantiate, parameters};
use eks_api::kube::client::reply::decode;
use eks_api::kube::client::transport::RawReply;
use eks_api::kube::types::{DeletedJob, Event, Ignored, Job, JobInFull, List, Namespace, Pod};
use eks_api::util::strict_json;
use eks_api::util::template_name::TemplateName;
use eks_api::util::yaml::to_json;
use hyper::StatusCode;
use hyper::body::Bytes;
use hyper::header::{HeaderMap, HeaderValue, RETRY_AFTER, WARNING};
use serde::de::{Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::{first_line, text};

/// A YAML document becomes JSON that the checks of a JSON body accept, within the limit.
pub(super) fn yaml(data: &[u8]) {
    const MAX: usize = 1 << 14;
    match to_json(data, MAX) {
        Ok(json) => {
            assert!(json.len() <= MAX && strict_json::check(&json).is_ok(), "{json}");
            serde_json::from_str::<Value>(&json).unwrap_or_else(|error| panic!("{json}: {error}"));
        }
        Err(error) => assert!(error.to_string().len() < 200, "{error}"),
    }
}

/// The first line is the namespace, the second the idempotency key, the rest the manifest.
pub(super) fn job_manifest(data: &[u8]) {
    let (namespace, rest) = first_line(text(data));
    let (key, body) = first_line(rest);
    // As the service does it before anything is read.
    if strict_json::check(body).is_err() {
        return;
    }
    let Ok(manifest) = serde_json::from_str::<Manifest>(body) else { return };
    let namespace = Some(namespace).filter(|namespace| !namespace.is_empty());
    let key = IdempotencyKey::parse(key);
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_444_114);
    let wanted = || CreateJobInput {
        manifest: manifest.clone(),
        namespace,
        key: key.clone(),
        request_id: "id",
        now,
        origin: None,
        notify: None,
    };
    let prepared = match prepare(wanted()) {
        Ok(prepared) => prepared,
        Err(invalid) => {
            let problem = Problem::from(invalid);
            assert!(
                matches!(problem.status.as_u16(), 400 | 422) && problem.detail.chars().count() < 1500,
                "{problem:?}"
            );
            return;
        }
    };
    let sent: Manifest =
        serde_json::from_slice(&prepared.manifest).unwrap_or_else(|error| panic!("what is sent: {error}"));
    let word = |member: &str| serde_json::from_str::<String>(sent[member].get()).unwrap_or_default();
    assert_eq!((&*word("apiVersion"), &*word("kind")), ("batch/v1", "Job"));
    let metadata = raw::object(&sent, "metadata").unwrap_or_default();
    let labels = raw::object(&metadata, "labels").unwrap_or_default();
    let word =
        |parent: &Manifest, name: &str| raw::get(parent, name).and_then(raw::parse::<String>).unwrap_or_default();
    assert_eq!(word(&metadata, "name"), prepared.name.as_str());
    assert_eq!(word(&metadata, "namespace"), prepared.namespace.as_str());
    assert_eq!(word(&labels, "app"), "eks-api");
    assert_eq!(word(&labels, "job-id"), prepared.name.as_str());
    let is_dump = raw::object(&manifest, "metadata").is_some_and(|metadata| {
        ["uid", "resourceVersion"].iter().any(|name| raw::get(&metadata, name).is_some_and(|raw| raw.get() != "\"\""))
    });
    let changed = if is_dump {
        vec!["apiVersion", "kind", "metadata", "spec", "status"]
    } else {
        vec!["apiVersion", "kind", "metadata"]
    };
    assert!(namespace.is_none_or(|namespace| namespace == prepared.namespace.as_str()));
    for (member, raw) in manifest.iter().filter(|(member, _)| !changed.contains(&member.as_str())) {
        // As it was written, be it a number that no type here could hold.
        assert_eq!(sent.get(member).map(|sent| sent.get()), Some(raw.get()), "{member}");
    }
    // The job that comes back is known again, if its annotations are such that the API server would take them.
    if let Some(Ok(annotations)) = metadata.get("annotations").map(|raw| serde_json::from_str(raw.get())) {
        assert_eq!(prepared.stamp.owner(&annotations), Owner::Ours);
    }
    if key.is_some() {
        let again = prepare(wanted()).unwrap_or_else(|invalid| panic!("not the second time: {invalid}"));
        assert_eq!(again.name, prepared.name, "the same key gives another name");
    }
}

/// The first line has the parameters, the second the overrides, the rest is a preset.
pub(super) fn template(data: &[u8]) {
    let (parameters, rest) = first_line(text(data));
    let (overrides, yaml) = first_line(rest);
    let Some(name) = TemplateName::parse("preset/etl") else { return };
    let members = |text: &str| {
        strict_json::check(text).ok()?;
        serde_json::from_str::<Manifest>(text).ok()
    };
    let (Some(parameters), Some(overrides)) = (members(parameters), members(overrides)) else { return };
    let made = Template::from_preset(name, yaml.as_bytes()).and_then(|template| {
        let made = instantiate(&template, &parameters::parse(&parameters)?, &Overrides::parse(&overrides)?)?;
        Ok((template, made))
    });
    match made {
        Ok((template, made)) => {
            if template.parameters.is_empty() && overrides.is_empty() {
                assert_eq!(format!("{:?}", made.manifest), format!("{:?}", template.manifest));
            }
            assert!(template.parameters.iter().all(|p| !p.is_required || parameters.contains_key(&p.name)));
            assert!(parameters.keys().all(|name| template.parameters.iter().any(|p| p.name == *name)));
        }
        Err(Error::InvalidTemplate(message)) => {
            assert!(message.starts_with("preset/etl: ") && message.chars().count() < 1500, "{message}");
        }
        Err(Error::Invalid(invalid)) => {
            let problem = Problem::from(invalid);
            assert!(matches!(problem.status.as_u16(), 400 | 422), "{problem:?}");
            assert!(problem.detail.chars().count() < 5000, "{problem:?}");
        }
    }
}

/// A document, as every JSON body and every manifest of `run` is checked.
pub(super) fn strict_json(data: &[u8]) {
    let Ok(text) = strict_json::text(data) else { return };
    let (checked, parsed) = (strict_json::check(text), serde_json::from_str::<Unique>(text));
    match (checked, parsed) {
        (Ok(()), Err(error)) => {
            assert!(!error.to_string().contains(DOUBLED), "{error}");
            let path = strict_json::path_of(text, &error);
            assert!(path.len() < 64 * 300, "{path}");
        }
        (Err(fault), Ok(_)) => assert!(!fault.message.contains("more than once"), "{fault:?}"),
        (Ok(()), Ok(_)) | (Err(_), Err(_)) => {}
    }
}

const DOUBLED: &str = "a member is doubled";

/// Any value without doubled members. An independent reader of the same rule: it recurses, and keeps sets.
struct Unique;

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for Unique {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self, A::Error> {
        while elements.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self, A::Error> {
        let mut names = BTreeSet::new();
        let mut is_doubled = false;
        while let Some(name) = members.next_key::<String>()? {
            members.next_value::<Self>()?;
            is_doubled |= !names.insert(name);
        }
        if is_doubled { Err(A::Error::custom(DOUBLED)) } else { Ok(self) }
    }
}

pub(super) fn job_object(data: &[u8]) {
    let _ = serde_json::from_slice::<DeletedJob>(data);
    let _ = serde_json::from_slice::<Namespace>(data).map(|namespace| namespace.status.phase().map(str::len));
    let _ = serde_json::from_slice::<List<Pod>>(data);
    let _ = serde_json::from_slice::<List<Event>>(data);
    let Ok(job) = serde_json::from_slice::<Job>(data) else { return };
    shown_as_it_is(&job);
    if let Ok(full) = serde_json::from_slice::<JobInFull>(data) {
        shown_as_it_is(&full.into());
    }
}

fn shown_as_it_is(job: &Job) {
    let json = Status::new("lab", job).json();
    let shown: Value =
        serde_json::from_slice(&json).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&json)));
    assert_eq!(shown["cluster"], "lab");
    assert_eq!(shown["job_name"], job.metadata.name.as_str());
    assert_eq!(shown["namespace"], job.metadata.namespace.as_str());
    assert_eq!(shown["uid"], job.metadata.uid.as_str());
    let labels: BTreeMap<&str, &str> = job.metadata.labels.0.iter().map(|(key, value)| (&**key, &**value)).collect();
    // A key that is there twice is shown twice.
    if labels.len() == job.metadata.labels.0.len() {
        assert_eq!(shown["labels"], serde_json::to_value(labels).unwrap_or_default());
    }
    assert_eq!(shown["conditions"].as_array().map(Vec::len), Some(job.status.conditions.len()));
}

/// The first line is the status code, the second Retry-After, the third a Warning, the rest the body.
pub(super) fn status_body(data: &[u8]) {
    let (code, rest) = first_line(text(data));
    let (retry_after, rest) = first_line(rest);
    let (warning, body) = first_line(rest);
    let Some(status) = code.parse().ok().and_then(|code| StatusCode::from_u16(code).ok()) else { return };
    let named = [(RETRY_AFTER, retry_after), (WARNING, warning)];
    let headers: HeaderMap =
        named.into_iter().filter_map(|(name, value)| Some((name, HeaderValue::from_str(value).ok()?))).collect();
    let reply = RawReply { status, headers, body: Bytes::copy_from_slice(body.as_bytes()) };
    let _ = decode::<List<Job>>(&reply);
    let _ = decode::<DeletedJob>(&reply);
    let _ = decode::<Ignored>(&reply);
    let explained = decode::<Job>(&reply).map_err(|error| explain(error, br#"{"spec":{"a":[{"b":1}]}}"#));
    match explained {
        Ok(reply) => assert!(status.is_success() && reply.warnings.len() <= 1),
        Err(error) => {
            let problem = Problem::from(error);
            assert!((400..600).contains(&problem.status.as_u16()), "{problem:?}");
            let document: Value = serde_json::from_slice(&problem.document("id")).unwrap_or_default();
            assert_eq!(document["status"], problem.status.as_u16());
            assert!(document["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{document}");
        }
    }
}
