//! Who created a run, and the copy of the audit.

use serde_json::{Value, json};

use crate::calls::{create_with, nameless};
use crate::given::{BINARY, job};
use crate::live::until;
use crate::support::Lab;
use crate::support::service::{Folder, Reply};

async fn lab(state: &Folder) -> Lab {
    Lab::with(BINARY, &[("EKS_API_STATE_DIR", state.path().to_str().unwrap())]).await
}

/// Waits until a list has this many items. Returns them, sorted by a field.
async fn until_listed(lab: &Lab, path: &str, list: &str, count: usize, by: &str) -> Vec<Value> {
    let items = |reply: &Reply| reply.json()[list].as_array().cloned().unwrap_or_default();
    let reply = until(async || lab.service.get(path).await, |reply| items(reply).len() == count).await;
    let mut items = items(&reply);
    items.sort_by_key(|item| item[by].to_string());
    items
}

#[tokio::test]
async fn a_run_has_the_request_that_created_it_and_not_one_that_found_it() {
    let state = Folder::new();
    let lab = lab(&state).await;
    for (id, status) in [("first", 201), ("second", 200)] {
        let headers = [("idempotency-key", "k"), ("x-request-id", id)];
        create_with(&lab.service, &headers, &job("hello")).await.expect_status(status);
    }
    // The second call is recorded before the last job.
    create_with(&lab.service, &[("x-request-id", "last")], &job("last")).await.expect_status(201);
    let runs = until_listed(&lab, "/api/eks-list-history", "runs", 2, "job_name").await;
    let requests: Vec<_> = runs.iter().map(|run| (&run["request_id"], &run["images"])).collect();
    let images = json!({ "c": "busybox" });
    assert_eq!(requests, [(&json!("first"), &images), (&json!("last"), &images)]);
}

#[tokio::test]
async fn the_jobs_of_a_batch_have_the_request_that_created_them() {
    let state = Folder::new();
    let lab = lab(&state).await;
    let body = json!({ "batch_name": "nightly", "job_manifest": nameless(), "jobs": [{}, {}] }).to_string();
    for (id, status) in [("first", 201), ("second", 200)] {
        let headers = [("content-type", "application/json"), ("x-request-id", id)];
        let reply = lab.service.send("POST", "/api/eks-create-batch", &headers, body.clone()).await;
        reply.expect_status(status);
    }
    let runs = until_listed(&lab, "/api/eks-list-history", "runs", 2, "job_name").await;
    let requests: Vec<_> = runs.iter().map(|run| [&run["batch_name"], &run["request_id"]]).collect();
    assert_eq!(requests, [[&json!("nightly"), &json!("first")]; 2]);
}

#[tokio::test]
async fn the_history_has_the_audit_as_the_log_has_it() {
    let state = Folder::new();
    let lab = lab(&state).await;
    create_with(&lab.service, &[("x-request-id", "create")], &job("hello")).await.expect_status(201);
    lab.service.get("/api/eks-get-job-status?job_name=none").await.expect_status(404);
    lab.service.delete("/api/eks-delete-job?job_name=hello").await.expect_status(200);
    let kept = until_listed(&lab, "/api/eks-list-audit", "records", 2, "operation").await;
    let mut logged = lab.service.log_lines(2, crate::audit::is_record).await;
    logged.sort_by_key(|line| line.contains("delete_job"));
    for (kept, line) in kept.iter().zip(logged) {
        let mut expected: Value = serde_json::from_str(&line).unwrap();
        for name in ["level", "message", "type"] {
            expected.as_object_mut().unwrap().remove(name);
        }
        assert_eq!(*kept, expected);
    }
}
