//! Jobs that are run again, and runs whose template goes.

use std::rc::Rc;

use serde_json::{Value, json};

use super::{names, plain};
use crate::real_cluster::World;
use crate::support::real::eventually;

pub(crate) async fn a_job_is_run_again_without_what_the_cluster_put_there(world: Rc<World>) {
    let (stage, namespace) = (world.templates().await, "templates-again");
    stage.make_namespace(namespace, &json!({})).await;
    stage.make_cron_job(namespace, "etl", |_| {}).await;
    let kubelet = stage.kubelet(namespace);
    let complete = async |name: &str| {
        kubelet.finish(&kubelet.run(name).await, 0).await;
        eventually("a job that is complete", async || {
            let job = stage.job(namespace, name).await;
            (job["status"]["succeeded"] == 1 && job["status"]["completionTime"].is_string()).then_some(job)
        })
        .await
    };
    let body = json!({ "template": { "cron_job": "etl" }, "job_name": "first",
        "parameters": { "DATE": "2026-11-27" }, "overrides": { "backoff_limit": 1 } });
    stage.create(namespace, body).await.expect_status(201);
    // A finalizer and a label of the caller's own: the one goes, and the other stays.
    let path = format!("/apis/batch/v1/namespaces/{namespace}/jobs/first");
    let change = json!({ "metadata": { "finalizers": ["example.com/hold"], "labels": { "kept": "yes" },
        "annotations": { "kubectl.kubernetes.io/last-applied-configuration": "{}" } } });
    stage.admin.patch(&path, &change).await.expect_status(200);
    let first = complete("first").await;

    let body = json!({ "template": { "job_name": "first" }, "job_name": "second" });
    let created = stage.create(namespace, body).await.expect_status(201).json();
    let version = first["metadata"]["resourceVersion"].as_str().unwrap();
    assert_eq!((&created["template"], &created["template_version"]), (&json!("job/first"), &json!(version)));
    let second = complete("second").await;
    let annotations = &second["metadata"]["annotations"];
    assert_eq!(annotations["eks-api/template"], json!(format!("job/first@{version}")));
    for gone in ["kubectl.kubernetes.io/last-applied-configuration", "cronjob.kubernetes.io/instantiate"] {
        assert_eq!(annotations[gone], Value::Null, "{annotations}");
    }
    assert_eq!(second["metadata"]["finalizers"], Value::Null);
    let mut expected = plain(&first);
    let annotations = expected["annotations"].as_object_mut().unwrap();
    annotations.retain(|key, _| !key.starts_with("kubectl.") && !key.starts_with("cronjob."));
    assert_eq!(plain(&second), expected);
    // Each has pods of its own.
    for field in ["/metadata/uid", "/spec/selector/matchLabels"] {
        assert_ne!(first.pointer(field).unwrap(), second.pointer(field).unwrap(), "{field}");
    }
    for name in ["first", "second"] {
        assert_eq!(kubelet.pods(name).await.len(), 1, "{name}");
    }

    // The other way: the key finds its job although the template has meanwhile changed.
    let body = json!({ "template": { "job_name": "first" }, "namespace": namespace }).to_string();
    let headers = [("content-type", "application/json"), ("idempotency-key", "again")];
    let send = async || stage.service.send("POST", super::CREATE, &headers, body.clone()).await;
    let third = send().await.expect_status(201).json();
    stage.admin.patch(&path, &json!({ "metadata": { "finalizers": null, "labels": { "kept": "no" } } })).await;
    let found = send().await.expect_status(200).json();
    assert_eq!((&found["job_name"], &found["uid"]), (&third["job_name"], &third["uid"]));
    let third = third["job_name"].as_str().unwrap();
    assert_eq!(stage.job_names(namespace).await, names(&["first", "second", third]));
}

pub(crate) async fn a_run_outlives_its_template(world: Rc<World>) {
    let (stage, namespace) = (world.templates().await, "templates-outlived");
    stage.make_namespace(namespace, &json!({})).await;
    stage.make_cron_job(namespace, "etl", |_| {}).await;
    let body = json!({ "template": { "cron_job": "etl" }, "job_name": "stays", "parameters": { "DATE": "1" } });
    stage.create(namespace, body).await.expect_status(201);
    let cron_job = format!("/apis/batch/v1/namespaces/{namespace}/cronjobs/etl");
    // In the foreground it goes last, after all that it owns.
    stage.admin.delete(&format!("{cron_job}?propagationPolicy=Foreground")).await.expect_status(200);
    eventually("no CronJob", async || (stage.admin.get(&cron_job).await.status == 404).then_some(())).await;
    let job = stage.job(namespace, "stays").await;
    assert_eq!(job["metadata"]["deletionTimestamp"], Value::Null);
    let path = format!("/api/eks-get-job-status?namespace={namespace}&job_name=stays");
    assert_eq!(stage.service.get(&path).await.expect_status(200).json()["template"], "cronjob/etl");
}
