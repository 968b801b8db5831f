//! The form of a call, and the field that an error names.

use serde_json::{Value, json};

use super::*;
use crate::jobs::idempotency::IdempotencyKey;
use crate::jobs::template::Template;
use crate::util::template_name::TemplateName;

fn members(value: &Value) -> Members {
    serde_json::from_value(value.clone()).unwrap_or_default()
}

/// Returns the template of `template` in a body: its YAML.
fn source(body: &Value) -> Source {
    if let Some(preset) = body.get("template") {
        let name = TemplateName::parse("preset/etl").unwrap();
        return Source::Template(Template::from_preset(name, preset.to_string().as_bytes()).unwrap().into());
    }
    body.get("job_manifest").map_or(Source::None, |manifest| Source::Manifest(members(manifest)))
}

/// Plans a body of create-batch for the batch `nightly`.
pub(super) fn plan(body: &Value) -> Result<Plan, Error> {
    plan_of(body, source(body))
}

pub(super) fn plan_of(body: &Value, source: Source) -> Result<Plan, Error> {
    let jobs = body["jobs"].as_array().unwrap().iter().map(|job| JobInput {
        id: job["id"].as_str().map(str::to_owned),
        manifest: job.get("job_manifest").map(members),
        parameters: members(&job["parameters"]),
        overrides: members(&job["overrides"]),
    });
    let input = BatchInput {
        source,
        parameters: members(&body["parameters"]),
        overrides: members(&body["overrides"]),
        jobs: jobs.collect(),
        ttl_seconds_after_finished: body["ttl_seconds_after_finished"].as_u64().map(|ttl| ttl.try_into().unwrap()),
        notify: body["notify"].as_str().map(str::to_owned),
        bound: bind_call(&IdempotencyKey::parse("key").unwrap(), &members(body)).unwrap(),
    };
    Plan::new(BatchName::parse("nightly").unwrap(), Namespace::parse("demo").unwrap(), "req-1", input)
}

/// Returns the error of the plan or of a member.
fn error(body: &Value) -> Error {
    let plan = match plan(body) {
        Ok(plan) => plan,
        Err(error) => return error,
    };
    (0..plan.size()).find_map(|index| plan.member(index, "u").err()).unwrap_or_else(|| panic!("{body} is not refused"))
}

#[track_caller]
fn refused(body: &Value, field: &str, message: &str) -> Invalid {
    let Error::Invalid(invalid) = error(body) else { panic!("{body}") };
    assert_eq!(invalid.field, field, "{body}: {invalid}");
    assert!(invalid.message.contains(message), "{invalid}");
    invalid
}

pub(super) fn manifest() -> Value {
    json!({ "spec": { "template": { "spec": { "containers": [{ "name": "main", "image": "busybox" }] } } } })
}

fn template() -> Value {
    let mut template = manifest();
    template["metadata"] = json!({ "annotations": { "eks-api/parameters": "DATE!,MODE" } });
    template
}

/// Two containers, of which no annotation chooses one.
fn two_containers() -> Value {
    let containers = json!([{ "name": "main" }, { "name": "side" }]);
    json!({ "spec": { "template": { "spec": { "containers": containers } } } })
}

fn of(job: &Value) -> Value {
    json!({ "job_manifest": manifest(), "jobs": [{}, job] })
}

#[test]
fn a_batch_has_1_to_1000_jobs() {
    for (count, is_refused) in [(0, true), (1, false), (1000, false), (1001, true)] {
        let body = json!({ "job_manifest": manifest(), "jobs": vec![json!({}); count] });
        if is_refused {
            assert!(!refused(&body, "jobs", &format!("has {count} jobs; send 1 to 1000")).malformed);
        } else {
            assert_eq!(plan(&body).unwrap().size() as usize, count);
        }
    }
}

#[test]
fn an_id_is_a_short_text_without_control_characters() {
    for id in ["de", "a b=ä/$", &"é".repeat(63), " "] {
        assert_eq!(plan(&of(&json!({ "id": id }))).unwrap().id(1), Some(id));
    }
    for id in ["", "a\nb", "a\0", "\u{7f}", &"x".repeat(64)] {
        refused(&of(&json!({ "id": id })), "jobs[1].id", "must be 1 to 63 characters");
    }
}

#[test]
fn two_jobs_with_the_same_id_are_both_named() {
    let jobs = json!([{ "id": "x" }, { "id": "de" }, {}, { "id": "de" }]);
    refused(&json!({ "job_manifest": manifest(), "jobs": jobs }), "jobs[3].id", "\"de\" is the id of jobs[1] too");
}

#[test]
fn the_ids_are_empty_if_no_job_has_one() {
    let of_jobs = |jobs: Value| plan(&json!({ "job_manifest": manifest(), "jobs": jobs })).unwrap();
    assert!(of_jobs(json!([{}, {}])).description().ids.is_empty());
    let plan = of_jobs(json!([{}, { "id": "de" }]));
    assert_eq!((plan.id(0), plan.id(1), plan.id(2)), (None, Some("de"), None));
}

#[test]
fn a_ttl_is_at_most_that_of_kubernetes() {
    let with = |ttl: u64| json!({ "job_manifest": manifest(), "jobs": [{}], "ttl_seconds_after_finished": ttl });
    assert_eq!(plan(&with(2_147_483_647)).unwrap().description().ttl_seconds_after_finished, Some(i32::MAX as u32));
    refused(&with(2_147_483_648), "ttl_seconds_after_finished", "must be from 0 to 2147483647");
}

#[test]
fn a_wrong_override_or_parameter_is_named_with_its_job() {
    let common = |overrides: Value| json!({ "job_manifest": manifest(), "overrides": overrides, "jobs": [{}] });
    refused(&common(json!({ "image": 7 })), "overrides.image", "must be a string");
    refused(&of(&json!({ "overrides": { "image": 7 } })), "jobs[1].overrides.image", "must be a string");
    let of_template = |parameters: Value, job: Value| json!({ "template": template(), "parameters": parameters, "jobs": [{ "parameters": { "DATE": "1" } }, job] });
    refused(&of_template(json!({ "MODE": 7 }), json!({})), "parameters.MODE", "must be a string");
    refused(&of_template(json!({}), json!({ "parameters": { "MODE": 7 } })), "jobs[1].parameters.MODE", "must be");
    refused(&of_template(json!({ "X": "" }), json!({})), "parameters.X", "is not declared");
    refused(&of_template(json!({}), json!({ "parameters": { "X": "" } })), "jobs[1].parameters.X", "is not declared");
    refused(&of_template(json!({}), json!({})), "jobs[1].parameters.DATE", "is required by the template");
    let twice = of_template(json!({ "DATE": "1" }), json!({ "overrides": { "env": { "DATE": "2" } } }));
    refused(&twice, "jobs[1].overrides.env.DATE", "is given in parameters too");
    let mut twice = of_template(json!({ "DATE": "1" }), json!({}));
    twice["overrides"] = json!({ "env": { "DATE": "2" } });
    refused(&twice, "overrides.env.DATE", "is given in parameters too");
}

#[test]
fn a_container_that_is_unknown_is_named_where_it_is_given() {
    let body = |common: &str, own: Value| json!({ "job_manifest": two_containers(), "overrides": { "image": "x", "container": common }, "jobs": [{ "overrides": own }] });
    let missing = "the manifest has no container \"x\"; it has main, side";
    refused(&body("x", json!({})), "overrides.container", missing);
    refused(&body("main", json!({ "container": "x" })), "jobs[0].overrides.container", missing);
    plan(&body("x", json!({ "container": "side" }))).unwrap().member(0, "u").unwrap();
    let own = json!({ "job_manifest": two_containers(), "overrides": { "image": "x" } });
    refused(&of(&own), "jobs[1].overrides.container", "name the container to change: the manifest has main, side");
    let of_template = json!({ "template": two_containers(), "overrides": { "image": "x" }, "jobs": [{}] });
    refused(&of_template, "overrides.container", "the template has main, side");
}

#[test]
fn parameters_are_for_a_template_only() {
    let message = "is for a template only: write it into job_manifest";
    let given = json!({ "MODE": "x" });
    refused(&json!({ "job_manifest": manifest(), "parameters": given, "jobs": [{}] }), "parameters", message);
    refused(&of(&json!({ "parameters": given })), "jobs[1].parameters", message);
    let own = json!({ "job_manifest": manifest(), "parameters": given });
    let body = json!({ "template": template(), "parameters": { "DATE": "1" }, "jobs": [{}, own] });
    assert!(refused(&body, "jobs[1].parameters", message).malformed);
}

#[test]
fn each_job_needs_a_manifest() {
    let body = json!({ "jobs": [{ "job_manifest": manifest() }, { "id": "x" }] });
    refused(&body, "jobs[1].job_manifest", "is missing");
    let body = json!({ "jobs": [{ "job_manifest": manifest() }], "overrides": { "image": "x" } });
    refused(&body, "overrides", "is for a common job_manifest or template only");
}

#[test]
fn the_metadata_of_a_single_job_is_refused() {
    for (metadata, field, message) in [
        (json!({ "name": "x" }), "name", "the service names the jobs nightly-0000 and so on"),
        (json!({ "generateName": "x-" }), "generateName", "the service names the jobs nightly-0000 and so on"),
        (json!({ "ownerReferences": [{}] }), "ownerReferences", "is set by the service"),
        (json!({ "namespace": "other" }), "namespace", "is \"other\", but namespace is \"demo\""),
        (json!({ "labels": { "eks-api/batch": "x" } }), "labels", "is reserved"),
        (json!({ "annotations": { "eks-api/batch": "x" } }), "annotations", "is reserved"),
        (json!({ "labels": 7 }), "labels", "must be an object"),
    ] {
        let mut manifest = manifest();
        manifest["metadata"] = metadata;
        let field = format!("job_manifest.metadata.{field}");
        refused(&json!({ "job_manifest": manifest, "jobs": [{}] }), &field, message);
        refused(&of(&json!({ "job_manifest": manifest })), &format!("jobs[1].{field}"), message);
    }
    refused(&of(&json!({ "job_manifest": { "kind": "Pod" } })), "jobs[1].job_manifest.kind", "got Pod");
    let mut empty = manifest();
    empty["metadata"] = json!({ "name": "", "generateName": null, "ownerReferences": [], "namespace": "demo" });
    plan(&of(&json!({ "job_manifest": empty }))).unwrap().member(1, "u").unwrap();
}

#[test]
fn the_fault_of_a_template_is_not_that_of_the_call() {
    let mut template = manifest();
    template["spec"]["template"]["spec"]["containers"][0]["env"] = json!(7);
    let body = json!({ "template": template, "overrides": { "env": { "A": "1" } }, "jobs": [{}] });
    let Error::InvalidTemplate(message) = error(&body) else { panic!() };
    assert_eq!(message, "preset/etl: spec.template.spec.containers[0].env: must be an array");
    template["metadata"] = json!({ "ownerReferences": [{}] });
    let Error::InvalidTemplate(message) = error(&json!({ "template": template, "jobs": [{}] })) else { panic!() };
    assert!(message.starts_with("preset/etl: metadata.ownerReferences: "), "{message}");
}

#[test]
fn a_manifest_beyond_1_mib_is_too_large() {
    let large = |size: usize| json!({ "x": "x".repeat(size) });
    plan(&of(&json!({ "job_manifest": large(1_000_000) }))).unwrap().member(1, "u").unwrap();
    let message = "a job may have 1048576";
    let own = refused(&of(&json!({ "job_manifest": large(1 << 20) })), "jobs[1].job_manifest", message);
    assert!(own.is_too_large && own.message.starts_with("nightly-0001 has 104"), "{own}");
    assert!(refused(&json!({ "job_manifest": large(1 << 20), "jobs": [{}] }), "job_manifest", message).is_too_large);
    let env = json!({ "env": { "A": "x".repeat(1 << 20) } });
    let of_template = json!({ "template": manifest(), "overrides": env, "jobs": [{}] });
    assert!(refused(&of_template, "template", message).is_too_large);
}

#[test]
fn annotations_that_are_too_large_are_named_where_they_are_given() {
    let value = "x".repeat((256 << 10) - 100);
    let mut manifest = manifest();
    let overrides = json!({ "annotations": { "a": value } });
    let common = json!({ "job_manifest": manifest, "overrides": overrides, "jobs": [{}] });
    refused(&common, "overrides.annotations", "the service adds");
    refused(&of(&json!({ "overrides": overrides })), "jobs[1].overrides.annotations", "the service adds");
    manifest["metadata"] = json!({ "annotations": { "a": value } });
    let field = "job_manifest.metadata.annotations";
    refused(&json!({ "job_manifest": manifest, "jobs": [{}] }), field, "the service adds");
    refused(&of(&json!({ "job_manifest": manifest })), &format!("jobs[1].{field}"), "the service adds");
    assert!(matches!(error(&json!({ "template": manifest, "jobs": [{}] })), Error::InvalidTemplate(_)));
}

#[test]
fn the_body_is_bound_without_spaces_and_the_order_of_members() {
    let body = |call: &str| {
        let call: Members = serde_json::from_str(call).unwrap();
        bind(&IdempotencyKey::parse("key").unwrap(), &call, None, None).unwrap().body
    };
    assert_eq!(body(r#"{"jobs": [{"a":1,"b":2}], "x":1}"#), body(r#"{"x":1,"jobs":[{"b":2,"a":1}]}"#));
    assert_ne!(body(r#"{"jobs":[{}]}"#), body(r#"{"jobs":[{},{}]}"#));
}
