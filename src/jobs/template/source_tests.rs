//! Templates from a `CronJob`, a Job and a preset, and those that are refused.

use serde_json::{Value, json};

use super::*;
use crate::util::template_name::TemplateKind;

fn name(kind: TemplateKind) -> TemplateName {
    TemplateName::new(kind, "etl").unwrap()
}
fn members(value: &Value) -> Members {
    serde_json::from_value(value.clone()).unwrap()
}

fn recorded(file: &str) -> Value {
    let path = format!("{}/fixtures/kubernetes-1.36/{file}.json", env!("CARGO_MANIFEST_DIR"));
    let mut recording: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    recording["response"]["body"].take()
}

fn of_cron_job(cron_job: &Value) -> Result<Template, Error> {
    Template::from_cron_job(name(TemplateKind::CronJob), &members(cron_job))
}

fn of_job(job: &Value) -> Result<Template, Error> {
    Template::from_job(name(TemplateKind::Job), members(job))
}

fn preset(yaml: &str) -> Result<Template, Error> {
    Template::from_preset(name(TemplateKind::Preset), yaml.as_bytes())
}

fn refusal(read: Result<Template, Error>) -> String {
    match read.unwrap_err() {
        Error::InvalidTemplate(message) => message,
        Error::Invalid(invalid) => panic!("{invalid}"),
    }
}

fn manifest(template: &Template) -> Value {
    serde_json::to_value(&template.manifest).unwrap()
}

fn names(template: &Template) -> Vec<&str> {
    template.parameters.iter().map(|parameter| &*parameter.name).collect()
}

#[test]
fn a_cron_job_gives_its_job_template_with_labels_and_annotations() {
    let mut cron_job = recorded("cronjob-get");
    let template = of_cron_job(&cron_job).unwrap();
    assert_eq!(manifest(&template), cron_job["spec"]["jobTemplate"]);
    assert_eq!((template.version.as_str(), names(&template)), ("211", vec!["DATE", "MODE", "LEVEL"]));
    for member in ["name", "creationTimestamp", "finalizers"] {
        cron_job["spec"]["jobTemplate"]["metadata"][member] = json!("x");
    }
    cron_job["spec"]["jobTemplate"]["status"] = json!({});
    assert_eq!(manifest(&of_cron_job(&cron_job).unwrap()), manifest(&template));
}

#[test]
fn raw_values_of_a_cron_job_keep_their_text() {
    let labels = r#"{"b": "\u00e9", "a":"1"}"#;
    let spec = r#"{"x":[1e400, 1.00], "template":{"spec":{"containers":[{}]}}}"#;
    let cron_job = format!(r#"{{"spec":{{"jobTemplate":{{"metadata":{{"labels":{labels}}},"spec":{spec}}}}}}}"#);
    let cron_job = serde_json::from_str(&cron_job).unwrap();
    let template = Template::from_cron_job(name(TemplateKind::CronJob), &cron_job).unwrap();
    assert_eq!(template.manifest["spec"].get(), spec);
    assert_eq!(raw::object(&template.manifest, "metadata").unwrap()["labels"].get(), labels);
}

#[test]
fn the_cron_jobs_declaration_counts_before_that_of_its_job_template() {
    let mut cron_job = recorded("cronjob-get");
    cron_job["spec"]["jobTemplate"]["metadata"]["annotations"]["eks-api/parameters"] = json!(7);
    assert_eq!(names(&of_cron_job(&cron_job).unwrap()), ["DATE", "MODE", "LEVEL"], "the other is not read");
    cron_job["spec"]["jobTemplate"]["metadata"]["annotations"]["eks-api/parameters"] = json!("OTHER");
    cron_job["metadata"]["annotations"] = json!({});
    assert_eq!(names(&of_cron_job(&cron_job).unwrap()), ["OTHER"]);
    cron_job["spec"]["jobTemplate"]["metadata"]["annotations"] = json!(null);
    assert_eq!(names(&of_cron_job(&cron_job).unwrap()), [""; 0]);
    cron_job["spec"]["jobTemplate"]["metadata"]["annotations"] = json!({ "eks-api/parameters": "OTHER" });
    cron_job["metadata"]["annotations"] = json!({ "eks-api/parameters": "" });
    assert_eq!(names(&of_cron_job(&cron_job).unwrap()), [""; 0], "it says that there are none");
}

#[test]
fn a_job_loses_what_the_cluster_and_the_service_set() {
    let job = recorded("job-get-complete");
    let template = of_job(&job).unwrap();
    assert_eq!(template.version, "729");
    let mut spec = job["spec"].clone();
    spec["template"]["metadata"]["labels"] = json!({});
    spec.as_object_mut().unwrap().retain(|member, _| !["selector", "suspend"].contains(&member.as_str()));
    let wanted = json!({ "apiVersion": "batch/v1", "kind": "Job", "metadata": { "labels": {} }, "spec": spec });
    assert_eq!(manifest(&template), wanted);
}

#[test]
fn each_member_of_the_list_is_removed_from_a_job_and_no_other() {
    let labels = json!({ "controller-uid": "1", "job-name": "a", "batch.kubernetes.io/job-name": "a", "team": "x" });
    let mut own = labels.clone();
    (own["app"], own["job-id"]) = (json!("eks-api"), json!("a"));
    let pod = json!({ "containers": [{ "name": "main" }] });
    let mut job = json!({
        "metadata": {
            "name": "a", "generateName": "a-", "namespace": "demo", "uid": "1", "resourceVersion": "7", "generation": 1,
            "creationTimestamp": "x", "managedFields": [{}], "selfLink": "/", "ownerReferences": [{}],
            "finalizers": ["x"], "deletionTimestamp": "x", "deletionGracePeriodSeconds": 1, "labels": own,
            "annotations": {
                "kubectl.kubernetes.io/last-applied-configuration": "{}", "batch.kubernetes.io/job-tracking": "",
                "cronjob.kubernetes.io/instantiate": "manual", "eks-api/template": "cronjob/etl@1",
                "eks-api/create-id": "1", "eks-api/parameters": "A!", "eks-api/notify": "n", "owner": "o",
            },
        },
        "spec": {
            "selector": {}, "suspend": true, "manualSelector": false, "parallelism": 2,
            "template": { "metadata": { "labels": labels }, "spec": pod },
        },
        "status": { "active": 1 },
    });
    let template = of_job(&job).unwrap();
    let wanted = json!({
        "metadata": {
            "labels": { "team": "x" },
            "annotations": { "eks-api/parameters": "A!", "eks-api/notify": "n", "owner": "o" },
        },
        "spec": {
            "manualSelector": false, "parallelism": 2,
            "template": { "metadata": { "labels": { "team": "x" } }, "spec": pod },
        },
    });
    assert_eq!(manifest(&template), wanted);
    assert_eq!((template.version.as_str(), names(&template)), ("7", vec!["A"]));

    job["spec"]["manualSelector"] = json!(true);
    assert_eq!(manifest(&of_job(&job).unwrap())["spec"]["selector"], json!({}), "a manual selector is kept");
    for member in ["uid", "resourceVersion"] {
        job["metadata"].as_object_mut().unwrap().remove(member);
    }
    let template = of_job(&job).unwrap();
    assert_eq!(manifest(&template)["metadata"], wanted["metadata"], "also without the marks of a dump");
}

const PRESET: &str = "apiVersion: batch/v1
kind: Job
metadata: {name: etl, generateName: etl-, namespace: demo, annotations: {eks-api/parameters: 'DATE!'}}
spec: {suspend: true, template: {spec: {containers: [{name: main, image: busybox}]}}}
";

#[test]
fn a_preset_is_yaml_with_a_version_of_its_bytes() {
    let template = preset(PRESET).unwrap();
    let wanted = json!({
        "apiVersion": "batch/v1", "kind": "Job",
        "metadata": { "namespace": "demo", "annotations": { "eks-api/parameters": "DATE!" } },
        "spec": { "suspend": true, "template": { "spec": { "containers": [{ "name": "main", "image": "busybox" }] } } },
    });
    assert_eq!(manifest(&template), wanted);
    assert_eq!((names(&template), template.namespace.as_ref().unwrap().as_str()), (vec!["DATE"], "demo"));
    // printf '%s' "$json" | sha256sum
    let json = r#"{"spec":{"template":{"spec":{"containers":[{}]}}}}"#;
    assert_eq!(preset(json).unwrap().version, "5930e5a2b113");
    assert_ne!(preset(&format!("{json} ")).unwrap().version, "5930e5a2b113");
}

#[test]
fn a_preset_that_is_a_dump_is_stripped_and_keeps_its_namespace() {
    let job = recorded("job-get-complete");
    let template = preset(&job.to_string()).unwrap();
    let mut wanted = manifest(&of_job(&job).unwrap());
    wanted["metadata"]["namespace"] = json!(template.namespace.as_ref().unwrap().as_str());
    assert_eq!(manifest(&template), wanted);
}

#[test]
fn a_broken_preset_says_what_is_wrong() {
    let large = format!("{PRESET}# {}", "x".repeat(1 << 20));
    let aliases = format!("a: &a [{}]\nb: [{}]", "xxxxxxx,".repeat(2000), "*a,".repeat(1000));
    for (yaml, wrong) in [
        ("a: [", "preset/etl: "),
        ("", "preset/etl: the YAML has no document"),
        ("a: 1\n---\nb: 1", "a second document"),
        ("[]", "preset/etl: must be an object"),
        (r#"{"spec": {"a": 1, "a": 2}}"#, "a"),
        ("kind: Pod", "preset/etl: kind: got Pod without apiVersion"),
        ("{kind: CronJob, apiVersion: batch/v1}", "preset/etl: kind: got batch/v1 CronJob"),
        (&PRESET.replace("demo", "A"), "metadata.namespace: \"A\" is not a namespace name"),
        (&PRESET.replace("demo", "[]"), "metadata.namespace: must be a string"),
        ("apiVersion: batch/v1beta1", "got batch/v1beta1"),
        (&large, "preset/etl: is larger than 1048576 bytes"),
        (&aliases, "larger than 1048576 bytes"),
    ] {
        let message = refusal(preset(yaml));
        assert!(message.starts_with("preset/etl: ") && message.contains(wrong), "{yaml:.40}: {message}");
    }
    Template::from_preset(name(TemplateKind::Preset), b"\xff").unwrap_err();
}

#[test]
fn a_wrong_object_on_the_way_to_the_containers_is_named() {
    let in_pod = |containers: Value| json!({ "template": { "spec": { "containers": containers } } });
    for (spec, wrong) in [
        (json!(null), "spec.template.spec.containers: has no container"),
        (json!(7), "spec: must be an object"),
        (json!({ "template": [] }), "spec.template: must be an object"),
        (json!({ "template": { "spec": "x" } }), "spec.template.spec: must be an object"),
        (in_pod(json!([])), "spec.template.spec.containers: has no container"),
        (in_pod(json!({})), "spec.template.spec.containers: must be an array"),
        (in_pod(json!([{}, 7])), "spec.template.spec.containers[1]: must be an object"),
    ] {
        let job = json!({ "metadata": {}, "spec": spec });
        assert!(refusal(of_job(&job)).starts_with(&format!("job/etl: {wrong}")), "{spec}");
        assert!(refusal(preset(&job.to_string())).starts_with(&format!("preset/etl: {wrong}")), "{spec}");
        let cron_job = json!({ "spec": { "jobTemplate": job } });
        assert!(refusal(of_cron_job(&cron_job)).starts_with(&format!("cronjob/etl: {wrong}")), "{spec}");
    }
    for (cron_job, field) in [
        (json!({ "metadata": [] }), "metadata"),
        (json!({ "spec": "x" }), "spec"),
        (json!({ "spec": { "jobTemplate": 1 } }), "spec.jobTemplate"),
        (json!({ "spec": { "jobTemplate": { "metadata": true } } }), "spec.jobTemplate.metadata"),
    ] {
        assert_eq!(refusal(of_cron_job(&cron_job)), format!("cronjob/etl: {field}: must be an object"));
    }
}

#[test]
fn a_malformed_declaration_and_reserved_names_are_refused() {
    let pod = json!({ "spec": { "containers": [{ "name": "main" }] } });
    let with = |metadata: &Value| json!({ "metadata": metadata, "spec": { "template": pod } });
    for (declaration, wrong) in [(json!("A,DATE!=x"), "\"DATE!=x\" is required"), (json!(7), "must be a string")] {
        let job = with(&json!({ "annotations": { "eks-api/parameters": declaration } }));
        let wrong = format!("metadata.annotations[eks-api/parameters]: {wrong}");
        assert!(refusal(of_job(&job)).starts_with(&format!("job/etl: {wrong}")));
        assert!(refusal(preset(&job.to_string())).starts_with(&format!("preset/etl: {wrong}")));
        let cron_job = json!({ "spec": { "jobTemplate": job } });
        assert!(refusal(of_cron_job(&cron_job)).starts_with(&format!("cronjob/etl: {wrong}")));
    }
    for (member, key) in [("annotations", "eks-api/create-id"), ("labels", "eks-api/x"), ("annotations", "eks-api/")] {
        let job = with(&json!({ member: { key: "1" } }));
        let wrong = format!("metadata.{member}: {key:?} is reserved");
        assert!(refusal(preset(&job.to_string())).starts_with(&format!("preset/etl: {wrong}")));
        let cron_job = json!({ "spec": { "jobTemplate": job } });
        assert!(refusal(of_cron_job(&cron_job)).starts_with(&format!("cronjob/etl: {wrong}")));
        assert_eq!(manifest(&of_job(&job).unwrap())["metadata"][member], json!({}));
    }
    let theirs = with(&json!({ "annotations": { "eks-api/parameters": "A", "eks-api/notify": "n" } }));
    preset(&theirs.to_string()).unwrap();
}
