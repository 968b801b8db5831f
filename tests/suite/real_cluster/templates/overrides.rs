//! Each override by itself and all of them together: what it names is changed, and nothing else.

use std::rc::Rc;

use serde_json::{Value, json};

use super::{HAS_SUSPEND_AND_TTL, names, plain};
use crate::real_cluster::World;

const NAMESPACE: &str = "templates-overrides";
const MAIN: &str = "/spec/template/spec/containers/0";

/// An override, and what becomes of the job: pointers with the new value, or null for a member that goes.
fn overrides(minor: u32) -> Vec<(Value, Vec<(String, Value)>)> {
    let main = |path: &str| format!("{MAIN}{path}");
    let spec = |name: &str| format!("/spec/{name}");
    let plain = |name: &str, value: &str| json!({ "name": name, "value": value });
    let mut all = vec![
        (
            json!({ "image": "registry.example.com/etl:1.8" }),
            vec![(main("/image"), json!("registry.example.com/etl:1.8"))],
        ),
        (
            json!({ "command": ["sh", "-c", "echo \"$DATE\""] }),
            vec![(main("/command"), json!(["sh", "-c", "echo \"$DATE\""]))],
        ),
        (json!({ "args": ["--full"] }), vec![(main("/args"), json!(["--full"]))]),
        (
            json!({ "env": { "MODE": "full", "NEW": "1" } }),
            vec![(main("/env/MODE"), plain("MODE", "full")), (main("/env/NEW"), plain("NEW", "1"))],
        ),
        (
            json!({ "env": { "MODE": null, "TOKEN": "none" } }),
            vec![(main("/env/MODE"), Value::Null), (main("/env/TOKEN"), plain("TOKEN", "none"))],
        ),
        (
            json!({ "resources": { "requests": { "memory": "2Gi" }, "limits": { "memory": "4Gi" } } }),
            vec![
                (main("/resources/requests/memory"), json!("2Gi")),
                (main("/resources/limits"), json!({ "memory": "4Gi" })),
            ],
        ),
        (json!({ "resources": { "requests": { "cpu": null } } }), vec![(main("/resources/requests/cpu"), Value::Null)]),
        (
            json!({ "labels": { "team": null, "run": "manual" } }),
            vec![("/labels/team".to_owned(), Value::Null), ("/labels/run".to_owned(), json!("manual"))],
        ),
        (
            json!({ "annotations": { "owner": "ops", "example.com/why": "ä \"b\"" } }),
            vec![
                ("/annotations/owner".to_owned(), json!("ops")),
                ("/annotations/example.com~1why".to_owned(), json!("ä \"b\"")),
            ],
        ),
        (json!({ "backoff_limit": 0 }), vec![(spec("backoffLimit"), json!(0))]),
        (json!({ "active_deadline_seconds": 3600 }), vec![(spec("activeDeadlineSeconds"), json!(3600))]),
        (json!({ "parallelism": 4 }), vec![(spec("parallelism"), json!(4))]),
        (json!({ "completions": 4 }), vec![(spec("completions"), json!(4))]),
    ];
    // An older server drops both fields, without a warning.
    if minor >= HAS_SUSPEND_AND_TTL {
        all.push((
            json!({ "ttl_seconds_after_finished": 86_400 }),
            vec![(spec("ttlSecondsAfterFinished"), json!(86_400))],
        ));
        all.push((json!({ "suspend": true }), vec![(spec("suspend"), json!(true))]));
    }
    all
}

fn edit(job: &mut Value, pointer: &str, value: &Value) {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let members = job.pointer_mut(parent).and_then(Value::as_object_mut);
    let members = members.unwrap_or_else(|| panic!("{parent} is not there"));
    let key = key.replace("~1", "/");
    if value.is_null() {
        assert!(members.remove(&key).is_some(), "{pointer} was not there");
    } else {
        members.insert(key, value.clone());
    }
}

pub(crate) async fn a_suspended_cron_job_is_run_with_each_override_and_read_back(world: Rc<World>) {
    let stage = world.templates().await;
    stage.make_namespace(NAMESPACE, &json!({})).await;
    let cron_job = stage
        .make_cron_job(NAMESPACE, "etl", |cron_job| {
            // A parameter is given as one, and not by an override.
            cron_job["metadata"]["annotations"]["eks-api/parameters"] = json!("DATE!,LEVEL=info");
            let spec = &mut cron_job["spec"]["jobTemplate"]["spec"];
            // So many jobs need no pods.
            spec["parallelism"] = json!(0);
            let containers = &mut spec["template"]["spec"]["containers"];
            containers.as_array_mut().unwrap().push(json!({ "name": "side", "image": "busybox" }));
        })
        .await;
    assert_eq!(cron_job["spec"]["suspend"], true);
    let run = async |name: &str, overrides: &Value| {
        let mut overrides = overrides.clone();
        overrides["container"] = json!("main");
        let body = json!({ "template": { "cron_job": "etl" }, "job_name": name,
            "parameters": { "DATE": "2026-11-27" }, "overrides": overrides });
        let created = stage.create(NAMESPACE, body).await.expect_status(201).json();
        assert_eq!((&created["job_name"], &created["warnings"]), (&json!(name), &json!([])));
        (created, stage.job(NAMESPACE, name).await)
    };

    let (created, base) = run("base", &json!({})).await;
    let version = cron_job["metadata"]["resourceVersion"].as_str().unwrap();
    assert_eq!((&created["template"], &created["template_version"]), (&json!("cronjob/etl"), &json!(version)));
    let annotations = &base["metadata"]["annotations"];
    assert_eq!(annotations["eks-api/template"], json!(format!("cronjob/etl@{version}")));
    assert_eq!(annotations["cronjob.kubernetes.io/instantiate"], "manual");
    assert_eq!(base["metadata"]["ownerReferences"], Value::Null);
    let path = format!("/api/eks-get-job-status?namespace={NAMESPACE}&job_name=base");
    let status = stage.service.get(&path).await.expect_status(200).json();
    assert_eq!((&status["template"], &status["template_version"]), (&json!("cronjob/etl"), &json!(version)));

    // What the API server made of the CronJob's own template is what the job is to be, and nothing is lost of it.
    let job_template = &cron_job["spec"]["jobTemplate"];
    let mut expected = plain(&json!({ "metadata": job_template["metadata"], "spec": job_template["spec"] }));
    edit(&mut expected, "/labels/app", &json!("eks-api"));
    edit(&mut expected, "/annotations/cronjob.kubernetes.io~1instantiate", &json!("manual"));
    for (name, value) in [("DATE", "2026-11-27"), ("LEVEL", "info")] {
        edit(&mut expected, &format!("{MAIN}/env/{name}"), &json!({ "name": name, "value": value }));
    }
    if stage.minor < HAS_SUSPEND_AND_TTL {
        // Such a server keeps it in a CronJob, and drops it from a Job.
        edit(&mut expected, "/spec/ttlSecondsAfterFinished", &Value::Null);
    }
    let mut found = plain(&base);
    // What the API server fills in of a Job, and not of a template.
    for name in ["completions", "completionMode", "suspend", "podReplacementPolicy", "manualSelector"] {
        found["spec"].as_object_mut().unwrap().remove(name);
    }
    assert_eq!(found, expected);

    let mut all = (json!({}), plain(&base));
    for (at, (overrides, changes)) in overrides(stage.minor).into_iter().enumerate() {
        let (_, job) = run(&format!("run-{at}"), &overrides).await;
        let mut expected = plain(&base);
        for (pointer, value) in &changes {
            edit(&mut expected, pointer, value);
        }
        assert_eq!(plain(&job), expected, "{overrides}");
        // The two of env and of resources contradict each other in part: of these the first is taken.
        let (name, value) = overrides.as_object().unwrap().iter().next().unwrap();
        if all.0[name].is_null() {
            all.0[name] = value.clone();
            for (pointer, value) in &changes {
                edit(&mut all.1, pointer, value);
            }
        }
    }
    let (_, job) = run("all", &all.0).await;
    assert_eq!(plain(&job), all.1, "{}", all.0);
}

pub(crate) async fn what_cannot_be_applied_is_refused_and_stores_nothing(world: Rc<World>) {
    let (stage, namespace) = (world.templates().await, "templates-refused");
    stage.make_namespace(namespace, &json!({})).await;
    stage.make_cron_job(namespace, "etl", |_| {}).await;
    stage
        .make_cron_job(namespace, "pair", |cron_job| {
            let containers = &mut cron_job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"];
            containers.as_array_mut().unwrap().push(json!({ "name": "side", "image": "busybox" }));
        })
        .await;
    stage
        .make_cron_job(namespace, "broken", |cron_job| {
            cron_job["metadata"]["annotations"]["eks-api/parameters"] = json!("DATE!,2MODE");
        })
        .await;
    let date = json!({ "DATE": "2026-11-27" });
    let from = |name: &str| json!({ "cron_job": name });
    for (template, parameters, overrides, status, said) in [
        (from("etl"), json!({}), json!({}), 422, &["DATE"][..]),
        (from("etl"), json!({ "DATE": "1", "OTHER": "1" }), json!({}), 422, &["OTHER"]),
        (from("pair"), date.clone(), json!({ "image": "busybox" }), 422, &["main", "side"]),
        (from("pair"), date.clone(), json!({ "container": "none", "image": "busybox" }), 422, &["main", "side"]),
        (from("broken"), date.clone(), json!({}), 422, &["2MODE"]),
        (from("none"), date.clone(), json!({}), 404, &["none"]),
        (json!({ "job_name": "none" }), json!({}), json!({}), 404, &["none"]),
        // Here the API server itself refuses.
        (from("etl"), date.clone(), json!({ "backoff_limit": -1 }), 422, &["backoff"]),
        (from("etl"), date.clone(), json!({ "env": { "A=B": "1" } }), 422, &["A=B"]),
    ] {
        let body = json!({ "template": template, "parameters": parameters, "overrides": overrides });
        let refused = stage.create(namespace, body).await;
        let text = refused.text();
        assert_eq!(refused.status, status, "{template} {overrides}: {text}");
        assert!(said.iter().all(|said| text.contains(said)), "{template} {overrides}: {text}");
        if status == 404 {
            assert_eq!(refused.json()["reason"], "template_not_found", "{text}");
        }
    }
    assert_eq!(stage.job_names(namespace).await, names(&[]));
}
