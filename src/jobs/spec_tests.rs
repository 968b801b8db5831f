//! What is kept, set, generated and refused in a manifest.

use std::time::Duration;

use serde_json::json;

use super::*;

fn wanted(manifest: Value, namespace: Option<&'static str>) -> Wanted<'static> {
    let manifest = serde_json::from_value(manifest).unwrap();
    // 2026-01-20T10:30:01Z
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_768_905_001);
    Wanted { manifest, namespace, key: None, request_id: "req-1", now }
}

fn sent(prepared: &Prepared) -> Value {
    serde_json::from_slice(&prepared.manifest).unwrap()
}

#[test]
fn metadata_is_kept_and_the_labels_are_forced() {
    let manifest = json!({
        "metadata": {
            "name": "hello",
            "labels": { "team": "a", "app": "mine", "job-id": "mine" },
            "annotations": { "note": "kept", "eks-api/request-id": "forged" },
            "finalizers": ["example.com/f"],
            "generateName": "ignored-",
        },
        "spec": { "backoffLimit": 1, "x": [1, 2.5, null, "é"] },
    });
    let prepared = prepare(wanted(manifest, Some("rec"))).unwrap();
    assert_eq!((prepared.name.as_str(), prepared.namespace.as_str()), ("hello", "rec"));
    let sent = sent(&prepared);
    assert_eq!((&sent["apiVersion"], &sent["kind"]), (&json!("batch/v1"), &json!("Job")));
    assert_eq!(sent["metadata"]["labels"], json!({ "team": "a", "app": "eks-api", "job-id": "hello" }));
    assert_eq!(sent["metadata"]["finalizers"], json!(["example.com/f"]));
    assert_eq!(sent["metadata"]["generateName"], "ignored-");
    assert_eq!(sent["metadata"]["annotations"]["note"], "kept");
    assert_eq!(sent["metadata"]["annotations"]["eks-api/request-id"], "req-1");
    assert_eq!(sent["spec"], json!({ "backoffLimit": 1, "x": [1, 2.5, null, "é"] }));
}

#[test]
fn a_missing_name_is_made_of_the_time() {
    let prepared = prepare(wanted(json!({}), None)).unwrap();
    let suffix = prepared.name.as_str().strip_prefix("job-20260120-103001-").unwrap();
    assert_eq!(suffix.len(), 5);
    assert_eq!(prepared.namespace.as_str(), "default");
    assert_eq!(sent(&prepared)["metadata"]["labels"]["job-id"], prepared.name.as_str());
    assert_ne!(prepare(wanted(json!({}), None)).unwrap().name, prepared.name);
}

#[test]
fn generate_name_is_a_prefix_cut_to_fit() {
    let prepared = prepare(wanted(json!({ "metadata": { "generateName": "nightly-" } }), None)).unwrap();
    assert_eq!(prepared.name.as_str().len(), "nightly-".len() + 5);
    assert!(prepared.name.as_str().starts_with("nightly-"));
    let long = json!({ "metadata": { "generateName": "n".repeat(80) } });
    assert!(prepare(wanted(long, None)).unwrap().name.as_str().len() <= 63);
}

#[test]
fn a_key_decides_the_generated_name_and_the_body_decides_the_stamp() {
    let with_key = |manifest, at: u64| {
        let mut wanted = wanted(manifest, None);
        wanted.key = IdempotencyKey::parse("nightly");
        wanted.now += Duration::from_secs(at);
        prepare(wanted).unwrap()
    };
    let (first, later) = (with_key(json!({}), 0), with_key(json!({}), 3600));
    assert_eq!(first.name, later.name);
    let (first_sent, later_sent) = (sent(&first), sent(&later));
    let idempotency = |sent: &Value| sent["metadata"]["annotations"]["eks-api/idempotency"].clone();
    assert_eq!(idempotency(&first_sent), idempotency(&later_sent));
    let other = sent(&with_key(json!({ "spec": {} }), 0));
    assert_ne!(idempotency(&first_sent), idempotency(&other));
    let prefixed = with_key(json!({ "metadata": { "generateName": "a-" } }), 0);
    assert!(prefixed.name.as_str().starts_with("a-") && prefixed.name.as_str().len() == 12);
}

#[test]
fn nulls_are_as_good_as_nothing() {
    let manifest = json!({ "apiVersion": null, "metadata": { "name": "", "labels": null, "annotations": null } });
    let prepared = prepare(wanted(manifest, None)).unwrap();
    assert!(prepared.name.as_str().starts_with("job-"));
    assert!(prepare(wanted(json!({ "metadata": null }), None)).is_ok());
}

#[test]
fn contradictions_and_wrong_forms_are_refused_by_field() {
    for (manifest, namespace, field, is_malformed) in [
        (json!({ "apiVersion": "batch/v1beta1" }), None, "job_manifest.apiVersion", true),
        (json!({ "kind": "Pod" }), None, "job_manifest.kind", true),
        (json!({ "kind": 3 }), None, "job_manifest.kind", true),
        (json!({ "metadata": [] }), None, "job_manifest.metadata", true),
        (json!({ "metadata": { "labels": "x" } }), None, "job_manifest.metadata.labels", true),
        (json!({ "metadata": { "annotations": 1 } }), None, "job_manifest.metadata.annotations", true),
        (json!({ "metadata": { "name": 7 } }), None, "job_manifest.metadata.name", true),
        (json!({ "metadata": { "namespace": "b" } }), Some("a"), "job_manifest.metadata.namespace", true),
        (json!({ "metadata": { "namespace": "B" } }), None, "job_manifest.metadata.namespace", false),
        (json!({ "metadata": { "name": "../x" } }), None, "job_manifest.metadata.name", false),
        (json!({ "metadata": { "name": "n".repeat(64) } }), None, "job_manifest.metadata.name", false),
        (json!({ "metadata": { "generateName": "A" } }), None, "job_manifest.metadata.generateName", false),
        (json!({}), Some("../kube-system"), "namespace", false),
        (json!({}), Some(""), "namespace", false),
    ] {
        let error = prepare(wanted(manifest.clone(), namespace)).unwrap_err();
        assert_eq!((error.field, error.malformed), (field, is_malformed), "{manifest}");
    }
    let same = json!({ "metadata": { "namespace": "a" } });
    assert_eq!(prepare(wanted(same, Some("a"))).unwrap().namespace.as_str(), "a");
}
