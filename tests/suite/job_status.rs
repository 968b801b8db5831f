//! Asking for a job's status: its state from every recorded Job, and the fields that are always there.

use serde_json::{Value, json};

use crate::calls::{JOBS, create, detail, lab, manifest, nameless, problem, sent, status, status_directly};
use crate::support::recorded_body;
use crate::support::stub::{Fault, Kind};

const CONTRACT: [&str; 8] =
    ["job_name", "namespace", "state", "active", "succeeded", "failed", "start_time", "completion_time"];
const BESIDE_IT: [&str; 13] = [
    "ready",
    "terminating",
    "completions",
    "parallelism",
    "backoff_limit",
    "reason",
    "message",
    "creation_timestamp",
    "deletion_timestamp",
    "uid",
    "resource_version",
    "labels",
    "conditions",
];

#[tokio::test]
async fn every_recorded_job_has_its_state_counts_and_reason() {
    let lab = lab().await;
    // Recording, state, active, succeeded, failed, reason.
    for (recording, state, active, succeeded, failed, reason) in [
        ("job-create", "pending", 0, 0, 0, None),
        ("job-create-suspended", "suspended", 0, 0, 0, None),
        ("job-get-complete", "completed", 0, 1, 0, Some("CompletionsReached")),
        ("job-get-deleting", "running", 1, 0, 0, None),
        ("job-get-failed-backoff", "failed", 0, 0, 1, Some("BackoffLimitExceeded")),
        ("job-get-failed-deadline", "failed", 0, 0, 1, Some("DeadlineExceeded")),
        ("job-get-failed-pod-failure-policy", "failed", 0, 0, 1, Some("PodFailurePolicy")),
        ("job-get-image-pull-backoff", "running", 1, 0, 0, None),
        ("job-get-indexed-complete", "completed", 0, 3, 0, Some("CompletionsReached")),
        ("job-get-quota-blocked", "pending", 0, 0, 0, None),
        ("job-get-retrying", "running", 0, 0, 1, None),
        ("job-get-running", "running", 1, 0, 0, None),
        ("job-get-suspended", "suspended", 0, 0, 0, Some("JobSuspended")),
        ("job-resume", "suspended", 0, 0, 0, Some("JobSuspended")),
    ] {
        let job = recorded_body(recording);
        lab.cluster.put_job(job.clone());
        let (name, namespace) =
            (job["metadata"]["name"].as_str().unwrap(), job["metadata"]["namespace"].as_str().unwrap());
        let path = format!("/api/eks-get-job-status?job_name={name}&namespace={namespace}");
        let reply = lab.service.get_directly(&path).await;
        assert_eq!(reply.status, 200, "{recording}: {}", reply.text());
        let told = reply.json();
        assert_eq!((&told["job_name"], &told["namespace"]), (&json!(name), &json!(namespace)), "{recording}");
        assert_eq!(told["state"], state, "{recording}");
        let counts = (&told["active"], &told["succeeded"], &told["failed"]);
        assert_eq!(counts, (&json!(active), &json!(succeeded), &json!(failed)), "{recording}");
        assert_eq!(told["reason"].as_str(), reason, "{recording}");
        assert_eq!(told["message"].is_string(), reason.is_some(), "{recording}");
        for field in CONTRACT.iter().chain(&BESIDE_IT) {
            assert!(told.get(*field).is_some(), "{field} of {recording}");
        }
        assert_eq!((told.get("pods"), told.get("events")), (None, None), "{recording}");
        assert_eq!(told["uid"], job["metadata"]["uid"], "{recording}");
        assert_eq!(told["labels"], job["metadata"]["labels"], "{recording}");
        let conditions = job["status"]["conditions"].as_array().map_or(0, Vec::len);
        assert_eq!(told["conditions"].as_array().unwrap().len(), conditions, "{recording}");
    }
}

#[tokio::test]
async fn times_have_a_numeric_offset_and_are_null_where_there_are_none() {
    let lab = lab().await;
    lab.cluster.put_job(recorded_body("job-get-complete"));
    lab.cluster.put_job(recorded_body("job-get-deleting"));
    let told = lab.service.get_directly("/api/eks-get-job-status?job_name=hello&namespace=rec").await.json();
    assert_eq!(told["creation_timestamp"], "2026-11-23T14:28:34+00:00");
    assert_eq!(told["start_time"], "2026-11-23T14:28:34+00:00");
    assert_eq!(told["completion_time"], "2026-11-23T14:28:36+00:00");
    assert_eq!(told["deletion_timestamp"], Value::Null);
    let last = &told["conditions"][1];
    assert_eq!((&last["type"], &last["status"]), (&json!("Complete"), &json!("True")));
    assert_eq!(last["last_transition_time"], "2026-11-23T14:28:36+00:00");
    let told = lab.service.get_directly("/api/eks-get-job-status?job_name=slow&namespace=rec").await.json();
    assert_eq!(told["deletion_timestamp"], "2026-11-23T14:28:50+00:00");
    assert_eq!(told["completion_time"], Value::Null);
}

#[tokio::test]
async fn a_job_without_a_status_has_every_field_of_the_contract_with_its_type() {
    let lab = lab().await;
    assert_eq!(create(&lab.service, &manifest("hello")).await.status, 201);
    let told = status(&lab.service, "hello").await.json();
    let contract = json!({ "job_name": "hello", "namespace": "default", "state": "pending", "active": 0,
        "succeeded": 0, "failed": 0, "start_time": null, "completion_time": null });
    for field in CONTRACT {
        assert_eq!(told.get(field), contract.get(field), "{field}");
    }
    assert_eq!((&told["completions"], &told["parallelism"], &told["backoff_limit"]), (&json!(1), &json!(1), &json!(6)));
    assert_eq!(told["conditions"], json!([]));
    assert_eq!(told["labels"]["job-id"], "hello");
}

#[tokio::test]
async fn a_jobs_life_is_followed_by_its_conditions() {
    let lab = lab().await;
    assert_eq!(create(&lab.service, &manifest("hello")).await.status, 201);
    let condition = |kind: &str| json!([{ "type": kind, "status": "True" }]);
    for (now, state) in [
        (json!({ "active": 1 }), "running"),
        (json!({ "failed": 1 }), "running"),
        (json!({ "succeeded": 1, "terminating": 1 }), "running"),
        (json!({ "active": 1, "conditions": condition("FailureTarget") }), "running"),
        (json!({ "conditions": condition("SuccessCriteriaMet"), "succeeded": 1 }), "running"),
        (json!({ "conditions": condition("Suspended") }), "suspended"),
        (json!({ "failed": 1, "conditions": condition("Failed") }), "failed"),
        (json!({ "failed": 2, "succeeded": 1, "conditions": condition("Complete") }), "completed"),
    ] {
        let known = status(&lab.service, "hello").await.header("etag").unwrap().to_owned();
        lab.cluster.set_job_status("default", "hello", now.clone());
        let path = "/api/eks-get-job-status?job_name=hello&wait=5m";
        let reply = lab.service.send("GET", path, &[("if-none-match", &known)], "").await;
        assert_eq!(reply.expect_status(200).json()["state"], state, "{now}");
    }
}

#[tokio::test]
async fn no_get_is_sent_and_a_caller_sees_its_own_write_at_once() {
    let lab = lab().await;
    let created = create(&lab.service, &nameless()).await.json();
    let name = created["job_name"].as_str().unwrap();
    let reply = status(&lab.service, name).await;
    assert_eq!(reply.header("x-cache"), Some("hit"));
    let told = reply.json();
    assert_eq!((&told["uid"], &told["creation_timestamp"]), (&created["uid"], &created["creation_timestamp"]));
    assert_eq!(sent(&lab.cluster), [format!("POST {JOBS}")]);
}

#[tokio::test]
async fn a_job_that_is_not_there_is_not_found_in_kubernetes_words() {
    let lab = lab().await;
    assert_eq!(
        detail(&status(&lab.service, "nope").await, 404, "NotFound"),
        r#"jobs.batch "nope" not found in namespace default"#
    );
    let elsewhere = lab.service.get("/api/eks-get-job-status?job_name=nope&namespace=nowhere").await;
    problem(&elsewhere, 404, "NotFound");
    assert_eq!(lab.cluster.namespace("nowhere"), None, "a question makes nothing");
}

#[tokio::test]
async fn what_is_forbidden_to_us_is_forbidden_to_the_caller() {
    let lab = lab().await;
    lab.cluster.deny("get", "jobs");
    let told = detail(&status_directly(&lab.service, "hello").await, 403, "Forbidden");
    assert!(told.contains(r#"cannot get resource "jobs" in API group "batch" in the namespace "default""#), "{told}");
}

#[tokio::test]
async fn a_head_request_is_answered_as_get_is_but_without_a_body() {
    let lab = lab().await;
    assert_eq!(create(&lab.service, &manifest("hello")).await.status, 201);
    let head = lab.service.send("HEAD", "/api/eks-get-job-status?job_name=hello", &[], "").await;
    assert_eq!((head.status.as_u16(), head.body.len()), (200, 0));
    assert!(head.header("x-request-id").is_some());
}

#[tokio::test]
async fn an_object_without_any_field_we_know_is_still_answered() {
    let lab = lab().await;
    let bare = json!({ "kind": "Job", "apiVersion": "batch/v1", "metadata": { "name": "hello" } });
    let kind = Kind::Reply { status: 200, headers: Vec::new(), body: bare };
    lab.cluster.fault(Fault::new("GET", JOBS, kind));
    let told = status_directly(&lab.service, "hello").await.json();
    assert_eq!((&told["job_name"], &told["state"]), (&json!("hello"), &json!("pending")));
}
