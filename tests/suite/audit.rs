//! The audit: a record of every change and every refusal, whoever waits for the answer. What the journal makes of it is
//! tested in `journald`, the two forms of a record beside their code.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::given::{BINARY, JOBS, job, status_of};
use crate::support::Lab;
use crate::support::service::Service;
use crate::support::stub::{Fault, Gate, Kind};
use crate::wire::{Wire, create_head};

/// The records so far.
fn records(service: &Service) -> Vec<Value> {
    let records = service.logs().into_iter().filter(|line| is_record(line));
    records.map(|line| serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

/// Whether a line is the audit's, and none of the log.
pub(crate) fn is_record(line: &str) -> bool {
    line.contains(r#""type":"audit""#)
}

/// The record of the call with this id.
async fn record_of(service: &Service, id: &str) -> Value {
    let mark = format!(r#""request_id":"{id}""#);
    let line = service.log_line(|line| is_record(line) && line.contains(&mark)).await;
    serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
}

/// Makes a call under an id of its own, and tells the answer.
async fn call(lab: &Lab, id: &str, method: &str, path: &str, body: &str) -> (u16, Value) {
    let json = ("content-type", "application/json");
    let headers = if body.is_empty() { vec![("x-request-id", id)] } else { vec![("x-request-id", id), json] };
    let reply = lab.service.send(method, path, &headers, body.to_owned()).await;
    (reply.status.as_u16(), reply.json())
}

/// Checks all of a record that is the same each time it is made, and leaves the rest alone.
#[track_caller]
fn check(record: &Value, expected: &Value) {
    let mut told = record.clone();
    let told = told.as_object_mut().unwrap();
    assert!(told.remove("time").is_some_and(|time| time.as_str().unwrap().ends_with('Z')));
    assert!(told.remove("duration_ms").is_some_and(|time| time.as_f64().unwrap() > 0.0));
    for (name, always) in
        [("type", "audit"), ("caller_method", "none"), ("caller_address", "127.0.0.1"), ("cluster", "lab")]
    {
        assert_eq!(told.remove(name), Some(always.into()), "{name}");
    }
    assert_eq!(Value::Object(told.clone()), *expected);
}

#[tokio::test]
async fn each_change_of_a_job_is_recorded_with_the_jobs_uid() {
    // Neither the log's level nor its form touches the audit.
    let lab = Lab::with(BINARY, &[("LOG_LEVEL", "INFO"), ("EKS_API_LOG_FORMAT", "text")]).await;
    let query = "job_name=nightly&namespace=default";
    let (_, created) = call(&lab, "create", "POST", "/api/eks-create-job", &job("nightly").to_string()).await;
    let uid = created["uid"].as_str().unwrap();
    let of_job = |id: &str, operation: &str, status: u16| {
        json!({ "level": "INFO", "message": format!("{operation} default/nightly from 127.0.0.1: success ({status})"),
            "request_id": id, "operation": operation, "object_kind": "Job", "namespace": "default", "job": "nightly",
            "uid": uid, "outcome": "success", "status": status })
    };
    check(&record_of(&lab.service, "create").await, &of_job("create", "create_job", 201));
    for (id, method, operation) in
        [("suspend", "POST", "suspend_job"), ("resume", "POST", "resume_job"), ("delete", "DELETE", "delete_job")]
    {
        let path = format!("/api/eks-{}?{query}", operation.replace('_', "-"));
        assert_eq!(call(&lab, id, method, &path, "").await.0, 200);
        check(&record_of(&lab.service, id).await, &of_job(id, operation, 200));
    }
    assert_eq!(records(&lab.service).len(), 4, "each once");
}

#[tokio::test]
async fn a_job_that_was_gone_at_once_is_recorded_with_its_uid() {
    let lab = Lab::start(BINARY).await;
    let (_, created) = call(&lab, "create", "POST", "/api/eks-create-job", &job("hello").to_string()).await;
    let path = "/api/eks-delete-job?job_name=hello&propagation_policy=Background";
    assert_eq!(call(&lab, "delete", "DELETE", path, "").await.0, 200);
    assert_eq!(record_of(&lab.service, "delete").await["uid"], created["uid"]);
}

#[tokio::test]
async fn each_change_of_a_namespace_is_recorded_as_one_of_a_namespace() {
    let lab = Lab::start(BINARY).await;
    let body = r#"{"namespace_name": "team-a"}"#;
    assert_eq!(call(&lab, "create", "POST", "/api/eks-create-namespace", body).await.0, 201);
    let uid = lab.cluster.namespace("team-a").unwrap()["metadata"]["uid"].clone();
    let path = "/api/eks-delete-namespace?namespace_name=team-a";
    assert_eq!(call(&lab, "delete", "DELETE", path, "").await.0, 200);
    for (id, operation, status) in [("create", "create_namespace", 201), ("delete", "delete_namespace", 200)] {
        let message = format!("{operation} team-a from 127.0.0.1: success ({status})");
        let expected = json!({ "level": "INFO", "message": message, "request_id": id, "operation": operation,
            "object_kind": "Namespace", "namespace": "team-a", "uid": uid, "outcome": "success", "status": status });
        check(&record_of(&lab.service, id).await, &expected);
    }
}

#[tokio::test]
async fn a_namespace_that_is_made_on_the_way_is_recorded_for_itself_whatever_becomes_of_the_job() {
    let lab = Lab::start(BINARY).await;
    let body = |namespace: &str| {
        let mut body = job("hello");
        body["namespace"] = json!(namespace);
        body.to_string()
    };
    let create =
        async |id: &str, namespace: &str| call(&lab, id, "POST", "/api/eks-create-job", &body(namespace)).await.0;
    let told = |id: &str| {
        let of_call = records(&lab.service).into_iter().filter(|record| record["request_id"] == id);
        of_call.map(|record| ["operation", "outcome", "status"].map(|name| record[name].clone())).collect::<Vec<_>>()
    };
    let row = |operation: &str, outcome: &str, status: u16| [json!(operation), json!(outcome), json!(status)];

    assert_eq!(create("both", "fresh").await, 201);
    let uid = lab.cluster.namespace("fresh").unwrap()["metadata"]["uid"].clone();
    let expected = json!({ "level": "INFO", "message": "create_namespace fresh from 127.0.0.1: success (201)",
        "request_id": "both", "operation": "create_namespace", "object_kind": "Namespace", "namespace": "fresh",
        "uid": uid, "outcome": "success", "status": 201 });
    check(&record_of(&lab.service, "both").await, &expected);
    last_record_of(&lab.service, "both").await;
    assert_eq!(told("both"), [row("create_namespace", "success", 201), row("create_job", "success", 201)]);
    assert_eq!(create("again", "fresh").await, 409);
    last_record_of(&lab.service, "again").await;
    assert_eq!(told("again"), [row("create_job", "failed", 409)], "it was there");

    lab.cluster.fault(Fault::new("POST", "/api/v1/namespaces", Kind::CutAfter));
    assert_eq!(create("lost", "second").await, 201);
    last_record_of(&lab.service, "lost").await;
    assert_eq!(told("lost"), [row("create_namespace", "success", 201), row("create_job", "success", 201)]);
    assert_eq!(record_of(&lab.service, "lost").await.get("uid"), None, "the reply that had it was lost");

    lab.cluster.deny("create", "namespaces");
    assert_eq!(create("denied", "third").await, 403);
    last_record_of(&lab.service, "denied").await;
    assert_eq!(told("denied"), [row("create_namespace", "refused", 403), row("create_job", "refused", 403)]);
}

/// Waits for the record of the job, which comes after all others of its call.
async fn last_record_of(service: &Service, id: &str) {
    let mark = format!(r#""request_id":"{id}","operation":"create_job""#);
    service.log_line(|line| is_record(line) && line.contains(&mark)).await;
}

#[tokio::test]
async fn a_change_that_fails_is_recorded_with_the_reason() {
    let lab = Lab::start(BINARY).await;
    assert_eq!(call(&lab, "body", "POST", "/api/eks-create-job", "no json").await.0, 400);
    assert_eq!(call(&lab, "none", "DELETE", "/api/eks-delete-job?job_name=none", "").await.0, 404);
    lab.cluster.fault(Fault::new("POST", JOBS, Kind::status(403, "Forbidden", "exceeded quota")));
    assert_eq!(call(&lab, "quota", "POST", "/api/eks-create-job", &job("hello").to_string()).await.0, 403);
    for (id, outcome, reason, named) in [
        ("body", "failed", "BadRequest", None),
        ("none", "failed", "NotFound", Some("none")),
        ("quota", "refused", "Forbidden", Some("hello")),
    ] {
        let record = record_of(&lab.service, id).await;
        assert_eq!((&record["outcome"], &record["reason"]), (&json!(outcome), &json!(reason)), "{record}");
        assert_eq!((&record["job"], &record["uid"]), (&json!(named), &Value::Null), "{record}");
        assert_eq!(record["object_kind"], "Job");
    }
}

#[tokio::test]
async fn of_reads_only_the_refused_are_recorded() {
    let allowed = [("EKS_API_ALLOWED_NAMESPACES", "default"), ("EKS_API_MAX_STREAMS", "1")];
    let lab = Lab::with(BINARY, &allowed).await;
    for (id, path, status) in [
        ("found", "/api/eks-list-jobs?namespace=default", 200),
        ("missing", &status_of("none"), 404),
        ("wrong", "/api/eks-get-job-status", 400),
        ("probe", "/health", 200),
        ("nowhere", "/nowhere", 404),
        ("method", "/api/eks-create-job", 405),
    ] {
        assert_eq!(call(&lab, id, "GET", path, "").await.0, status, "{id}");
    }
    assert_eq!(call(&lab, "scan", "POST", "/nowhere", "").await.0, 404);
    for (id, operation, object) in [
        ("outside", "get_job_status", "secret/hello"),
        ("details", "get_job_status", "secret/hello"),
        ("logs", "get_job_logs", "secret/hello"),
        ("list", "list_jobs", "secret"),
    ] {
        let (namespace, job) = object.split_once('/').map_or((object, None), |(space, job)| (space, Some(job)));
        let name = job.map(|job| format!("&job_name={job}")).unwrap_or_default();
        let more = if id == "details" { "&details=true" } else { "" };
        let path = format!("/api/eks-{}?namespace={namespace}{name}{more}", operation.replace('_', "-"));
        assert_eq!(call(&lab, id, "GET", &path, "").await.0, 403);
        if id == "details" {
            // The same call is refused again, and only counted.
            continue;
        }
        let mut expected = json!({ "level": "WARN", "message": format!("{operation} {object} from 127.0.0.1: refused (403)"),
            "request_id": id, "operation": operation, "object_kind": "Job", "namespace": namespace, "job": job,
            "outcome": "refused", "status": 403, "reason": "namespace_not_allowed" });
        expected.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        check(&record_of(&lab.service, id).await, &expected);
    }

    let mut first = Wire::connect(&lab.service).await;
    first.send("GET /api/eks-watch-jobs?namespace=default HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    first.head().await;
    assert_eq!(call(&lab, "full", "GET", "/api/eks-watch-jobs?namespace=default", "").await.0, 503);
    let record = record_of(&lab.service, "full").await;
    assert_eq!((&record["outcome"], &record["reason"]), (&json!("refused"), &json!("overloaded")), "{record}");
    let ids: Vec<Value> = records(&lab.service).into_iter().map(|mut record| record["request_id"].take()).collect();
    assert_eq!(ids, ["outside", "logs", "list", "full"]);
}

#[tokio::test]
async fn a_change_whose_caller_hung_up_is_recorded_when_it_has_ended() {
    let lab = Lab::start(BINARY).await;
    let gate = Gate::new();
    lab.cluster.fault(Fault::new("POST", JOBS, Kind::HoldBefore(gate.clone())));
    let mut wire = Wire::connect(&lab.service).await;
    let body = job("hello").to_string();
    let framing = format!("Content-Length: {}\r\nX-Request-Id: left", body.len());
    wire.send(&(create_head(&framing) + &body)).await;
    gate.held(1).await;
    assert!(records(&lab.service).is_empty(), "it has not ended yet");
    drop(wire);
    gate.open();
    let record = record_of(&lab.service, "left").await;
    assert_eq!((&record["status"], &record["outcome"]), (&json!(201), &json!("success")), "{record}");
    assert_eq!(record["uid"], lab.cluster.job("default", "hello").unwrap()["metadata"]["uid"]);
}

#[tokio::test]
async fn a_change_that_is_cut_off_at_the_end_of_the_service_is_recorded_too() {
    let Lab { mut service, cluster, aws: _aws } = Lab::start(BINARY).await;
    let gate = Gate::new();
    cluster.fault(Fault::new("POST", JOBS, Kind::HoldBefore(gate.clone())));
    let mut wire = Wire::connect(&service).await;
    wire.create("hello").await;
    gate.held(1).await;
    service.signal("TERM").await;
    service.log_line(|line| line.contains("draining")).await;
    service.signal("TERM").await;
    assert_eq!(service.exit_status().await.code(), Some(0));
    let records = records(&service);
    assert_eq!(records.len(), 1, "{records:#?}");
    let expected = ["failed", "cut_off", "create_job", "hello"];
    assert_eq!(
        ["outcome", "reason", "operation", "job"].map(|name| records[0][name].clone()),
        expected.map(Value::from)
    );
    assert_eq!(records[0].get("status"), None, "there was no answer");
}

#[tokio::test]
async fn the_record_that_is_shown_has_the_names_of_one_that_is_made() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/OPERATION.md")).unwrap();
    let section = page.split("\n## ").find(|section| section.starts_with("Audit\n")).unwrap();
    let shown = section.lines().find_map(|line| serde_json::from_str::<Value>(line.trim()).ok()).unwrap();
    let names = |record: &Value| -> BTreeSet<String> { record.as_object().unwrap().keys().cloned().collect() };
    let lab = Lab::start(BINARY).await;
    call(&lab, "made", "POST", "/api/eks-create-job", &job("hello").to_string()).await;
    let made = record_of(&lab.service, "made").await;
    assert_eq!(names(&shown), names(&made));
    for name in names(&made).into_iter().chain(["caller".into(), "reason".into()]) {
        assert!(section.contains(&format!("`{name}`")), "{name} is not explained");
    }
}
