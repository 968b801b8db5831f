//! `notify` of create-job: it adds the end of that job to what an endpoint gets.

use serde_json::{Value, json};

use super::site::{Hooks, told_of};
use crate::calls::{CREATE_JOB, lab, manifest, problem};
use crate::history::site::{at, completed, failed};
use crate::support::receiver::Receiver;
use crate::support::service::Reply;

const NOTIFY: &str = "eks-api/notify";

async fn create(hooks: &Hooks, name: &str, notify: &Value) -> Reply {
    hooks.site.post(CREATE_JOB, &json!({ "job_manifest": manifest(name), "notify": notify })).await
}

#[tokio::test]
async fn an_endpoint_that_is_named_gets_the_end_of_the_job() {
    let (ops, other) = (Receiver::start(), Receiver::start());
    let lines = [("ops", &ops, "events=batch.*"), ("other", &other, "events=batch.*")];
    let hooks = Hooks::start(&lines).await;
    create(&hooks, "done", &json!(["ops"])).await.expect_status(201);
    assert_eq!(hooks.job("done")["metadata"]["annotations"][NOTIFY], "ops");
    create(&hooks, "broken", &json!(["ops", "other"])).await.expect_status(201);
    let silent = json!({ "job_manifest": manifest("silent") });
    hooks.site.post(CREATE_JOB, &silent).await.expect_status(201);
    assert_eq!(hooks.job("silent")["metadata"]["annotations"].get(NOTIFY), None);
    for (name, status) in
        [("done", completed(&at(1), &at(2))), ("broken", failed(&at(1), &at(2))), ("silent", completed(&at(1), &at(2)))]
    {
        hooks.site.set_status(name, status);
    }
    hooks.until_sent("ops", "silent", "completed").await;
    hooks.until_sent("ops", "broken", "failed").await;
    hooks.until_sent("other", "done", "completed").await;
    let told = |name: &str, event_type: &str| (name.to_owned(), event_type.to_owned());
    assert_eq!(told_of(&ops.messages()), [told("broken", "job.failed"), told("done", "job.completed")]);
    assert_eq!(told_of(&other.messages()), [told("broken", "job.failed")]);
}

/// An endpoint that gets the job anyway gets one message.
#[tokio::test]
async fn an_endpoint_that_is_named_and_selected_gets_one_message() {
    let receiver = Receiver::start();
    let hooks = Hooks::start(&[("ops", &receiver, "")]).await;
    create(&hooks, "etl", &json!(["ops"])).await.expect_status(201);
    hooks.site.set_status("etl", completed(&at(1), &at(2)));
    hooks.until_sent("ops", "etl", "completed").await;
    assert_eq!(receiver.messages().len(), 1);
}

/// The selector and the types of the line do not count for a job that names the endpoint; its namespaces do.
#[tokio::test]
async fn a_name_that_is_unknown_or_excludes_the_job_is_refused_before_anything_is_sent() {
    let (ops, far) = (Receiver::start(), Receiver::start());
    let lines = [
        ("ops", &ops, "label_selector=team=none"),
        ("far", &far, "namespaces=team-*"),
        ("away", &far, "clusters=prod"),
    ];
    let hooks = Hooks::start(&lines).await;
    for name in ["nobody", "far", "away", "OPS"] {
        let reply = create(&hooks, "etl", &json!(["ops", name])).await;
        let told = problem(&reply, 422, "Invalid");
        assert!(told["detail"].as_str().unwrap().contains(name), "{told}");
        assert_eq!(hooks.cluster().job("default", "etl"), None, "{name}");
    }
    for wrong in [json!([]), json!("ops"), json!([1]), json!({ "ops": true })] {
        let reply = create(&hooks, "etl", &wrong).await;
        assert!([400, 422].contains(&reply.status.as_u16()), "{wrong}: {}", reply.text());
    }
    create(&hooks, "etl", &json!(["ops"])).await.expect_status(201);
    hooks.site.set_status("etl", completed(&at(1), &at(2)));
    hooks.until_sent("ops", "etl", "completed").await;
    assert_eq!((ops.messages().len(), far.connections()), (1, 0));
}

#[tokio::test]
async fn without_webhooks_a_name_is_refused_and_the_calls_say_what_is_missing() {
    let lab = lab().await;
    let body = json!({ "job_manifest": manifest("etl"), "notify": ["ops"] });
    let told = problem(&lab.service.post(CREATE_JOB, &body).await, 422, "Invalid");
    assert!(told["detail"].as_str().unwrap().contains("ops"), "{told}");
    for (method, path) in [
        ("GET", "/api/eks-list-webhooks"),
        ("GET", "/api/eks-list-deliveries"),
        ("POST", "/api/eks-test-webhook?webhook=ops"),
    ] {
        let reply = lab.service.send(method, path, &[], "").await;
        let told = problem(&reply, 501, "no_webhooks")["detail"].to_string();
        assert!(told.contains("EKS_API_WEBHOOKS_FILE"), "{told}");
    }
    let body = json!({ "webhook": "ops", "since": "2026-01-01T00:00:00Z" });
    problem(&lab.service.post("/api/eks-redeliver", &body).await, 501, "no_webhooks");
}
