//! Whole JSON bodies: the manifest of a caller, and the objects and refusals of the cluster.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use eks_api::http::error::Problem;
use eks_api::jobs::spec::{Manifest, Wanted, prepare};
use eks_api::jobs::stamp::{IdempotencyKey, Owner};
use eks_api::jobs::status::Status;
use eks_api::kube::reply::understood;
use eks_api::kube::transport::RawReply;
use eks_api::kube::types::{DeletedJob, Event, Ignored, Job, JobInFull, List, Namespace, Pod};
use hyper::StatusCode;
use hyper::body::Bytes;
use hyper::header::{HeaderMap, HeaderValue, RETRY_AFTER, WARNING};
use serde_json::Value;

use super::{first_line, text};

/// The first line is the namespace, the second the idempotency key, the rest the manifest.
pub(super) fn job_manifest(data: &[u8]) {
    let (namespace, rest) = first_line(text(data));
    let (key, body) = first_line(rest);
    let Ok(manifest) = serde_json::from_str::<Manifest>(body) else { return };
    let namespace = Some(namespace).filter(|namespace| !namespace.is_empty());
    let key = IdempotencyKey::parse(key);
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_444_114);
    let wanted = || Wanted {
        manifest: manifest.iter().map(|(key, raw)| (key.clone(), raw.clone())).collect(),
        namespace,
        key: key.clone(),
        request_id: "id",
        now,
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
    let metadata: Value =
        serde_json::from_str(sent["metadata"].get()).unwrap_or_else(|error| panic!("what is sent: {error}"));
    assert_eq!(metadata["name"], prepared.name.as_str());
    assert_eq!(metadata["namespace"], prepared.namespace.as_str());
    assert_eq!(metadata["labels"]["app"], "eks-api");
    assert_eq!(metadata["labels"]["job-id"], prepared.name.as_str());
    assert!(namespace.is_none_or(|namespace| namespace == prepared.namespace.as_str()));
    for (member, raw) in
        manifest.iter().filter(|(member, _)| !["apiVersion", "kind", "metadata"].contains(&member.as_str()))
    {
        // As it was written, be it a number that no type here could hold.
        assert_eq!(sent.get(member).map(|sent| sent.get()), Some(raw.get()), "{member}");
    }
    // The job that comes back is known again, if its annotations are such that the API server would take them.
    if let Ok(annotations) = serde_json::from_value(metadata["annotations"].clone()) {
        assert_eq!(prepared.stamp.owner(&annotations), Owner::This);
    }
    if key.is_some() {
        let again = prepare(wanted()).unwrap_or_else(|invalid| panic!("not the second time: {invalid}"));
        assert_eq!(again.name, prepared.name, "the same key gives another name");
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
    let json = Status::of(job).to_json();
    let shown: Value =
        serde_json::from_slice(&json).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&json)));
    // The key is both, so a slash in the first would move the border: no name has one.
    if !job.metadata.namespace.contains('/') {
        assert_eq!(shown["job_name"], job.metadata.name.as_str());
        assert_eq!(shown["namespace"], job.metadata.namespace.as_str());
    }
    assert_eq!(shown["uid"], job.metadata.uid.as_str());
    let labels: BTreeMap<&str, &str> = job.metadata.labels.0.iter().map(|(key, value)| (&**key, &**value)).collect();
    // So it is with the label that repeats the name.
    if labels.len() == job.metadata.labels.0.len() && !job.metadata.namespace.contains('/') {
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
    let _ = understood::<List<Job>>(&reply);
    let _ = understood::<DeletedJob>(&reply);
    let _ = understood::<Ignored>(&reply);
    match understood::<Job>(&reply) {
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
