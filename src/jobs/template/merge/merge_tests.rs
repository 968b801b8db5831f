//! How each override changes a manifest.

use serde_json::{Value, json};

use super::*;

fn members(value: &Value) -> Members {
    serde_json::from_value(value.clone()).unwrap()
}

fn made(manifest: &Members, overrides: &Value) -> Instance {
    let base = Base { manifest, parameters: &[], noun: "template" };
    let made = merge(&base, &[], &Overrides::parse(&members(overrides)).unwrap());
    made.unwrap_or_else(|error| match error {
        MergeError::Override(invalid) | MergeError::Template(invalid) => panic!("{invalid}"),
    })
}

fn merged(manifest: &Value, overrides: &Value) -> Value {
    serde_json::to_value(made(&members(manifest), overrides).manifest).unwrap()
}

fn with_container(container: &Value) -> Value {
    json!({ "spec": { "template": { "spec": { "containers": [container] } } } })
}

/// The container after the overrides.
fn container(container: &Value, overrides: &Value) -> Value {
    merged(&with_container(container), overrides)["spec"]["template"]["spec"]["containers"][0].take()
}

/// Checks that nothing changes, and that the warning names field and thing.
#[track_caller]
fn missing(manifest: &Value, overrides: &Value, field: &str, what: &str) {
    let made = made(&members(manifest), overrides);
    assert_eq!(serde_json::to_value(made.manifest).unwrap(), *manifest);
    assert_eq!(made.warnings, [format!("{field}: the template has no such {what}, so nothing was removed")]);
}

#[test]
fn image_command_and_args_are_replaced_whole() {
    let own = json!({ "name": "main", "image": "a", "command": ["a", "b"], "args": ["c"], "tty": true });
    let made = container(&own, &json!({ "image": "b", "command": ["x"], "args": [] }));
    assert_eq!(made, json!({ "name": "main", "image": "b", "command": ["x"], "args": [], "tty": true }));
    let made = container(&json!({}), &json!({ "image": "b", "command": [], "args": ["x"] }));
    assert_eq!(made, json!({ "image": "b", "command": [], "args": ["x"] }));
}

#[test]
fn variables_are_merged_by_name() {
    let own = json!({ "env": [
        { "name": "OLD", "value": "1" },
        { "name": "T", "valueFrom": { "secretKeyRef": { "name": "s", "key": "k" } } },
        { "name": "OLD", "value": "2" },
        { "name": "KEPT", "value": "3" },
        { "name": "T", "value": "4" },
    ] });
    let made = container(&own, &json!({ "env": { "Z": "$(KEPT)", "T": "t", "OLD": null, "A": "" } }));
    let wanted = json!([
        { "name": "T", "value": "t" },
        { "name": "KEPT", "value": "3" },
        { "name": "A", "value": "" },
        { "name": "Z", "value": "$(KEPT)" },
    ]);
    assert_eq!(made["env"], wanted);
    let gone = json!({ "env": { "GONE": null } });
    missing(&with_container(&own), &gone, "overrides.env.GONE", "variable");
    missing(&with_container(&json!({})), &gone, "overrides.env.GONE", "variable");
    let made = container(&json!({ "env": null }), &json!({ "env": { "A": "1" } }));
    assert_eq!(made["env"], json!([{ "name": "A", "value": "1" }]));
}

#[test]
fn resources_are_merged_by_key() {
    let own = json!({ "resources": { "requests": { "cpu": "1", "memory": "1Gi" }, "claims": [] } });
    let overrides = json!({ "resources": { "requests": { "memory": null, "cpu": 2 }, "limits": { "a.b/gpu": "1" } } });
    let wanted = json!({ "requests": { "cpu": 2 }, "limits": { "a.b/gpu": "1" }, "claims": [] });
    assert_eq!(container(&own, &overrides)["resources"], wanted);
    let wanted = json!({ "requests": { "cpu": "1" } });
    assert_eq!(container(&json!({}), &json!({ "resources": wanted }))["resources"], wanted);
    let gone = json!({ "resources": { "limits": { "a.b/gpu": null } } });
    missing(&with_container(&own), &gone, "overrides.resources.limits[a.b/gpu]", "resource in its limits");
}

#[test]
fn labels_and_annotations_of_the_job_are_merged_by_key() {
    let pod = json!({ "metadata": { "labels": { "x": "1" }, "annotations": { "x": "1" } } });
    let own = json!({
        "metadata": { "namespace": "n", "labels": { "a": "1", "b": "2" }, "annotations": { "c": "3" } },
        "spec": { "template": pod },
    });
    let overrides = json!({
        "labels": { "a": null, "b": "x", "c": "" },
        "annotations": { "c": null, "d": "4", "eks-api/notify": "n" },
    });
    let wanted = json!({
        "metadata": {
            "namespace": "n",
            "labels": { "b": "x", "c": "" },
            "annotations": { "d": "4", "eks-api/notify": "n" },
        },
        "spec": { "template": pod },
    });
    assert_eq!(merged(&own, &overrides), wanted);
    missing(&own, &json!({ "labels": { "x": null } }), "overrides.labels.x", "label");
    let gone = json!({ "annotations": { "a.b/c": null } });
    missing(&own, &gone, "overrides.annotations[a.b/c]", "annotation");
    let made = merged(&json!({}), &json!({ "labels": { "a": "1" }, "annotations": { "b": "2" } }));
    assert_eq!(made, json!({ "metadata": { "labels": { "a": "1" }, "annotations": { "b": "2" } } }));
}

#[test]
fn a_job_without_labels_keeps_those_that_kubernetes_would_copy() {
    let pod = json!({ "metadata": { "labels": { "app": "web", "job-id": "x", "eks-api/x": "", "team": "a" } } });
    for metadata in [json!(null), json!({}), json!({ "labels": {} }), json!({ "labels": null })] {
        let own = json!({ "metadata": metadata, "spec": { "template": pod } });
        let labels = |overrides: Value| merged(&own, &overrides)["metadata"]["labels"].take();
        assert_eq!(labels(json!({ "labels": { "b": "1" } })), json!({ "team": "a", "b": "1" }));
        assert_eq!(labels(json!({ "labels": { "team": "b" } })), json!({ "team": "b" }));
        // Without any, all those of the pods would be copied after all.
        assert_eq!(labels(json!({ "labels": { "team": null } })), json!({ "app": "eks-api" }));
        assert!(labels(json!({ "annotations": { "a": "b" } })).as_object().is_none_or(serde_json::Map::is_empty));
    }
    let own = json!({ "metadata": { "labels": { "a": "1" } }, "spec": { "template": pod } });
    let made = merged(&own, &json!({ "labels": { "a": null } }));
    assert_eq!(made["metadata"]["labels"], json!({ "app": "eks-api" }));
}

#[test]
fn members_of_the_spec_are_set() {
    let own = json!({ "spec": { "backoffLimit": 6, "suspend": true, "template": { "x": 1 } } });
    let overrides = json!({
        "backoff_limit": 0, "active_deadline_seconds": 9_223_372_036_854_775_807_u64, "suspend": false,
        "ttl_seconds_after_finished": 86400, "parallelism": 2_147_483_647, "completions": 4,
    });
    let wanted = json!({ "spec": {
        "backoffLimit": 0, "activeDeadlineSeconds": 9_223_372_036_854_775_807_u64, "suspend": false,
        "ttlSecondsAfterFinished": 86400, "parallelism": 2_147_483_647, "completions": 4, "template": { "x": 1 },
    } });
    assert_eq!(merged(&own, &overrides), wanted);
    assert_eq!(merged(&json!({}), &json!({ "suspend": true })), json!({ "spec": { "suspend": true } }));
}

#[test]
fn a_value_that_is_not_opened_keeps_its_text() {
    let text = r#"{"metadata": {"a": 1.0, "labels": {"x":"\u00e9"}}, "spec": {"b": [1e400, 2],
        "template": {"c": 1E+2, "spec": {"d": {"e" :-0.0}, "containers": [{"f":  1.50}, {"name": "main", "g": [ ]}]}}}}"#;
    let overrides = json!({ "container": "main", "env": { "A": "1" }, "labels": { "l": "1" }, "suspend": true,
        "resources": { "limits": { "cpu": 1 } } });
    let made = made(&serde_json::from_str(text).unwrap(), &overrides);
    let wanted = concat!(
        r#"{"metadata":{"a":1.0,"labels":{"l":"1","x":"\u00e9"}},"spec":{"b":[1e400, 2],"suspend":true,"#,
        r#""template":{"c":1E+2,"spec":{"containers":[{"f":  1.50},{"env":[{"name":"A","value":"1"}],"g":[ ],"#,
        r#""name":"main","resources":{"limits":{"cpu":1}}}],"d":{"e" :-0.0}}}}}"#
    );
    assert_eq!(serde_json::to_string(&made.manifest).unwrap(), wanted);
}

#[test]
fn no_more_than_ten_removals_of_nothing_are_named() {
    let env: serde_json::Map<String, Value> = (10..22).map(|at| (format!("A{at}"), Value::Null)).collect();
    let warnings = made(&members(&with_container(&json!({}))), &json!({ "env": env })).warnings;
    assert_eq!((warnings.len(), warnings.last().unwrap().as_str()), (11, "2 more overrides removed nothing"));
    assert!(warnings[9].starts_with("overrides.env.A19: "), "{warnings:?}");
}
