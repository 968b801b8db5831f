//! A job from a preset: no read, and the preset's own namespace.

use serde_json::{Value, json};

use super::presets::{folder, lab_with, preset};
use super::{made, post, post_with_key, posted, refused, send};
use crate::access::{ALICE, ask, bearer, create_as, keygen_with, with_keys, with_users};
use crate::calls::{CREATE_JOB, JOBS, NAMESPACES, sent};
use crate::support::stub::Right;

const DECLARES: &str = "  annotations:\n    eks-api/parameters: \"DATE!\"\n";
const OF_DEMO: &str = "  namespace: demo\n";

fn call(more: &Value) -> Value {
    let mut body = json!({ "template": { "preset": "etl" } });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

#[tokio::test]
async fn a_job_from_a_preset_costs_one_create() {
    let folder = folder(&[("etl.yaml", &preset("etl:1", DECLARES))]);
    let lab = lab_with(&folder, &[]).await;
    let reply = made(post(&lab, &call(&json!({ "parameters": { "DATE": "x" } }))).await, 201);
    assert_eq!(sent(&lab.cluster), [format!("POST {JOBS}")]);
    let version = reply["template_version"].as_str().unwrap();
    assert!(version.len() == 12 && version.bytes().all(|c| c.is_ascii_hexdigit()), "{reply}");
    assert_eq!(reply["template"], "preset/etl");
    assert!(reply["job_name"].as_str().unwrap().starts_with("etl-"), "{reply}");
    let annotations = &posted(&lab)["metadata"]["annotations"];
    assert_eq!(annotations["eks-api/template"], format!("preset/etl@{version}"));
    assert_eq!(annotations["cronjob.kubernetes.io/instantiate"], Value::Null);
    refused(&post(&lab, &call(&json!({}))).await, 422, "Invalid", "parameters.DATE");
    // The key finds the job of a preset too.
    let body = call(&json!({ "parameters": { "DATE": "y" } }));
    let first = made(post_with_key(&lab, "k", &body).await, 201);
    assert_eq!(made(post_with_key(&lab, "k", &body).await, 200), first);
}

#[tokio::test]
async fn the_namespace_of_a_preset_agrees_with_that_of_the_call() {
    let folder = folder(&[("etl.yaml", &preset("etl:1", OF_DEMO))]);
    let lab = lab_with(&folder, &[]).await;
    lab.cluster.put_namespace(json!({ "metadata": { "name": "demo" } }));
    for more in [json!({}), json!({ "namespace": "demo" })] {
        assert_eq!(made(post(&lab, &call(&more)).await, 201)["namespace"], "demo");
    }
    let detail = refused(&post(&lab, &call(&json!({ "namespace": "other" }))).await, 400, "BadRequest", "namespace");
    assert!(detail.contains("demo") && detail.contains("preset/etl"), "{detail}");
    let target = format!("{CREATE_JOB}?namespace=default");
    refused(&send(&lab, &target, "", &call(&json!({}))).await, 400, "BadRequest", "namespace");
}

#[tokio::test]
async fn a_dry_run_in_a_missing_namespace_says_that_the_call_would_make_it() {
    let folder = folder(&[("etl.yaml", &preset("etl:1", ""))]);
    let lab = lab_with(&folder, &[]).await;
    let body = call(&json!({ "namespace": "fresh", "dry_run": true }));
    let detail = refused(&post(&lab, &body).await, 404, "NotFound", "");
    assert_eq!(detail, "namespaces \"fresh\" not found; without dry_run it would be created");
    assert_eq!(lab.cluster.count("POST", NAMESPACES), 0);
    let reply = made(post(&lab, &call(&json!({ "namespace": "fresh" }))).await, 201);
    assert_eq!(reply["namespace_created"], true);
}

#[tokio::test]
async fn the_role_run_makes_no_namespace_and_reaches_none_but_its_own_through_a_preset() {
    let folder = folder(&[("etl.yaml", &preset("etl:1", "")), ("prod.yaml", &preset("etl:1", "  namespace: prod\n"))]);
    let key = keygen_with("runner", "run", "team-*", &["--templates", "preset/*"]).await;
    let directory = folder.path().to_str().unwrap();
    let lab = with_keys(&[&key], &[("EKS_API_PRESETS_DIR", directory)]).await;
    let create = async |body: &Value| {
        let answer = ask(&lab.service, "POST", CREATE_JOB, &bearer(&key.secret), Some(body)).await;
        (answer.status(), serde_json::from_str::<Value>(&answer.body).unwrap())
    };
    let detail = refused(&create(&call(&json!({ "namespace": "team-new" }))).await, 403, "role_not_sufficient", "");
    let why = "this needs the role admin, and yours is run";
    assert_eq!(detail, format!("the namespace does not exist and could not be created: {why}"));
    let own = json!({ "template": { "preset": "prod" } });
    for hidden in [own, json!({ "template": { "preset": "nope" } })] {
        refused(&create(&hidden).await, 404, "template_not_found", "");
        let mut in_own = hidden.clone();
        in_own["namespace"] = json!("team-new");
        refused(&create(&in_own).await, 404, "template_not_found", "");
    }
    assert_eq!((lab.cluster.count("POST", NAMESPACES), lab.cluster.namespace("team-new")), (0, None));
    lab.cluster.put_namespace(json!({ "metadata": { "name": "team-new" } }));
    made(create(&call(&json!({ "namespace": "team-new" }))).await, 201);
}

#[tokio::test]
async fn with_the_callers_token_nothing_of_a_preset_is_told_before_the_right_is_checked() {
    let folder = folder(&[("etl.yaml", &preset("etl:1", DECLARES)), ("demo.yaml", &preset("etl:1", OF_DEMO))]);
    let lab = with_users(&[("EKS_API_PRESETS_DIR", folder.path().to_str().unwrap())]).await;
    let create = async |token: &str, name: &str, namespace: Value| {
        let body = json!({ "template": { "preset": name }, "namespace": namespace });
        let answer = create_as(&lab.service, token, &body).await;
        (answer.status(), serde_json::from_str::<Value>(&answer.body).unwrap())
    };
    lab.cluster.allow_user("alice", Right::to(&["get"], "jobs"));
    for namespace in [Value::Null, json!("default"), json!("demo")] {
        for name in ["etl", "demo", "nope"] {
            refused(&create("nobodys.cluster-token", name, namespace.clone()).await, 401, "Unauthorized", "");
            refused(&create(ALICE, name, namespace.clone()).await, 403, "Forbidden", "");
        }
    }
    lab.cluster.allow_user("bob", Right::to(&["create"], "jobs").within("default"));
    refused(&create("bobs-own.cluster-token", "etl", Value::Null).await, 422, "Invalid", "parameters.DATE");
    for namespace in [Value::Null, json!("default")] {
        let [hidden, unknown] = [
            create("bobs-own.cluster-token", "demo", namespace.clone()).await,
            create("bobs-own.cluster-token", "nope", namespace).await,
        ];
        let of_hidden = refused(&hidden, 404, "template_not_found", "");
        assert_eq!(of_hidden.replace("demo", "nope"), refused(&unknown, 404, "template_not_found", ""));
    }
    assert_eq!(lab.cluster.count("POST", JOBS), 0);
}

#[tokio::test]
async fn the_key_finds_its_job_whatever_became_of_the_preset() {
    let folder = folder(&[("etl.yaml", &preset("etl:1", ""))]);
    let lab = lab_with(&folder, &[]).await;
    let body = call(&json!({ "namespace": "default" }));
    let first = made(post_with_key(&lab, "k", &body).await, 201);
    for change in [Some(preset("etl:2", "")), Some(preset("etl:1", OF_DEMO)), Some(preset("etl:1", DECLARES)), None] {
        match &change {
            Some(text) => folder.write("etl.yaml", text),
            None => std::fs::remove_file(folder.path().join("etl.yaml")).unwrap(),
        }
        let before = lab.service.logs().iter().filter(|line| is_reloaded(line)).count();
        lab.service.signal("HUP").await;
        lab.service.log_lines(before + 1, is_reloaded).await;
        assert_eq!(made(post_with_key(&lab, "k", &body).await, 200), first, "{change:?}");
    }
    refused(&post(&lab, &body).await, 404, "template_not_found", "");
}

fn is_reloaded(line: &str) -> bool {
    line.contains("what=presets") && line.contains("INFO") && line.contains("reloaded")
}
