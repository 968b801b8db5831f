//! The members of a manifest that are kept, set, generated and refused.

use std::time::Duration;

use serde_json::json;

use super::*;

fn wanted(manifest: Value, namespace: Option<&'static str>) -> CreateJobInput<'static> {
    let manifest = serde_json::from_value(manifest).unwrap();
    // 2026-01-20T10:30:01Z
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_768_905_001);
    CreateJobInput { manifest, namespace, key: None, request_id: "req-1", now, origin: None, notify: None }
}

fn sent(prepared: &JobManifest) -> Value {
    serde_json::from_slice(&prepared.manifest).unwrap()
}

#[test]
fn metadata_is_kept_and_the_labels_are_forced() {
    let manifest = json!({
        "metadata": {
            "name": "hello",
            "labels": { "team": "a", "app": "mine", "job-id": "mine" },
            "annotations": { "note": "kept", "eks-api/notify": "a@example.com" },
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
fn a_missing_name_is_generated_from_the_time() {
    let prepared = prepare(wanted(json!({}), None)).unwrap();
    let suffix = prepared.name.as_str().strip_prefix("job-20260120-103001-").unwrap();
    assert_eq!(suffix.len(), 5);
    assert_eq!(prepared.namespace.as_str(), "default");
    assert_eq!(sent(&prepared)["metadata"]["labels"]["job-id"], prepared.name.as_str());
    assert_ne!(prepare(wanted(json!({}), None)).unwrap().name, prepared.name);
}

#[test]
fn generate_name_is_a_prefix_cut_to_fit() {
    let mut prepared = prepare(wanted(json!({ "metadata": { "generateName": "nightly-" } }), None)).unwrap();
    assert_eq!(prepared.name.as_str().len(), "nightly-".len() + 5);
    assert!(prepared.name.as_str().starts_with("nightly-"));
    // A new name changes nothing else.
    let (name, before) = (prepared.name.clone(), sent(&prepared));
    prepared.rename(SystemTime::UNIX_EPOCH).unwrap();
    assert_ne!(prepared.name, name);
    let renamed = before.to_string().replace(name.as_str(), prepared.name.as_str());
    assert_eq!(sent(&prepared).to_string(), renamed);
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
fn null_counts_as_missing() {
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
        assert_eq!((&*error.field, error.malformed), (field, is_malformed), "{manifest}");
    }
    let same = json!({ "metadata": { "namespace": "a" } });
    assert_eq!(prepare(wanted(same, Some("a"))).unwrap().namespace.as_str(), "a");
}

fn prepared(manifest: &str, key: Option<&str>) -> JobManifest {
    let mut wanted = wanted(json!({}), Some("demo"));
    wanted.manifest = serde_json::from_str(manifest).unwrap();
    wanted.key = key.and_then(IdempotencyKey::parse);
    prepare(wanted).unwrap()
}

#[test]
fn numbers_keep_their_digits() {
    for key in [None, Some("k")] {
        let spec = r#"{"a": 1e400, "b": [12345678901234567890123, 1.0, -0.0, 1E+2]}"#;
        let prepared =
            prepared(&format!(r#"{{"spec": {spec}, "metadata": {{"name": "a", "generation": 1.00}}}}"#), key);
        let sent = str::from_utf8(&prepared.manifest).unwrap();
        assert!(sent.contains(spec) && sent.contains(r#""generation":1.00"#), "{sent}");
    }
}

#[test]
fn the_hash_of_a_body_is_that_of_0_1_0() {
    for (manifest, namespace, hash) in [
        (
            r#"{"spec": {"x": [1e3, null, "\u00e9"], "parallelism": 1.0, "backoffLimit": 0},
                "metadata": {"generateName": "nightly-"}}"#,
            Some("demo"),
            "d21746ac51bda07e53d0301edbab9fd7",
        ),
        ("{}", None, "f430e673d93ac3f880c8b552c72b8d1e"),
    ] {
        let mut wanted = wanted(json!({}), namespace);
        wanted.manifest = serde_json::from_str(manifest).unwrap();
        wanted.key = IdempotencyKey::parse("k");
        let sent = sent(&prepare(wanted).unwrap());
        let stamp = sent["metadata"]["annotations"]["eks-api/idempotency"].as_str().unwrap();
        assert_eq!(stamp.split_once('.').unwrap().1, hash);
    }
}

#[test]
fn rv_on_create_a_manual_selector_and_callers_members_of_a_dump_are_kept() {
    let manifest = r#"{
        "metadata": {"name": "a", "uid": "1", "labels": {"app": "web", "job-name": "a", "team": "x"},
            "annotations": {"eks-api/notify": "n", "eks-api/create-id": "1", "batch.kubernetes.io/job-tracking": ""}},
        "spec": {"manualSelector": true, "selector": {"matchLabels": {"job-name": "a"}},
            "template": {"metadata": {"labels": {"job-name": "a"}}}}}"#;
    let prepared = prepared(manifest, None);
    let sent = sent(&prepared);
    assert_eq!(sent["metadata"]["labels"], json!({ "app": "eks-api", "job-id": "a", "team": "x" }));
    assert_eq!(sent["metadata"]["annotations"]["eks-api/notify"], "n");
    assert_ne!(sent["metadata"]["annotations"]["eks-api/create-id"], "1");
    assert_eq!(sent["spec"]["selector"]["matchLabels"], json!({ "job-name": "a" }));
    assert_eq!(sent["spec"]["template"]["metadata"]["labels"], json!({ "job-name": "a" }));
    let [dropped, replaced] = &*prepared.warnings else { panic!("{:?}", prepared.warnings) };
    let expected = "without its metadata.uid, metadata.labels.job-name, metadata.annotations[batch.kubernetes.io/job-tracking], metadata.annotations[eks-api/create-id]";
    assert!(dropped.ends_with(expected), "{dropped}");
    assert!(replaced.starts_with("metadata.labels.app: \"web\" is replaced by \"eks-api\""), "{replaced}");
}

#[test]
fn rv_on_create_empty_values_are_not_a_dump() {
    let manifest = r#"{"metadata": {"name": "a", "uid": "", "resourceVersion": null, "creationTimestamp": null,
        "finalizers": ["a.b/c"]}, "spec": {"suspend": true}, "status": {}}"#;
    let prepared = prepared(manifest, None);
    assert_eq!(prepared.warnings, [""; 0]);
    let sent = sent(&prepared);
    assert_eq!((&sent["metadata"]["finalizers"], &sent["spec"]["suspend"]), (&json!(["a.b/c"]), &json!(true)));
    assert_eq!(sent["status"], json!({}));
}

#[test]
fn reserved_names_are_refused() {
    for (manifest, field) in [
        (json!({ "annotations": { "a": "b", "eks-api/create-id": "x" } }), "job_manifest.metadata.annotations"),
        (json!({ "annotations": { "eks-api/": "x" } }), "job_manifest.metadata.annotations"),
        (json!({ "labels": { "eks-api/template": "x" } }), "job_manifest.metadata.labels"),
    ] {
        let error = prepare(wanted(json!({ "metadata": manifest }), None)).unwrap_err();
        assert_eq!((&*error.field, error.malformed), (field, false));
        assert!(error.message.contains("\"eks-api/"), "{error}");
    }
    let theirs =
        json!({ "metadata": { "annotations": { "eks-api/parameters": "A!", "eks-api/notify": "x", "eks-apis": "" } } });
    let theirs = |notify| sent(&prepare(CreateJobInput { notify, ..wanted(theirs.clone(), None) }).unwrap());
    let notify = |job: &Value| job["metadata"]["annotations"]["eks-api/notify"].clone();
    assert_eq!([notify(&theirs(None)), notify(&theirs(Some("ops,dev")))], ["x", "ops,dev"]);
}

#[test]
fn the_most_expensive_manifests_take_linear_time() {
    let size = 1 << 20;
    let members = |value: &str| (0..size / 16).map(|at| format!("\"{at:06x}\":{value}")).collect::<Vec<_>>().join(",");
    let pod = |containers: &str| format!(r#"{{"spec":{{"template":{{"spec":{{"containers":[{containers}]}}}}}}}}"#);
    for (what, manifest) in [
        ("members", format!("{{{}}}", members("{}"))),
        ("labels", format!(r#"{{"metadata":{{"labels":{{{}}}}}}}"#, members("\"x\""))),
        (
            "a dump",
            format!(
                r#"{{"metadata":{{"uid":"1","annotations":{{{}}}}}}}"#,
                members("\"x\"").replace("\"0", "\"eks-api/0")
            ),
        ),
        ("placeholders", pod(&vec![r#"{"image":"<"}"#; size / 14].join(","))),
        ("deep", pod(&vec![format!("{}{}", "[".repeat(55), "]".repeat(55)); size / 111].join(","))),
    ] {
        let started = std::time::Instant::now();
        let mut wanted = wanted(json!({}), None);
        wanted.key = IdempotencyKey::parse("k");
        wanted.manifest = serde_json::from_str(&manifest).unwrap();
        let _ = prepare(wanted).map(|prepared| {
            assert!(prepared.warnings.iter().all(|warning| warning.len() < 5000));
            let path =
                "json: cannot unmarshal number into Go struct field A.spec.template.spec.containers.x of type string";
            let status = crate::kube::types::Status { message: path.to_owned(), ..Default::default() };
            let refusal = crate::kube::refusal::Refusal::new(400, status, None);
            explain(crate::kube::error::Error::Refused(Box::new(refusal)), &prepared.manifest)
        });
        // Not optimized and on a busy machine. Quadratic time would be minutes.
        assert!(started.elapsed() < Duration::from_secs(10), "{what}: {:?}", started.elapsed());
    }
}
