//! The forms of the body. Each error names its field.

use serde_json::{Value, json};

use super::*;

fn call(body: &Value) -> Result<Call, Problem> {
    serde_json::from_str::<CreateBatch>(&body.to_string())
        .unwrap()
        .into_call(None, &IdempotencyKey::parse("key").unwrap())
}

#[test]
fn each_error_names_its_field() {
    let own = json!({ "job_manifest": {} });
    let large = "x".repeat(MAX_BODY_BYTES);
    for (body, status, field) in [
        (json!({}), 400, "jobs"),
        (json!({ "jobs": null }), 400, "jobs"),
        (json!({ "jobs": {} }), 400, "jobs"),
        (json!({ "jobs": "de" }), 400, "jobs"),
        (json!({ "jobs": [own, own, "de"] }), 400, "jobs[2]"),
        (json!({ "jobs": [own, ["de"]] }), 400, "jobs[1]"),
        (json!({ "jobs": [own, null] }), 400, "jobs[1]"),
        (json!({ "jobs": [own, { "id": 7 }] }), 400, "jobs[1].id"),
        (json!({ "jobs": [{ "template": {} }] }), 400, "jobs[0].template"),
        (json!({ "jobs": [{ "job_manifest": [] }] }), 400, "jobs[0].job_manifest"),
        (json!({ "jobs": [{ "parameters": "A=1" }] }), 400, "jobs[0].parameters"),
        (json!({ "jobs": [{ "overrides": [] }] }), 400, "jobs[0].overrides"),
        (json!({ "jobs": [own], "template": { "cron_job": "etl" }, "job_manifest": {} }), 400, "template"),
        (json!({ "jobs": [own], "template": "etl" }), 400, "template"),
        (json!({ "jobs": [own], "template": { "cron_job": "Etl" } }), 422, "template.cron_job"),
        (json!({ "jobs": [own], "job_manifest": 7 }), 400, "job_manifest"),
        (json!({ "jobs": [own], "parameters": 7 }), 400, "parameters"),
        (json!({ "jobs": [own], "overrides": 7 }), 400, "overrides"),
        (json!({ "jobs": [{ "notify": ["ops"] }] }), 400, "jobs[0].notify"),
        (json!({ "jobs": [own, { "job_manifest": { "a": large } }] }), 413, ""),
        (json!({ "jobs": [own], "job_manifest": { "a": large } }), 413, ""),
    ] {
        let problem = call(&body).err().unwrap_or_else(|| panic!("{body:.200} is taken"));
        let found = problem.causes.first().map_or("", |cause| &*cause.field);
        assert_eq!((problem.status.as_u16(), found), (status, field), "{:.200}", problem.detail);
        assert!(!problem.detail.contains("line 1"), "{}", problem.detail);
    }
}

#[test]
fn a_key_is_bound_to_what_the_jobs_are_made_from() {
    let bound = |more: Value| {
        let mut body = json!({ "template": { "preset": "etl" }, "jobs": [{ "id": "de", "overrides": {} }] });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        call(&body).unwrap().input.bound
    };
    let first = bound(json!({}));
    for same in [
        json!({ "on_error": "continue", "cluster": "a", "batch_name": "b" }),
        json!({ "job_manifest": null }),
        json!({ "notify": null }),
    ] {
        assert_eq!(bound(same.clone()), first, "{same}");
    }
    for other in [
        json!({ "ttl_seconds_after_finished": 60 }),
        json!({ "parameters": {} }),
        json!({ "jobs": [{}] }),
        json!({ "notify": ["ops"] }),
    ] {
        assert_ne!(bound(other.clone()), first, "{other}");
    }
}

#[test]
fn a_job_has_its_own_part() {
    let body = json!({ "namespace": "demo", "on_error": "continue", "ttl_seconds_after_finished": 60, "overrides": {},
        "template": { "preset": "etl" }, "parameters": { "DATE": "x" }, "job_manifest": null,
        "jobs": [{ "id": "de", "parameters": { "COUNTRY": "de" }, "overrides": null }, {}] });
    let parsed = call(&body).unwrap();
    let input = &parsed.input;
    assert_eq!((parsed.on_error, input.ttl_seconds_after_finished), (OnError::Continue, Some(60)));
    assert_eq!((input.parameters.len(), input.jobs.len(), input.jobs[0].id.as_deref()), (1, 2, Some("de")));
    assert_eq!((input.jobs[0].parameters.len(), input.jobs[1].parameters.len()), (1, 0));
    assert_eq!(parsed.only_template().map(ToString::to_string).as_deref(), Some("preset/etl"));
}

#[test]
fn a_job_with_a_manifest_of_its_own_is_not_from_the_template() {
    let call = call(&json!({ "template": { "preset": "etl" }, "jobs": [{}, { "job_manifest": {} }] })).unwrap();
    assert_eq!(call.only_template(), None);
}

#[test]
fn a_million_jobs_are_refused_and_not_kept() {
    let jobs = format!("[{}{{}}]", "{},".repeat(1_000_000));
    let list: Box<RawValue> = serde_json::from_str(&jobs).unwrap();
    let problem = items(&list).unwrap_err();
    assert_eq!((problem.status.as_u16(), &*problem.causes[0].field), (422, "jobs"));
    assert!(problem.detail.contains("more than 1000 jobs"), "{}", problem.detail);
    let FirstItems(kept) = serde_json::from_str::<FirstItems<Value, 7>>(&jobs).unwrap();
    assert_eq!(kept.len(), 7);
}

#[test]
fn spaces_and_the_order_of_members_do_not_change_what_a_key_is_bound_to() {
    let bound = |jobs: &str| {
        let body: CreateBatch =
            serde_json::from_str(&format!(r#"{{"template":{{"preset":"a"}},"jobs":{jobs}}}"#)).unwrap();
        body.into_call(None, &IdempotencyKey::parse("key").unwrap()).unwrap().input.bound
    };
    assert_eq!(bound(r#"[{"id":"a","overrides":{"b":1}}]"#), bound(r#"[ {"overrides": {"b":1}, "id":"a"} ]"#));
    assert_ne!(bound(r#"[{"id":"a"},{"id":"b"}]"#), bound(r#"[{"id":"b"},{"id":"a"}]"#));
}
