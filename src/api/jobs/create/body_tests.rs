//! The forms of the body: the source of the job, and refusals before anything is read.

use serde_json::{Value, json};

use super::*;

fn source(body: &Value) -> Result<Source, Problem> {
    serde_json::from_str::<CreateJob>(&body.to_string()).unwrap().take_source()
}

fn template(body: &Value) -> TemplateCall {
    match source(body) {
        Ok(Source::Template(call)) => call,
        Ok(Source::Manifest(_)) => panic!("{body} is a manifest"),
        Err(problem) => panic!("{body}: {problem:?}"),
    }
}

#[test]
fn a_source_is_a_manifest_or_exactly_one_template() {
    for (body, status, field) in [
        (json!({}), 400, "body"),
        (json!({ "job_manifest": null, "template": null }), 400, "body"),
        (json!({ "parameters": {} }), 400, "body"),
        (json!({ "job_manifest": {}, "template": { "cron_job": "etl" } }), 400, "template"),
        (json!({ "job_manifest": {}, "template": {} }), 400, "template"),
        (json!({ "job_manifest": {}, "job_name": "etl" }), 400, "job_name"),
        (json!({ "job_manifest": {}, "parameters": {} }), 400, "parameters"),
        (json!({ "job_manifest": {}, "overrides": {} }), 400, "overrides"),
        (json!({ "template": {} }), 400, "template"),
        (json!({ "template": "cronjob/etl" }), 400, "template"),
        (json!({ "template": ["etl"] }), 400, "template"),
        (json!({ "template": { "cron_job": null } }), 400, "template"),
        (json!({ "template": { "cron_job": "etl", "preset": "etl" } }), 400, "template"),
        (json!({ "template": { "cron_job": "etl", "job_name": "etl" } }), 400, "template"),
        (json!({ "template": { "cronjob": "etl" } }), 400, "template"),
        (json!({ "template": { "cron_job": "etl", "version": null } }), 400, "template"),
        (json!({ "template": { "Cron_job": "etl" } }), 400, "template"),
        (json!({ "template": { "cron_job": 7 } }), 400, "template.cron_job"),
        (json!({ "template": { "preset": ["etl"] } }), 400, "template.preset"),
        (json!({ "template": { "cron_job": "" } }), 422, "template.cron_job"),
        (json!({ "template": { "cron_job": "Etl" } }), 422, "template.cron_job"),
        (json!({ "template": { "job_name": "../etl" } }), 422, "template.job_name"),
        (json!({ "template": { "preset": "cronjob/etl" } }), 422, "template.preset"),
        (json!({ "template": { "preset": "n".repeat(64) } }), 422, "template.preset"),
        (json!({ "template": { "preset": "etl" }, "job_name": 7 }), 400, "job_name"),
        (json!({ "template": { "preset": "etl" }, "job_name": "" }), 422, "job_name"),
        (json!({ "template": { "preset": "etl" }, "job_name": "Etl" }), 422, "job_name"),
        (json!({ "template": { "preset": "etl" }, "parameters": [] }), 400, "parameters"),
        (json!({ "template": { "preset": "etl" }, "parameters": "A=1" }), 400, "parameters"),
        (json!({ "template": { "preset": "etl" }, "overrides": 1 }), 400, "overrides"),
    ] {
        let Err(problem) = source(&body) else { panic!("{body} is taken") };
        assert_eq!((problem.status.as_u16(), &*problem.causes[0].field), (status, field), "{body}");
        if field == "template" && body["job_manifest"].is_null() {
            assert!(problem.detail.contains("cron_job, job_name and preset"), "{}", problem.detail);
        }
    }
}

#[test]
fn null_counts_as_missing_and_the_given_members_are_kept_as_they_are() {
    let call = template(&json!({ "template": { "cron_job": null, "preset": "etl" }, "job_manifest": null,
        "job_name": null, "parameters": null, "overrides": null }));
    assert_eq!((call.template.to_string().as_str(), call.job_name.is_none()), ("preset/etl", true));
    assert_eq!(call.members.keys().collect::<Vec<_>>(), ["template"]);

    let body = json!({ "template": { "cron_job": "etl" }, "namespace": "demo", "wait": "1s", "dry_run": false,
        "job_name": "etl-manual", "parameters": { "DATE": "x" }, "overrides": { "image": "i" },
        "field_validation": "warn", "cluster": "prod" });
    let call = template(&body);
    assert_eq!(call.job_name.as_ref().map(JobName::as_str), Some("etl-manual"));
    for (name, raw) in &call.members {
        assert_eq!(serde_json::from_str::<Value>(raw.get()).unwrap(), body[name.as_str()]);
    }
    assert_eq!(call.members.keys().collect::<Vec<_>>(), ["job_name", "overrides", "parameters", "template"]);
    assert_eq!((call.parameters.len(), call.overrides.len()), (1, 1));
    assert!(matches!(source(&json!({ "job_manifest": { "template": 1 } })), Ok(Source::Manifest(_))));
}

#[test]
fn an_unknown_member_is_refused() {
    for body in [r#"{"template":{"preset":"etl"},"Template":{}}"#, r#"{"template":{"preset":"etl"},"image":"x"}"#] {
        assert!(serde_json::from_str::<CreateJob>(body).is_err(), "{body}");
    }
}
