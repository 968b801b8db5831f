//! The jobs of batches, for the tests of their ends.

use serde_json::json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::kube::types::Job;

/// The creation of the heads that get no more members.
pub(super) const OLD: i64 = 1_769_000_000;

fn at(seconds: i64) -> String {
    OffsetDateTime::from_unix_timestamp(seconds).unwrap().format(&Rfc3339).unwrap()
}

pub(super) fn created_head(name: &str, size: usize, created: i64) -> Job {
    let description = json!({ "size": size, "body": "0a" }).to_string();
    serde_json::from_value(json!({ "metadata": {
        "name": name, "namespace": "a", "uid": format!("u-{name}"), "resourceVersion": "3",
        "creationTimestamp": at(created),
        "labels": { "app": "eks-api", "eks-api/batch-head": "true", "team": "x" },
        "annotations": { "eks-api/batch": description, "eks-api/notify": "ops,dev" },
    } }))
    .unwrap()
}

/// A head that is too old to get members.
pub(super) fn head(name: &str, size: usize) -> Job {
    created_head(name, size, OLD)
}

/// A member. Its end is `Complete` or `Failed`, and the seconds after the creation of old heads.
pub(super) fn member(batch: &str, index: usize, version: u64, end: impl Into<Option<(&'static str, i64)>>) -> Job {
    let end = end.into();
    let conditions =
        end.map(|(kind, end)| json!([{ "type": kind, "status": "True", "lastTransitionTime": at(OLD + end) }]));
    serde_json::from_value(json!({
        "metadata": {
            "name": format!("{batch}-{index:04}"), "namespace": "a", "uid": format!("u-{batch}-{index}"),
            "resourceVersion": version.to_string(), "labels": { "app": "eks-api", "eks-api/batch": batch },
            "ownerReferences": [{ "kind": "Job", "name": batch, "uid": format!("u-{batch}") }],
        },
        "status": { "active": u32::from(end.is_none()), "conditions": conditions.unwrap_or_else(|| json!([])) },
    }))
    .unwrap()
}

pub(super) const fn complete(end: i64) -> (&'static str, i64) {
    ("Complete", end)
}

pub(super) const fn failed(end: i64) -> (&'static str, i64) {
    ("Failed", end)
}
