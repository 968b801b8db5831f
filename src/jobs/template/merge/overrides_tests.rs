//! The overrides that are refused, each with its field.

use serde_json::{Value, json};

use super::*;

fn refusal(overrides: &Value) -> Invalid {
    let refused = Overrides::parse(&serde_json::from_value(overrides.clone()).unwrap()).err();
    refused.unwrap_or_else(|| panic!("accepted: {overrides}"))
}

#[test]
fn a_wrong_type_is_reported_with_its_field() {
    for (overrides, field, message) in [
        (json!({ "container": 1 }), "container", "must be a string"),
        (json!({ "image": ["x"] }), "image", "must be a string"),
        (json!({ "command": "ls" }), "command", "must be an array of strings"),
        (json!({ "command": ["sleep", 60] }), "command[1]", "must be a string"),
        (json!({ "command": [null] }), "command[0]", "must be a string"),
        (json!({ "args": {} }), "args", "must be an array of strings"),
        (json!({ "args": [[]] }), "args[0]", "must be a string"),
        (json!({ "env": [] }), "env", "must be an object"),
        (json!({ "env": { "MODE": 1 } }), "env.MODE", "must be a string, or null to remove it"),
        (json!({ "env": { "a.b": {} } }), "env[a.b]", "must be a string, or null to remove it"),
        (json!({ "resources": "x" }), "resources", "must be an object"),
        (json!({ "resources": { "limits": 1 } }), "resources.limits", "must be an object"),
        (
            json!({ "resources": { "requests": { "memory": true } } }),
            "resources.requests.memory",
            "must be a string or a number, or null to remove it",
        ),
        (json!({ "labels": "x" }), "labels", "must be an object"),
        (json!({ "labels": { "a": 1 } }), "labels.a", "must be a string, or null to remove it"),
        (json!({ "annotations": { "a/b": [] } }), "annotations[a/b]", "must be a string, or null to remove it"),
        (json!({ "backoff_limit": "1" }), "backoff_limit", "must be a whole number"),
        (json!({ "parallelism": 1.5 }), "parallelism", "must be a whole number"),
        (json!({ "completions": true }), "completions", "must be a whole number"),
        (json!({ "suspend": "true" }), "suspend", "must be true or false"),
        (json!({ "suspend": 1 }), "suspend", "must be true or false"),
    ] {
        let invalid = refusal(&overrides);
        assert_eq!((&*invalid.field, invalid.malformed), (&*format!("overrides.{field}"), true), "{overrides}");
        assert_eq!(invalid.message, message, "{overrides}");
    }
    for number in ["4.0", "1e3", "[]", "-1.0"] {
        let text = format!(r#"{{"backoff_limit": {number}}}"#);
        let invalid = Overrides::parse(&serde_json::from_str(&text).unwrap()).err().unwrap();
        assert_eq!((&*invalid.message, invalid.malformed), ("must be a whole number", true), "{number}");
    }
}

#[test]
fn null_removes_only_keys() {
    for name in NAMES {
        let invalid = refusal(&json!({ name: null }));
        assert_eq!((invalid.field.into_owned(), invalid.malformed), (format!("overrides.{name}"), true));
        assert_eq!(invalid.message, "null removes nothing here; leave it out");
    }
    let invalid = refusal(&json!({ "resources": { "limits": null } }));
    assert_eq!((&*invalid.field, invalid.malformed), ("overrides.resources.limits", true));
    assert_eq!(invalid.message, "null removes nothing here; leave it out");
}

#[test]
fn an_unknown_override_has_a_hint_and_the_list() {
    for (name, hint) in [
        ("imagee", "did you mean image? "),
        ("backoffLimit", "did you mean backoff_limit? "),
        ("lables", "did you mean labels? "),
        ("volumes", ""),
    ] {
        let invalid = refusal(&json!({ name: 1 }));
        assert_eq!((invalid.field.into_owned(), invalid.malformed), (format!("overrides.{name}"), true));
        let list = NAMES.join(", ");
        assert_eq!(invalid.message, format!("is unknown: {hint}the overrides are {list}"));
    }
    let invalid = refusal(&json!({ "resources": { "limit": {} } }));
    assert_eq!((&*invalid.field, invalid.malformed), ("overrides.resources.limit", true));
    assert_eq!(invalid.message, "is unknown: did you mean limits? the resource overrides are requests, limits");
    assert!(refusal(&json!({ "volumes": null })).message.starts_with("is unknown: "));
}

#[test]
fn a_number_has_its_range() {
    for (name, max) in [
        ("backoff_limit", "2147483647"),
        ("active_deadline_seconds", "9223372036854775807"),
        ("ttl_seconds_after_finished", "2147483647"),
        ("parallelism", "2147483647"),
        ("completions", "2147483647"),
    ] {
        let above = max.replace("2147483647", "2147483648").replace("5807", "5808");
        for number in ["-1", &*above, "99999999999999999999999"] {
            let text = format!(r#"{{"{name}": {number}}}"#);
            let invalid = Overrides::parse(&serde_json::from_str(&text).unwrap()).err().unwrap();
            assert_eq!((invalid.field.into_owned(), invalid.malformed), (format!("overrides.{name}"), false));
            assert_eq!(invalid.message, format!("must be from 0 to {max}"));
        }
        for number in ["0", max] {
            let text = format!(r#"{{"{name}": {number}}}"#);
            assert!(Overrides::parse(&serde_json::from_str(&text).unwrap()).is_ok(), "{text}");
        }
    }
}

#[test]
fn labels_and_annotations_of_the_cluster_and_the_service_are_refused() {
    for (member, key, by) in [
        ("labels", "app", "service"),
        ("labels", "job-id", "service"),
        ("labels", "eks-api/x", "service"),
        ("labels", "eks-api/parameters", "service"),
        ("labels", "controller-uid", "cluster"),
        ("labels", "job-name", "cluster"),
        ("labels", "batch.kubernetes.io/job-name", "cluster"),
        ("annotations", "eks-api/template", "service"),
        ("annotations", "eks-api/parameters", "service"),
        ("annotations", "batch.kubernetes.io/job-tracking", "cluster"),
        ("annotations", "cronjob.kubernetes.io/instantiate", "cluster"),
        ("annotations", "kubectl.kubernetes.io/last-applied-configuration", "cluster"),
    ] {
        for value in [json!("x"), json!(null)] {
            let invalid = refusal(&json!({ member: { key: value } }));
            assert_eq!((&*invalid.field, invalid.malformed), (&*field(member, key), false));
            assert_eq!(invalid.message, format!("is set by the {by}"));
        }
    }
    for member in ["labels", "annotations"] {
        let theirs = json!({ member: { "eks-api/notify": "n", "eks-apis": "", "apps": "", "job-names": null } });
        assert!(Overrides::parse(&serde_json::from_value(theirs).unwrap()).is_ok());
    }
}

#[test]
fn a_name_that_no_variable_can_have_is_refused() {
    for (name, field) in [("", "overrides.env[]"), ("A=B", "overrides.env[A=B]")] {
        for value in [json!("x"), json!(null)] {
            let invalid = refusal(&json!({ "env": { name: value } }));
            assert_eq!((&*invalid.field, invalid.malformed), (field, false));
        }
    }
    assert!(Overrides::parse(&serde_json::from_value(json!({ "env": { "a.b-c": "" } })).unwrap()).is_ok());
}

#[test]
fn a_nul_character_is_refused_with_its_field() {
    for (overrides, field) in [
        (json!({ "env": { "A": "x\0y" } }), "overrides.env.A"),
        (json!({ "env": { "A\0": "x" } }), "overrides.env[A\\0]"),
        (json!({ "command": ["a", "b\0"] }), "overrides.command[1]"),
        (json!({ "image": "a\0" }), "overrides.image"),
    ] {
        let refused = refusal(&overrides);
        assert!(refused.message.contains("NUL") && !refused.malformed, "{refused}");
        assert_eq!(&*refused.field, field, "{overrides}");
    }
}
