//! Dry runs through a real admission: it has its say, and nothing is stored.

use std::rc::Rc;

use serde_json::{Value, json};

use super::{Stage, names, plain};
use crate::real_cluster::{World, manifest, tell};
use crate::support::real::eventually;
use crate::support::service::Reply;

fn etl(overrides: &Value) -> Value {
    json!({ "template": { "cron_job": "etl" }, "parameters": { "DATE": "1" }, "overrides": overrides })
}

async fn dry_run(stage: &Stage, namespace: &str, mut body: Value) -> Reply {
    body["dry_run"] = json!(true);
    stage.create(namespace, body).await
}

pub(crate) async fn a_dry_run_of_a_template_stores_nothing(world: Rc<World>) {
    let (stage, namespace) = (world.templates().await, "templates-dry");
    stage.make_namespace(namespace, &json!({})).await;
    stage.make_cron_job(namespace, "etl", |_| {}).await;
    let mut body = etl(&json!({ "image": "registry.example.com/etl:1.8", "parallelism": 2 }));
    body["job_name"] = json!("dry");
    let checked = dry_run(stage, namespace, body.clone()).await.expect_status(200).json();
    assert_eq!((&checked["status"], &checked["template"]), (&json!("dry_run"), &json!("cronjob/etl")));
    let shown = &checked["job_manifest"];
    assert_eq!(shown["metadata"]["managedFields"], Value::Null);
    assert_eq!(stage.job_names(namespace).await, names(&[]));

    let refused = dry_run(stage, namespace, etl(&json!({ "backoff_limit": -1 }))).await.expect_status(422);
    assert!(refused.text().contains("backoff"), "{}", refused.text());
    assert_eq!(stage.job_names(namespace).await, names(&[]));
    // The template itself is in a namespace that is missing, or it is not: nothing of it is made.
    let missing = "templates-dry-missing";
    dry_run(stage, missing, body.clone()).await.expect_status(404);
    let refused =
        dry_run(stage, missing, json!({ "job_manifest": manifest("dry", 0) })).await.expect_status(404).json();
    assert!(refused["detail"].as_str().unwrap().contains("would be created"), "{refused}");
    stage.admin.get(&format!("/api/v1/namespaces/{missing}")).await.expect_status(404);

    // In earnest it is what was shown.
    stage.create(namespace, body).await.expect_status(201);
    assert_eq!(plain(&stage.job(namespace, "dry").await), plain(shown));
}

/// The quota is of jobs. What it counts is written here, as its controller does not run.
pub(crate) async fn a_dry_run_meets_the_quota(world: Rc<World>) {
    let (stage, namespace) = (world.templates().await, "templates-quota");
    stage.make_namespace(namespace, &json!({})).await;
    stage.make_cron_job(namespace, "etl", |_| {}).await;
    let quotas = format!("/api/v1/namespaces/{namespace}/resourcequotas");
    let quota = json!({ "metadata": { "name": "jobs" }, "spec": { "hard": { "count/jobs.batch": "1" } } });
    stage.admin.post(&quotas, &quota).await.expect_status(201);
    let use_up = async |used: &str| {
        let status = json!({ "status": { "hard": { "count/jobs.batch": "1" }, "used": { "count/jobs.batch": used } } });
        stage.admin.patch(&format!("{quotas}/jobs/status"), &status).await.expect_status(200);
    };
    // Admission hears of the quota a moment later; from then on it says the same of manifests and templates.
    let is_answered = async |status: u16| {
        let by_manifest = eventually("a quota that counts", async || {
            let reply = dry_run(stage, namespace, json!({ "job_manifest": manifest("any", 0) })).await;
            assert!([200, 403].contains(&reply.status.as_u16()), "{}", reply.text());
            (reply.status == status).then_some(reply)
        });
        let by_manifest = by_manifest.await.json();
        let by_template = dry_run(stage, namespace, etl(&json!({}))).await.expect_status(status).json();
        [by_manifest, by_template]
    };
    let is_exceeded = async || {
        for refused in is_answered(403).await {
            assert!(refused["detail"].as_str().unwrap().contains("exceeded quota: jobs"), "{refused}");
        }
    };
    use_up("1").await;
    is_exceeded().await;
    use_up("0").await;
    is_answered(200).await;
    // A dry run takes nothing of the quota.
    let quota = stage.admin.get(&format!("{quotas}/jobs")).await.expect_status(200).json();
    assert_eq!(quota["status"]["used"]["count/jobs.batch"], "0");
    assert_eq!(stage.job_names(namespace).await, names(&[]));
    let mut last = etl(&json!({}));
    last["job_name"] = json!("last");
    stage.create(namespace, last).await.expect_status(201);
    is_exceeded().await;
    assert_eq!(stage.job_names(namespace).await, names(&["last"]));
}

/// A limit range judges pods when they are made. A job is taken, in a dry run as in earnest, with pods that will be refused.
pub(crate) async fn a_limit_range_is_for_pods_and_not_for_jobs(world: Rc<World>) {
    let (stage, namespace) = (world.templates().await, "templates-limits");
    stage.make_namespace(namespace, &json!({})).await;
    stage.make_cron_job(namespace, "etl", |_| {}).await;
    let limits = json!([{ "type": "Container", "max": { "memory": "64Mi" }, "default": { "memory": "64Mi" } }]);
    let range = json!({ "metadata": { "name": "small" }, "spec": { "limits": limits } });
    stage.admin.post(&format!("/api/v1/namespaces/{namespace}/limitranges"), &range).await.expect_status(201);
    // Its limit counts from when a pod is refused on.
    let pod = json!({ "metadata": { "name": "large" }, "spec": { "containers": [{ "name": "c", "image": "busybox",
        "resources": { "limits": { "memory": "2Gi" } } }] } });
    let pods = format!("/api/v1/namespaces/{namespace}/pods?dryRun=All");
    eventually("a limit that counts", async || (stage.admin.post(&pods, &pod).await.status == 403).then_some(())).await;

    let mut body = etl(&json!({ "resources": { "requests": { "memory": "2Gi" } } }));
    body["job_name"] = json!("large");
    let checked = dry_run(stage, namespace, body.clone()).await.expect_status(200).json();
    assert_eq!(stage.job_names(namespace).await, names(&[]));
    stage.create(namespace, body).await.expect_status(201);
    let stored = stage.job(namespace, "large").await;
    assert_eq!(plain(&stored), plain(&checked["job_manifest"]));
    let resources = &stored["spec"]["template"]["spec"]["containers"][0]["resources"];
    assert_eq!(*resources, json!({ "requests": { "cpu": "500m", "memory": "2Gi" } }));
}

/// Servers from 1.22 on take no such webhook.
pub(crate) async fn a_webhook_that_knows_no_dry_run_is_named_as_the_reason(world: Rc<World>) {
    const WEBHOOKS: &str = "/apis/admissionregistration.k8s.io/v1beta1/validatingwebhookconfigurations";
    let (stage, namespace) = (world.templates().await, "templates-webhook");
    let label = json!({ "templates": "webhook" });
    stage.make_namespace(namespace, &label).await;
    stage.make_cron_job(namespace, "etl", |_| {}).await;
    let rule =
        json!({ "apiGroups": ["batch"], "apiVersions": ["v1"], "resources": ["jobs"], "operations": ["CREATE"] });
    // Nobody answers there, which is ignored.
    let webhook = json!({ "name": "old.example.com", "clientConfig": { "url": "https://127.0.0.1:1/" },
        "rules": [rule], "sideEffects": "Unknown", "failurePolicy": "Ignore",
        "namespaceSelector": { "matchLabels": label } });
    let webhooks = json!({ "metadata": { "name": "templates-webhook" }, "webhooks": [webhook] });
    let made = stage.admin.post(WEBHOOKS, &webhooks).await;
    if made.status == 404 {
        tell("real_cluster: this server takes only webhooks that know dry runs");
        return;
    }
    made.expect_status(201);
    let by_manifest = eventually("a webhook that counts", async || {
        let reply = dry_run(stage, namespace, json!({ "job_manifest": manifest("any", 0) })).await;
        (reply.status != 200).then_some(reply)
    });
    for refused in [by_manifest.await, dry_run(stage, namespace, etl(&json!({}))).await] {
        let detail = refused.expect_status(400).json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains("old.example.com") && detail.contains("webhook"), "{detail}");
        assert!(detail.contains("not the job"), "{detail}");
    }
    assert_eq!(stage.job_names(namespace).await, names(&[]));
    stage.create(namespace, etl(&json!({}))).await.expect_status(201);
    stage.admin.delete(&format!("{WEBHOOKS}/templates-webhook")).await.expect_status(200);
}
