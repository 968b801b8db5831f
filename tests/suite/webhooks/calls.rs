//! The four calls about webhooks: what they take, what they answer, and what is recorded of them.

use serde_json::{Value, json};

use super::site::{Hooks, id_of};
use crate::calls::problem;
use crate::history::site::{after, at, completed, failed, running, told};
use crate::live::until;
use crate::support::receiver::{Answer, Receiver};
use crate::support::service::Reply;
use crate::support::stub::Gate;

const ID: &str = "msg_0123456789abcdef0123456789abcdef";

async fn post(hooks: &Hooks, path: &str) -> Reply {
    hooks.site.send("POST", path, &[], &Value::Null).await
}

#[tokio::test]
async fn list_webhooks_shows_each_endpoint_by_its_host() {
    let (ops, other) = (Receiver::start(), Receiver::start());
    let hooks = Hooks::start(&[("ops", &ops, ""), ("other", &other, "clusters=none")]).await;
    let reply = hooks.site.get("/api/eks-list-webhooks").await.expect_status(200);
    let idle = |name: &str, receiver: &Receiver| {
        json!({ "webhook": name, "host": receiver.address().to_string(), "pending": 0, "oldest_pending": null,
            "state": "active", "last_status": null, "last_success": null })
    };
    assert_eq!(reply.json(), json!({ "webhooks": [idle("ops", &ops), idle("other", &other)] }));

    ops.answers(Answer::Status(503));
    hooks.site.put("etl", &failed(&at(1), &at(2)));
    let retrying = hooks.until_webhook("ops", |webhook| webhook["state"] == "retrying").await;
    assert_eq!((&retrying["pending"], &retrying["last_status"]), (&json!(1), &json!(503)), "{retrying}");
    assert!(retrying["oldest_pending"].is_string() && retrying["last_success"].is_null(), "{retrying}");
    let untouched = hooks.until_webhook("other", |_| true).await;
    assert_eq!(untouched, idle("other", &other));
}

#[tokio::test]
async fn an_endpoint_that_wants_nothing_more_is_disabled_and_can_be_tested() {
    let receiver = Receiver::start();
    let hooks = Hooks::start(&[("ops", &receiver, "")]).await;
    receiver.answers(Answer::Status(410));
    hooks.site.put("etl", &failed(&at(1), &at(2)));
    hooks.until_webhook("ops", |webhook| webhook["state"] == "disabled" && webhook["pending"] == 1).await;
    assert!(metrics(&hooks).await.contains("\neks_api_webhook_disabled{webhook=\"ops\"} 1\n"));
    receiver.answers(Answer::Status(204));
    assert_eq!(hooks.test("ops").await["delivered"], true);
    hooks.until_webhook("ops", |webhook| webhook["state"] == "disabled").await;
}

#[tokio::test]
async fn list_deliveries_shows_pages_the_newest_first() {
    let receiver = Receiver::start();
    let hooks = Hooks::start(&[("ops", &receiver, "events=job.failed,job.completed")]).await;
    for number in 0..5_i64 {
        let name = format!("job-{number}");
        hooks.site.put(&name, &completed(&at(1), &at(2)));
        receiver.got(usize::try_from(number).unwrap() + 1).await;
    }
    let is_all = |all: &[Value]| all.len() == 5;
    let all = hooks.until_deliveries("webhook=ops&state=delivered", is_all).await;
    let names: Vec<_> = all.iter().map(|one| one["job_name"].as_str().unwrap()).collect();
    assert_eq!(names, ["job-4", "job-3", "job-2", "job-1", "job-0"]);
    let first = &all[4];
    let expected = json!({ "delivery_id": id_of(&hooks.job("job-0"), "job.completed"), "webhook": "ops",
        "type": "job.completed", "cluster": "lab", "namespace": "default", "job_name": "job-0", "batch_name": null,
        "state": "delivered", "attempts": 1, "timestamp": told(&at(2)), "created_time": first["created_time"],
        "last_attempt": first["last_attempt"], "next_attempt": null, "last_status": 204, "last_error": null });
    assert_eq!(*first, expected);
    assert!(first["created_time"].is_string() && first["last_attempt"].is_string(), "{first}");

    let (mut paged, mut query) = (Vec::new(), "limit=2".to_owned());
    loop {
        let page = hooks.site.get(&format!("/api/eks-list-deliveries?{query}")).await.expect_status(200).json();
        paged.extend(page["deliveries"].as_array().unwrap().clone());
        let Some(next) = page["continue"].as_str() else { break };
        query = format!("limit=2&continue={next}");
    }
    assert_eq!(paged, all);
    for (query, count) in [
        ("", 5),
        ("state=failed", 0),
        ("state=pending", 0),
        ("since=1h", 5),
        ("since=2999-01-01T00:00:00Z", 0),
        ("webhook=ops&since=2026-01-01T00:00:00Z&state=delivered", 5),
    ] {
        assert_eq!(hooks.deliveries(query).await.len(), count, "{query}");
    }
}

#[tokio::test]
async fn the_deliveries_of_an_endpoint_that_left_the_file_are_still_listed() {
    let (ops, old) = (Receiver::start(), Receiver::start());
    let hooks = Hooks::start(&[("ops", &ops, ""), ("old", &old, "")]).await;
    hooks.site.put("etl", &failed(&at(1), &at(2)));
    hooks.until_deliveries("webhook=old&state=delivered", |all| all.len() == 1).await;
    hooks.files.write(&[("ops", &ops, "")]);
    hooks.reload(1).await;
    assert_eq!(hooks.deliveries("webhook=old").await.len(), 1);
    assert_eq!(hooks.deliveries("webhook=old&state=failed").await.len(), 0, "it is known all the same");
    let unknown = hooks.site.get("/api/eks-list-deliveries?webhook=none").await;
    let detail = problem(&unknown, 404, "webhook_not_found")["detail"].clone();
    assert!(detail.as_str().unwrap().contains("/api/eks-list-webhooks"), "{detail}");
    problem(&post(&hooks, "/api/eks-test-webhook?webhook=old").await, 404, "webhook_not_found");
}

#[tokio::test]
async fn a_wrong_parameter_is_named() {
    let receiver = Receiver::start();
    let hooks = Hooks::start(&[("ops", &receiver, "")]).await;
    let list = "/api/eks-list-deliveries";
    for (method, path, status, field) in [
        ("GET", format!("{list}?webhook=OPS"), 422, "webhook"),
        ("GET", format!("{list}?state=done"), 400, "state"),
        ("GET", format!("{list}?since=yesterday"), 400, "since"),
        ("GET", format!("{list}?until=1h"), 400, "until"),
        ("GET", format!("{list}?limit=501"), 400, "limit"),
        ("GET", format!("{list}?continue=x"), 400, "continue"),
        ("GET", format!("{list}?cluster=lab"), 400, "cluster"),
        ("GET", "/api/eks-list-webhooks?webhook=ops".to_owned(), 400, "webhook"),
        ("POST", "/api/eks-test-webhook".to_owned(), 400, "webhook"),
        ("POST", "/api/eks-test-webhook?webhook=a/b".to_owned(), 422, "webhook"),
        ("POST", "/api/eks-redeliver?webhook=ops".to_owned(), 400, "webhook"),
        ("POST", "/api/eks-redeliver?cluster=lab".to_owned(), 400, "cluster"),
    ] {
        let reply = hooks.site.send(method, &path, &[], &Value::Null).await;
        let reason = if status == 400 { "BadRequest" } else { "Invalid" };
        assert_eq!(problem(&reply, status, reason)["causes"][0]["field"], field, "{path}");
    }
    let in_body = hooks.site.post("/api/eks-test-webhook?webhook=ops", &json!({ "webhook": "ops" })).await;
    assert_eq!(problem(&in_body, 400, "BadRequest")["causes"][0]["field"], "body");
    assert!(receiver.messages().is_empty());
}

#[tokio::test]
async fn redeliver_takes_a_time_or_an_id() {
    let receiver = Receiver::start();
    let hooks = Hooks::start(&[("ops", &receiver, "")]).await;
    for (body, status, reason, field) in [
        (json!({}), 400, "BadRequest", "body"),
        (json!([]), 400, "BadRequest", "body"),
        (json!({ "webhook": "ops" }), 400, "BadRequest", "body"),
        (json!({ "since": "1h" }), 400, "BadRequest", "webhook"),
        (json!({ "webhook": "ops", "since": 5 }), 400, "BadRequest", "since"),
        (json!({ "webhook": "ops", "since": "soon" }), 400, "BadRequest", "since"),
        (json!({ "webhook": "ops", "since": "1h", "delivery_id": ID }), 400, "BadRequest", "since"),
        (json!({ "webhook": "ops", "since": "1h", "cluster": "lab" }), 400, "BadRequest", "cluster"),
        (json!({ "delivery_id": "0123456789abcdef" }), 422, "Invalid", "delivery_id"),
        (json!({ "webhook": "a b", "delivery_id": ID }), 422, "Invalid", "webhook"),
    ] {
        let reply = hooks.site.post("/api/eks-redeliver", &body).await;
        assert_eq!(problem(&reply, status, reason)["causes"][0]["field"], field, "{body}");
    }
    let send = async |body: Value| hooks.site.post("/api/eks-redeliver", &body).await;
    problem(&send(json!({ "delivery_id": ID })).await, 404, "delivery_not_found");
    problem(&send(json!({ "delivery_id": ID, "webhook": "ops" })).await, 404, "delivery_not_found");
    problem(&send(json!({ "delivery_id": ID, "webhook": "none" })).await, 404, "webhook_not_found");
    problem(&send(json!({ "since": "1h", "webhook": "none" })).await, 404, "webhook_not_found");
    let nothing = send(json!({ "since": "1h", "webhook": "ops" })).await.expect_status(200);
    assert_eq!(nothing.json(), json!({ "redelivered": 0 }));
    problem(&post(&hooks, "/api/eks-redeliver").await, 415, "UnsupportedMediaType");
}

#[tokio::test]
async fn a_test_that_fails_is_told_and_changes_nothing() {
    let receiver = Receiver::start();
    let hooks = Hooks::start(&[("ops", &receiver, "")]).await;
    for status in [500, 302, 410, 429] {
        receiver.answers(Answer::Status(status));
        let result = hooks.test("ops").await;
        let expected = (&json!("ops"), &json!(false), &json!(status));
        assert_eq!((&result["webhook"], &result["delivered"], &result["status"]), expected);
        assert!(result["error"].is_string() && result["duration_ms"].is_u64(), "{result}");
    }
    receiver.stop().await;
    let result = hooks.test("ops").await;
    assert!(result["status"].is_null() && result["error"].is_string(), "{result}");
    hooks.until_webhook("ops", |webhook| webhook["state"] == "active" && webhook["last_status"].is_null()).await;
    assert!(hooks.deliveries("webhook=ops").await.is_empty());
    let message = &receiver.messages()[0];
    assert_eq!(*message.data(), json!({ "webhook": "ops" }));
    assert_eq!((message.event_type.as_str(), message.id.len()), ("webhook.test", ID.len()));
}

#[tokio::test]
async fn a_test_ends_with_the_time_limit_and_a_caller_has_one_at_a_time() {
    let receiver = Receiver::start();
    let limit = |builder: crate::support::service::Builder| builder.env("EKS_API_REQUEST_TIMEOUT", "2s");
    let hooks = Hooks::with(&[("ops", &receiver, "")], limit).await;
    let gate = Gate::new();
    receiver.answers_next(Answer::Held(gate.clone()));
    let second = async {
        gate.held(1).await;
        problem(&post(&hooks, "/api/eks-test-webhook?webhook=ops").await, 503, "overloaded");
        // It holds up no other call, and no delivery.
        hooks.site.put("etl", &failed(&at(1), &at(2)));
        hooks.until_sent("ops", "etl", "failed").await;
        gate.open();
    };
    let (first, ()) = tokio::join!(hooks.test("ops"), second);
    assert_eq!(first["delivered"], true);
    receiver.answers(Answer::Hang);
    let late = hooks.test("ops").await;
    assert_eq!((&late["delivered"], &late["status"]), (&json!(false), &Value::Null), "{late}");
}

#[tokio::test]
async fn the_changes_are_in_the_audit_with_the_endpoint() {
    let receiver = Receiver::start();
    let hooks = Hooks::start(&[("ops", &receiver, "")]).await;
    hooks.test("ops").await;
    hooks.redeliver(&json!({ "webhook": "ops", "since": "1h" })).await;
    post(&hooks, "/api/eks-test-webhook?webhook=none").await.expect_status(404);
    for (query, webhook, outcome, status) in [
        ("operation=test_webhook&outcome=success", "ops", "success", 200),
        ("operation=redeliver", "ops", "success", 200),
        ("operation=test_webhook&outcome=failed", "none", "failed", 404),
    ] {
        let path = format!("/api/eks-list-audit?{query}");
        let is_there = |reply: &Reply| reply.status == 200 && !reply.json()["records"][0].is_null();
        let record = until(async || hooks.site.get(&path).await, is_there).await.json()["records"][0].clone();
        let told = (&record["webhook"], &record["outcome"], &record["status"]);
        assert_eq!(told, (&json!(webhook), &json!(outcome), &json!(status)), "{record}");
    }
    let line = hooks.site.lab.service.log_line(|line| line.contains("operation=redeliver")).await;
    assert!(line.contains("webhook=ops"), "{line}");
}

async fn metrics(hooks: &Hooks) -> String {
    hooks.site.get("/metrics").await.expect_status(200).text()
}

#[tokio::test]
async fn the_metrics_count_the_deliveries_of_each_endpoint() {
    let (ops, dead) = (Receiver::start(), Receiver::start());
    let hooks = Hooks::start(&[("ops", &ops, ""), ("dead", &dead, "")]).await;
    dead.answers(Answer::Status(500));
    let idle = metrics(&hooks).await;
    for name in ["ops", "dead"] {
        for outcome in ["delivered", "retried", "failed", "dropped"] {
            let sample = format!("\neks_api_webhook_deliveries_total{{webhook=\"{name}\",outcome=\"{outcome}\"}} 0\n");
            assert!(idle.contains(&sample), "{sample}{idle}");
        }
        for metric in ["pending", "oldest_pending_seconds", "disabled"] {
            let sample = format!("\neks_api_webhook_{metric}{{webhook=\"{name}\"}} 0\n");
            assert!(idle.contains(&sample), "{sample}{idle}");
        }
    }
    hooks.site.put("etl", &failed(&after(&at(1), 1), &at(3)));
    hooks.site.put("runs", &running(&at(1)));
    let is_counted = |reply: &Reply| {
        let text = reply.text();
        let has = |sample: &str| text.contains(&format!("\neks_api_webhook_{sample}\n"));
        has(r#"deliveries_total{webhook="ops",outcome="delivered"} 1"#)
            && has(r#"deliveries_total{webhook="dead",outcome="retried"} 1"#)
            && has(r#"deliveries_total{webhook="dead",outcome="delivered"} 0"#)
            && has(r#"pending{webhook="ops"} 0"#)
            && has(r#"pending{webhook="dead"} 1"#)
            && !has(r#"oldest_pending_seconds{webhook="dead"} 0"#)
    };
    until(async || hooks.site.get("/metrics").await, is_counted).await;
}
