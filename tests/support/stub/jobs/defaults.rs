//! What an API server adds to a new Job: the defaults of its fields, and the labels that tie its
//! pods to it.

use serde_json::{Value, json};

use crate::support::stub::store::text;

pub fn fill(job: &mut Value, name: &str) {
    let uid = job["metadata"]["uid"].clone();
    job["status"] = json!({});
    let spec = &mut job["spec"];
    if spec["completions"].is_null() && spec["parallelism"].is_null() {
        spec["completions"] = json!(1);
    }
    let defaults = [
        ("parallelism", json!(1)),
        ("backoffLimit", json!(6)),
        ("selector", json!({"matchLabels": {"batch.kubernetes.io/controller-uid": uid}})),
        ("manualSelector", json!(false)),
        ("completionMode", json!("NonIndexed")),
        ("suspend", json!(false)),
    ];
    set_missing(spec, defaults);
    let replacement = if spec["podFailurePolicy"].is_null() { "TerminatingOrFailed" } else { "Failed" };
    set_missing(spec, [("podReplacementPolicy", json!(replacement))]);

    let labels = &mut spec["template"]["metadata"]["labels"];
    labels["batch.kubernetes.io/controller-uid"] = uid.clone();
    labels["batch.kubernetes.io/job-name"] = json!(name);
    labels["controller-uid"] = uid;
    labels["job-name"] = json!(name);
    let pod = &mut spec["template"]["spec"];
    let defaults = [
        ("terminationGracePeriodSeconds", json!(30)),
        ("dnsPolicy", json!("ClusterFirst")),
        ("securityContext", json!({})),
        ("schedulerName", json!("default-scheduler")),
    ];
    set_missing(pod, defaults);
    for container in pod["containers"].as_array_mut().into_iter().flatten() {
        let image = text(&container["image"]);
        let latest =
            image.ends_with(":latest") || !image.rsplit('/').next().is_some_and(|name| name.contains([':', '@']));
        let defaults = [
            ("resources", json!({})),
            ("terminationMessagePath", json!("/dev/termination-log")),
            ("terminationMessagePolicy", json!("File")),
            ("imagePullPolicy", json!(if latest { "Always" } else { "IfNotPresent" })),
        ];
        set_missing(container, defaults);
    }
    drop_nulls(job);
}

fn set_missing<const N: usize>(object: &mut Value, defaults: [(&str, Value); N]) {
    for (name, value) in defaults {
        if object[name].is_null() {
            object[name] = value;
        }
    }
}

/// Typed objects have no nulls: a field that is null was never given.
fn drop_nulls(value: &mut Value) {
    if let Value::Object(fields) = value {
        fields.retain(|_, field| !field.is_null());
        fields.values_mut().for_each(drop_nulls);
    }
}
