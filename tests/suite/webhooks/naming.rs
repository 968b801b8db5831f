//! `notify` of create-job and create-batch: what the job, the head and the key keep of it, and every refusal.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use crate::calls::{BINARY, CREATE_JOB, create_with, detail, lab, manifest, nameless, problem, sent};
use crate::given::cron_job;
use crate::support::service::Folder;
use crate::support::{Lab, builder, surroundings};

const CREATE_BATCH: &str = "/api/eks-create-batch";
const ANNOTATION: &str = "eks-api/notify";
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A service whose endpoints `ops` and `dev` take all events, and the files of it.
async fn site() -> (Lab, Folder) {
    let (cluster, aws) = surroundings().await;
    let files = Folder::new();
    files.write("key", SECRET);
    let key = files.path().join("key");
    std::fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
    let line = |name: &str, more: &str| {
        format!("{name} url=http://127.0.0.1:9/ secret_file={} events=batch.* {more}\n", key.display())
    };
    let lines = [line("ops", ""), line("dev", ""), line("far", "namespaces=team-*"), line("away", "clusters=prod")];
    files.write("webhooks", &lines.concat());
    let path = |name: &str| files.path().join(name).to_str().unwrap().to_owned();
    std::fs::create_dir(files.path().join("state")).unwrap();
    let builder = builder(BINARY, &aws).env("EKS_API_STATE_DIR", &path("state"));
    let service = builder.env("EKS_API_WEBHOOKS_FILE", &path("webhooks")).start().await;
    service.ready().await;
    (Lab { service, cluster, aws }, files)
}

fn annotation(lab: &Lab, name: &str) -> Value {
    lab.cluster.job("default", name).unwrap()["metadata"]["annotations"][ANNOTATION].clone()
}

fn batch(name: &str, notify: &Value) -> Value {
    json!({ "batch_name": name, "job_manifest": nameless(), "jobs": [{}, {}], "notify": notify })
}

#[tokio::test]
async fn the_job_keeps_the_names_in_their_order_whatever_it_is_made_from() {
    let (lab, _files) = site().await;
    let body = json!({ "job_manifest": manifest("own"), "notify": ["ops", "dev"] });
    lab.service.post(CREATE_JOB, &body).await.expect_status(201);
    lab.cluster.put_cron_job(cron_job("etl"));
    let body = json!({ "template": { "cron_job": "etl" }, "job_name": "made", "parameters": { "DATE": "x" }, "notify": ["dev", "ops"] });
    lab.service.post(CREATE_JOB, &body).await.expect_status(201);
    let mut annotated = manifest("annotated");
    annotated["metadata"]["annotations"] = json!({ ANNOTATION: "theirs" });
    lab.service.post(CREATE_JOB, &json!({ "job_manifest": annotated, "notify": ["ops"] })).await.expect_status(201);
    let yaml = "notify: [ops]\njob_manifest:\n  metadata: {name: yaml}\n  spec:\n    template:\n      spec: {restartPolicy: Never, containers: [{name: c, image: busybox}]}\n";
    let content_type = [("content-type", "application/yaml")];
    lab.service.send("POST", CREATE_JOB, &content_type, yaml).await.expect_status(201);
    lab.service.post(CREATE_JOB, &json!({ "job_manifest": manifest("null"), "notify": null })).await.expect_status(201);
    let kept = ["own", "made", "annotated", "yaml", "null"].map(|name| annotation(&lab, name));
    assert_eq!(kept, [json!("ops,dev"), json!("dev,ops"), json!("ops"), json!("ops"), Value::Null]);
}

#[tokio::test]
async fn a_key_is_bound_to_the_names() {
    let (lab, _files) = site().await;
    let key = [("idempotency-key", "nightly")];
    let body = |notify: Value| json!({ "job_manifest": nameless(), "notify": notify });
    for (notify, status) in [(json!(["ops"]), 201), (json!(["ops"]), 200)] {
        create_with(&lab.service, &key, &body(notify)).await.expect_status(status);
    }
    for notify in [json!(["dev"]), json!(["ops", "dev"]), Value::Null] {
        problem(&create_with(&lab.service, &key, &body(notify)).await, 409, "idempotency_key_reused");
    }
}

#[tokio::test]
async fn a_repeated_call_finds_its_job_although_the_webhook_was_removed() {
    let (lab, files) = site().await;
    lab.cluster.put_cron_job(cron_job("etl"));
    let key = [("idempotency-key", "nightly")];
    let named = |name: &str| json!({ "job_manifest": manifest(name), "notify": ["ops"] });
    let templated = json!({ "template": { "cron_job": "etl" }, "job_name": "made", "parameters": { "DATE": "x" }, "notify": ["ops"] });
    create_with(&lab.service, &key, &named("own")).await.expect_status(201);
    create_with(&lab.service, &key, &templated).await.expect_status(201);
    lab.service.post(CREATE_BATCH, &batch("etl", &json!(["ops"]))).await.expect_status(201);
    let rest = std::fs::read_to_string(files.path().join("webhooks")).unwrap().replace("ops ", "sre ");
    files.write("webhooks", &rest);
    lab.service.signal("HUP").await;
    lab.service.log_line(|line| line.contains("what=webhooks") && line.contains("reloaded")).await;
    create_with(&lab.service, &key, &named("own")).await.expect_status(200);
    create_with(&lab.service, &key, &templated).await.expect_status(200);
    lab.service.post(CREATE_BATCH, &batch("etl", &json!(["ops"]))).await.expect_status(200);
    problem(&create_with(&lab.service, &key, &named("new")).await, 422, "Invalid");
    problem(&lab.service.post(CREATE_JOB, &named("own")).await, 422, "Invalid");
    problem(&lab.service.post(CREATE_BATCH, &batch("new", &json!(["ops"]))).await, 422, "Invalid");
}

#[tokio::test]
async fn only_the_head_of_a_batch_keeps_the_names() {
    let (lab, _files) = site().await;
    lab.service.post(CREATE_BATCH, &batch("etl", &json!(["ops", "dev"]))).await.expect_status(201);
    let kept = ["etl", "etl-0000", "etl-0001"].map(|name| annotation(&lab, name));
    assert_eq!(kept, [json!("ops,dev"), Value::Null, Value::Null]);
    lab.service.post(CREATE_BATCH, &batch("etl", &json!(["ops", "dev"]))).await.expect_status(200);
    problem(&lab.service.post(CREATE_BATCH, &batch("etl", &json!(["ops"]))).await, 409, "AlreadyExists");
}

#[tokio::test]
async fn other_names_are_refused_before_anything_is_sent() {
    let (lab, _files) = site().await;
    lab.cluster.put_cron_job(cron_job("etl"));
    let many: Vec<_> = (0..17).map(|number| format!("n{number}")).collect();
    for (notify, message) in [
        (json!([]), "must have 1 to 16 names"),
        (json!(many), "must have 1 to 16 names"),
        (json!(["ops", "ops"]), "\"ops\" is given twice"),
        (json!(["ops", "nobody"]), "\"nobody\" is not a webhook for this namespace"),
        (json!(["ops,dev"]), "\"ops,dev\" is not a webhook for this namespace"),
        (json!(["far"]), "\"far\" is not a webhook for this namespace"),
        (json!(["away"]), "\"away\" is not a webhook for this namespace"),
    ] {
        for (path, body) in [
            (CREATE_JOB, json!({ "job_manifest": manifest("a"), "notify": notify })),
            (CREATE_JOB, json!({ "job_manifest": manifest("a"), "notify": notify, "dry_run": true })),
            (CREATE_JOB, json!({ "template": { "cron_job": "etl" }, "notify": notify })),
            (CREATE_BATCH, batch("a", &notify)),
        ] {
            let reply = lab.service.post(path, &body).await;
            let document = problem(&reply, 422, "Invalid");
            assert!(document["detail"].as_str().unwrap().contains(message), "{body}: {document}");
            assert_eq!(document["causes"][0]["field"], "notify", "{body}");
        }
    }
    for notify in [json!("ops"), json!({ "ops": 1 }), json!([7])] {
        for (path, body) in [
            (CREATE_JOB, json!({ "job_manifest": manifest("a"), "notify": notify })),
            (CREATE_BATCH, batch("a", &notify)),
        ] {
            let told = detail(&lab.service.post(path, &body).await, 400, "BadRequest");
            assert!(told.starts_with("notify"), "{told}");
        }
    }
    assert!(!sent(&lab.cluster).iter().any(|request| request.starts_with("POST")), "{:?}", sent(&lab.cluster));
    let body = json!({ "job_manifest": manifest("a"), "namespace": "team-a", "notify": ["far"] });
    lab.service.post(CREATE_JOB, &body).await.expect_status(201);
}

#[tokio::test]
async fn a_service_without_webhooks_refuses_every_name() {
    let lab = lab().await;
    for (path, body) in [
        (CREATE_JOB, json!({ "job_manifest": manifest("a"), "notify": ["ops"] })),
        (CREATE_BATCH, batch("a", &json!(["ops"]))),
    ] {
        let told = detail(&lab.service.post(path, &body).await, 422, "Invalid");
        assert!(told.contains("\"ops\" is not a webhook of this service"), "{told}");
    }
    assert!(!sent(&lab.cluster).iter().any(|request| request.starts_with("POST")), "{:?}", sent(&lab.cluster));
}
