//! The API server's messages about the form of a manifest, and their explanations.

use serde_json::{Value, json};

use super::*;
use crate::kube::refusal::Refusal;
use crate::kube::types::Status;

fn explained(message: &str, manifest: &Value) -> Status {
    let status = Status { message: message.to_owned(), reason: "BadRequest".to_owned(), ..Status::default() };
    let error = Error::Refused(Box::new(Refusal::new(400, status, None)));
    match explain(error, manifest.to_string().as_bytes()) {
        Error::Refused(refusal) => refusal.status,
        error => panic!("{error}"),
    }
}

const PREFIX: &str = "Job in version \"v1\" cannot be handled as a Job: ";

#[test]
fn a_wrong_type_is_reported_with_its_path() {
    let pod = json!({ "containers": [
        { "name": "a", "env": [{ "name": "A", "value": "1" }] },
        { "name": "b", "env": [{ "name": "B", "value": "x" }, { "name": "C", "value": "" }, { "name": "D", "value": 5 }],
          "command": ["sleep", 60, 70], "ports": ["80"], "resources": { "limits": [] } },
    ] });
    let manifest = json!({
        "metadata": { "labels": { "ok": "1", "example.com/n": true } },
        "spec": { "backoffLimit": "three", "completions": 1.5, "template": { "spec": pod } },
    });
    let container = "spec.template.spec.containers[1]";
    for (go, path, message) in [
        (
            "string into Go struct field JobSpec.spec.backoffLimit of type int32",
            "spec.backoffLimit".to_owned(),
            "a whole number, and is a string",
        ),
        (
            "number 1.5 into Go struct field JobSpec.spec.completions of type int32",
            "spec.completions".to_owned(),
            "a whole number, and is a number",
        ),
        (
            "bool into Go struct field ObjectMeta.metadata.labels of type string",
            "metadata.labels[example.com/n]".to_owned(),
            "a string, and is true or false; write it in quotes",
        ),
        (
            "number into Go struct field EnvVar.spec.template.spec.containers.env.value of type string",
            format!("{container}.env[2].value"),
            "a string, and is a number; write it in quotes",
        ),
        (
            "number into Go struct field Container.spec.template.spec.containers.command of type string",
            format!("{container}.command[1]"),
            "a string, and is a number; write it in quotes",
        ),
        (
            "string into Go struct field Container.spec.template.spec.containers.ports of type v1.ContainerPort",
            format!("{container}.ports[0]"),
            "an object, and is a string",
        ),
        (
            "array into Go struct field ResourceRequirements.spec.template.spec.containers.resources.limits of type v1.ResourceList",
            format!("{container}.resources.limits"),
            "an object, and is an array",
        ),
        // The value is not at Go's path.
        (
            "object into Go struct field PodSpec.spec.template.spec.hostNetwork of type bool",
            "spec.template.spec.hostNetwork".to_owned(),
            "true or false, and is an object",
        ),
    ] {
        let status = explained(&format!("{PREFIX}json: cannot unmarshal {go}"), &manifest);
        assert_eq!(status.message, format!("{path}: must be {message}"));
        let causes = status.details.unwrap().causes;
        assert_eq!((causes.len(), &causes[0].field), (1, &path));
    }
}

#[test]
fn at_most_ten_unknown_fields_are_named() {
    let fields: Vec<String> = (0..25).map(|at| format!("unknown field \"spec.field{at}\"")).collect();
    let message = explained(&format!("{PREFIX}strict decoding error: {}", fields.join(", ")), &json!({})).message;
    assert_eq!(message.matches("unknown field").count(), 10);
    assert!(message.starts_with(PREFIX) && message.ends_with("\"spec.field9\" and 15 more"), "{message}");
}

#[test]
fn names_not_in_camel_case_get_one_hint() {
    let hints = |fields: &[&str]| {
        let fields: Vec<String> = fields.iter().map(|field| format!("unknown field \"{field}\"")).collect();
        let message = explained(&format!("{PREFIX}strict decoding error: {}", fields.join(", ")), &json!({})).message;
        assert!(fields.iter().all(|field| message.contains(field)), "{message}");
        message.matches("camelCase").count()
    };
    assert_eq!(hints(&["spec.backoff_limit", "spec.template.spec.restart_policy"]), 1);
    assert_eq!(hints(&["spec.template.spec.containers[0].imagepullpolicy"]), 1);
    assert_eq!(hints(&["spec.backofLimit", "spec.foo"]), 0);
    assert_eq!(hints(&["namespace", "spec.template.containers"]), 0, "they are single words");
}

#[test]
fn fields_of_the_pod_that_are_one_level_too_high_get_a_hint() {
    let message = r#"strict decoding error: unknown field "spec.containers", unknown field "spec.restartPolicy""#;
    let explained = explained(&format!("{PREFIX}{message}"), &json!({})).message;
    assert_eq!(explained, format!("{PREFIX}{message}; the fields of the pod belong to spec.template.spec"));
}

#[test]
fn other_messages_are_unchanged() {
    for message in [
        "the namespace of the object does not match the namespace on the request",
        "json: cannot unmarshal string into Go value of type int32",
        "json: cannot unmarshal string into Go struct field X of type int32",
        "quantities must match the regular expression",
        "admission webhook \"a\" denied the request: unknown field \"spec.my_field\"",
        "strict decoding error: duplicate field \"spec.my_field\"",
        "",
    ] {
        let status = explained(message, &json!({}));
        assert_eq!(status.message, message);
        assert!(status.details.is_none());
    }
    let error = explain(Error::Timeout, b"{}");
    assert!(matches!(error, Error::Timeout));
}
