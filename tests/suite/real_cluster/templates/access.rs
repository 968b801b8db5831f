//! Tests who may run templates: keys with the role `run`, and callers whose RBAC allows it.

use std::rc::Rc;

use serde_json::{Value, json};

use super::{CREATE, Stage, in_namespace, names};
use crate::real_cluster::callers::User;
use crate::real_cluster::{BINARY, World, manifest};
use crate::support::real::eventually;
use crate::support::service::{Service, run};

/// A service for one key, which is returned with it.
async fn with_key(stage: &Stage, arguments: &[&str]) -> (Service, String) {
    let output = run(BINARY, &[&["keygen", "runner"][..], arguments].concat(), &[]).await;
    let [secret, line] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    let settings = [("EKS_API_AUTH", "api-key"), ("EKS_API_KEYS_FILE", "keys")];
    let service = stage.another_service().envs(&settings).file("keys", &line).start().await;
    service.ready().await;
    (service, format!("Bearer {}", secret.trim_end()))
}

pub(crate) async fn a_key_that_may_run_one_template_does_nothing_else(world: Rc<World>) {
    let (stage, namespace) = (world.templates().await, "templates-key");
    stage.make_namespace(namespace, &json!({})).await;
    for name in ["etl", "other"] {
        stage.make_cron_job(namespace, name, |_| {}).await;
    }
    stage.create(namespace, json!({ "job_manifest": manifest("theirs", 0) })).await.expect_status(201);
    let namespaces = format!("{namespace},{namespace}-missing");
    let (service, authorization) =
        with_key(stage, &["--role", "run", "--namespaces", &namespaces, "--templates", "cronjob/etl"]).await;
    let headers = [("authorization", authorization.as_str()), ("content-type", "application/json")];
    let call = async |method: &str, path: &str, body: &Value| {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let headers = if body.is_empty() { &headers[..1] } else { &headers };
        service.send(method, path, headers, body).await
    };
    let etl = json!({ "template": { "cron_job": "etl" }, "parameters": { "DATE": "2026-11-27" } });
    let with = |name: &str, value: Value| {
        let mut body = in_namespace(namespace, etl.clone());
        body[name] = value;
        body
    };

    let ran = with("overrides", json!({ "ttl_seconds_after_finished": 60 }));
    call("POST", CREATE, &ran).await.expect_status(201);
    call("POST", CREATE, &with("job_name", json!("named"))).await.expect_status(201);
    let before = stage.job_names(namespace).await;
    assert_eq!(before.len(), 3);

    let (template, role) = ("template_not_allowed", "role_not_sufficient");
    let mut refused = vec![
        (with("template", json!({ "cron_job": "other" })), template),
        (with("template", json!({ "cron_job": "none" })), template),
        (with("template", json!({ "preset": "etl" })), template),
        (with("template", json!({ "job_name": "theirs" })), role),
        (in_namespace(namespace, json!({ "job_manifest": manifest("mine", 0) })), role),
        (with("dry_run", json!(true)), role),
        (in_namespace(&format!("{namespace}-missing"), etl.clone()), "template_not_found"),
    ];
    for overrides in [
        json!({ "image": "busybox" }),
        json!({ "command": ["sh"] }),
        json!({ "args": ["x"] }),
        json!({ "env": { "MODE": "x" } }),
        json!({ "resources": { "requests": { "memory": "2Gi" } } }),
        json!({ "labels": { "team": "x" } }),
        json!({ "annotations": { "owner": "x" } }),
        json!({ "backoff_limit": 1 }),
        json!({ "active_deadline_seconds": 1 }),
        json!({ "parallelism": 2 }),
        json!({ "completions": 2 }),
        json!({ "suspend": false }),
    ] {
        refused.push((with("overrides", overrides), role));
    }
    for (body, reason) in refused {
        let reply = call("POST", CREATE, &body).await;
        // In a namespace that is missing there is no CronJob.
        let expected = (if reason == "template_not_found" { 404 } else { 403 }, reason);
        assert_eq!((reply.status.as_u16(), reply.json()["reason"].as_str().unwrap()), expected, "{body}");
    }
    for (method, path) in [
        ("DELETE", "/api/eks-delete-job?job_name=named"),
        ("POST", "/api/eks-suspend-job?job_name=named"),
        ("POST", "/api/eks-resume-job?job_name=named"),
        ("DELETE", "/api/eks-delete-namespace?namespace_name=templates-key"),
    ] {
        let path = if path.contains("job_name") { format!("{path}&namespace={namespace}") } else { path.to_owned() };
        let reply = call(method, &path, &Value::Null).await.expect_status(403).json();
        assert_eq!(reply["reason"], role, "{path}");
    }
    let elsewhere = in_namespace("default", etl.clone());
    call("POST", CREATE, &elsewhere).await.expect_status(403);
    assert_eq!(stage.job_names(namespace).await, before);
    stage.admin.get(&format!("/api/v1/namespaces/{namespace}-missing")).await.expect_status(404);

    // What may be read, is read; of the templates only its own.
    for path in
        ["/api/eks-get-job-status?job_name=theirs&", "/api/eks-list-jobs?", "/api/eks-get-job-logs?job_name=theirs&"]
    {
        let reply = call("GET", &format!("{path}namespace={namespace}"), &Value::Null).await;
        assert_ne!(reply.status, 403, "{path}: {}", reply.text());
    }
    let listed = call("GET", &format!("/api/eks-list-templates?namespace={namespace}"), &Value::Null).await;
    let listed = listed.expect_status(200).json();
    let listed: Vec<&Value> = listed["templates"].as_array().unwrap().iter().map(|one| &one["template"]).collect();
    assert_eq!(listed, [&json!("cronjob/etl")]);
}

/// Helen may create jobs and get one `CronJob` by its name, and nothing else; ivan may create jobs alone.
pub(crate) async fn a_caller_with_create_and_get_alone_runs_what_rbac_names(world: Rc<World>) {
    let (stage, namespace) = (world.templates().await, "templates-callers");
    stage.make_namespace(namespace, &json!({})).await;
    for name in ["etl", "other"] {
        stage.make_cron_job(namespace, name, |_| {}).await;
    }
    let service = stage.another_service().env("EKS_API_AUTH", "kubernetes").start().await;
    service.ready().await;
    let rule = |verb: &str, resource: &str| json!({ "verbs": [verb], "apiGroups": ["batch"], "resources": [resource] });
    let mut named = rule("get", "cronjobs");
    named["resourceNames"] = json!(["etl"]);
    let helen = User::new(&stage.admin, "helen").await;
    helen.may(&stage.admin, Some(namespace), &json!([rule("create", "jobs"), named])).await;
    let ivan = User::new(&stage.admin, "ivan").await;
    ivan.may(&stage.admin, Some(namespace), &json!([rule("create", "jobs")])).await;

    let from = |template: Value, job: &str| json!({ "template": template, "parameters": { "DATE": "1" }, "job_name": job, "namespace": namespace });
    let etl = |job: &str| from(json!({ "cron_job": "etl" }), job);
    // Rights count as soon as the API server has heard of them.
    let created = eventually("rights that count", async || {
        let reply = helen.call(&service, "POST", CREATE, &etl("helens")).await;
        (reply.status != 403).then_some(reply)
    })
    .await;
    assert_eq!(created.expect_status(201).json()["template"], "cronjob/etl");
    let by_manifest = json!({ "job_manifest": manifest("ivans", 0), "namespace": namespace });
    let created = eventually("rights that count", async || {
        let reply = ivan.call(&service, "POST", CREATE, &by_manifest).await;
        (reply.status != 403).then_some(reply)
    })
    .await;
    created.expect_status(201);

    let cannot = |verb: &str, resource: &str| format!("cannot {verb} resource \"{resource}\"");
    for (user, body, said) in [
        (&helen, from(json!({ "cron_job": "other" }), "no"), cannot("get", "cronjobs")),
        (&helen, from(json!({ "job_name": "helens" }), "no"), cannot("get", "jobs")),
        (&ivan, etl("no"), cannot("get", "cronjobs")),
    ] {
        let refused = user.call(&service, "POST", CREATE, &body).await.expect_status(403).json();
        assert!(refused["detail"].as_str().unwrap().contains(&said), "{refused}");
    }
    let query = format!("namespace={namespace}&job_name=helens");
    for (method, path) in [
        ("GET", format!("/api/eks-get-job-status?{query}")),
        ("GET", format!("/api/eks-list-jobs?namespace={namespace}")),
        ("POST", format!("/api/eks-suspend-job?{query}")),
        ("DELETE", format!("/api/eks-delete-job?{query}")),
    ] {
        helen.call(&service, method, &path, &Value::Null).await.expect_status(403);
    }
    // Without the right to list, there are the presets, of which there is none, and a warning.
    let listed = helen.get(&service, &format!("/api/eks-list-templates?namespace={namespace}")).await;
    let listed = listed.expect_status(200).json();
    assert_eq!(listed["templates"], json!([]));
    assert!(listed["warnings"][0].as_str().unwrap().contains("cronjobs"), "{listed}");
    assert_eq!(stage.job_names(namespace).await, names(&["helens", "ivans"]));
}
