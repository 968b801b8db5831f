//! delete-batch, suspend-batch and resume-batch, and the calls for jobs that a head refuses.

use serde_json::{Value, json};

use super::status::{head, member_name, put, until_status};
use crate::calls::{BINARY, JOBS, detail, lab, problem, sent};
use crate::live::complete;
use crate::support::Lab;
use crate::support::stub::{Fault, Kind};

const DELETE: &str = "/api/eks-delete-batch?batch_name=etl";
const SUSPEND: &str = "/api/eks-suspend-batch?batch_name=etl";
const RESUME: &str = "/api/eks-resume-batch?batch_name=etl";

/// A lab with a batch of three that the service knows.
async fn lab_with_three() -> Lab {
    let lab = lab().await;
    put(&lab, "etl", 3);
    until_status(&lab, "etl", |status| status["counts"]["pending"] == 3).await;
    lab
}

fn jobs(lab: &Lab) -> usize {
    (0..3).filter(|index| lab.cluster.job("default", &member_name("etl", *index)).is_some()).count()
}

async fn post(lab: &Lab, path: &str) -> crate::support::service::Reply {
    lab.service.send("POST", path, &[], "").await
}

fn suspended(lab: &Lab, name: &str) -> Value {
    lab.cluster.job("default", name).unwrap()["spec"]["suspend"].clone()
}

#[tokio::test]
async fn a_deleted_batch_takes_its_members_along_and_a_wait_ends_when_all_are_gone() {
    for policy in ["", "&propagation_policy=background"] {
        let lab = lab_with_three().await;
        let before = sent(&lab.cluster).len();
        let reply = lab.service.delete(&format!("{DELETE}{policy}&wait=1m")).await.expect_status(200).json();
        let expected = json!({
            "cluster": "lab", "message": "Batch etl in namespace default is deleted", "status": "success",
            "batch_name": "etl", "remaining": 0,
        });
        assert_eq!((reply, jobs(&lab)), (expected, 0));
        assert_eq!(sent(&lab.cluster)[before..], [format!("DELETE {JOBS}/etl")], "all else came from memory");
        let options = &lab.cluster.deletions()[0].options;
        assert_eq!(options["preconditions"], json!({ "uid": "uid-of-etl" }));
        assert_eq!(options["propagationPolicy"], if policy.is_empty() { "Foreground" } else { "Background" });
        problem(&lab.service.delete(DELETE).await, 404, "NotFound");
    }
}

#[tokio::test]
async fn members_that_are_left_are_counted_also_without_a_description_and_without_memory() {
    for is_cached in [true, false] {
        let lab = lab_with_three().await;
        lab.cluster.hold_garbage();
        lab.cluster.change_job("default", "etl", |head| head["metadata"]["annotations"]["eks-api/batch"] = json!("{"));
        let path = format!("{DELETE}&propagation_policy=Background");
        let headers: &[_] = if is_cached { &[] } else { &[("cache-control", "no-cache")] };
        let reply = lab.service.send("DELETE", &path, headers, "").await;
        let reply = reply.expect_status(200).json();
        assert_eq!(reply["remaining"], 3, "{reply}");
        assert_eq!(reply["message"], "Batch etl in namespace default is being deleted");
    }
}

#[tokio::test]
async fn a_batch_is_never_orphaned_and_a_job_is_no_batch() {
    let lab = lab_with_three().await;
    let told = problem(&lab.service.delete(&format!("{DELETE}&propagation_policy=Orphan")).await, 400, "BadRequest");
    assert_eq!(told["causes"][0]["field"], "propagation_policy");
    let path = "/api/eks-delete-batch?batch_name=etl-0000";
    let told = detail(&lab.service.delete(path).await, 404, "NotFound");
    assert!(told.ends_with("a job has the name; use delete-job"), "{told}");
    problem(&lab.service.delete("/api/eks-delete-batch?batch_name=none").await, 404, "NotFound");
    assert_eq!(lab.cluster.deletions().len(), 0);
}

#[tokio::test]
async fn every_member_that_has_not_ended_is_suspended_and_resumed_and_the_head_is_not() {
    let lab = lab_with_three().await;
    lab.cluster.set_job_status("default", "etl-0001", complete());
    until_status(&lab, "etl", |status| status["counts"]["completed"] == 1).await;
    let head = lab.cluster.job("default", "etl");
    for (path, changed, value) in [(SUSPEND, 2, true), (SUSPEND, 0, true), (RESUME, 2, false), (RESUME, 0, false)] {
        let told = post(&lab, path).await.expect_status(200).json();
        let expected = json!({
            "cluster": "lab", "batch_name": "etl", "namespace": "default",
            "changed": changed, "unchanged": 3 - changed, "failed": 0, "missing": 0,
        });
        assert_eq!(told, expected);
        assert_eq!([suspended(&lab, "etl-0000"), suspended(&lab, "etl-0002")], [value, value].map(Value::from));
    }
    assert_eq!(lab.cluster.job("default", "etl"), head);
    assert_eq!(lab.cluster.count("PATCH", JOBS), 4);
    let body = r#"{"batch_name":"etl","namespace":"default"}"#;
    let json = [("content-type", "application/json")];
    lab.service.send("POST", "/api/eks-suspend-batch", &json, body).await.expect_status(200);
    problem(&post(&lab, "/api/eks-suspend-batch").await, 400, "BadRequest");
    lab.cluster.remove_job("default", "etl-0002");
    until_status(&lab, "etl", |status| status["counts"]["missing"] == 1).await;
    let told = post(&lab, SUSPEND).await.expect_status(200).json();
    assert_eq!((&told["unchanged"], &told["missing"]), (&json!(2), &json!(1)));
}

#[tokio::test]
async fn the_calls_that_change_or_read_many_members_count_as_several() {
    let lab = Lab::with(BINARY, &[("EKS_API_PEER_RATE_LIMIT", "5")]).await;
    lab.cluster.put_job(head("default", "etl", 500));
    until_status(&lab, "etl", |status| status["size"] == 500).await;
    for path in ["/api/eks-suspend-batch?batch_name=etl", "/api/eks-get-job-logs?batch_name=etl"] {
        let method = if path.contains("logs") { "GET" } else { "POST" };
        let reply = lab.service.send(method, path, &[("cache-control", "no-cache")], "").await.expect_status(200);
        let left = reply.header("ratelimit").unwrap();
        assert!(left < "\"peer\";r=5", "{path}: {left}");
    }
}

#[tokio::test]
async fn a_change_in_part_is_no_success_and_a_member_that_is_gone_is_none_to_change() {
    for (kind, status, hint) in [
        (Kind::status(403, "Forbidden", "no"), 403, false),
        (Kind::status(429, "TooManyRequests", "later"), 503, true),
        (Kind::status(404, "NotFound", "gone"), 200, false),
    ] {
        let lab = lab_with_three().await;
        lab.cluster.fault(Fault::new("PATCH", &format!("{JOBS}/etl-0001"), kind).always());
        let reply = post(&lab, SUSPEND).await;
        if status == 200 {
            let told = reply.expect_status(200).json();
            assert_eq!((&told["changed"], &told["unchanged"]), (&json!(2), &json!(1)));
            continue;
        }
        let told = detail(&reply, status, "batch_incomplete");
        assert!(told.contains("2 jobs changed, 0 unchanged, 1 failed, first etl-0001: "), "{told}");
        assert_eq!((told.ends_with("; call again for the rest"), reply.header("retry-after").is_some()), (hint, hint));
    }
}

#[tokio::test]
async fn a_head_is_no_job_to_the_calls_for_jobs() {
    let lab = lab_with_three().await;
    let head = lab.cluster.job("default", "etl");
    let calls = [
        ("GET", "get-job-status?", "get-batch-status"),
        ("GET", "get-job-status?details=true&", "get-batch-status"),
        ("GET", "get-job-status?wait=1m&", "get-batch-status"),
        ("GET", "get-job-logs?", "get-job-logs with batch_name"),
        ("DELETE", "delete-job?", "delete-batch"),
        ("POST", "suspend-job?", "suspend-batch"),
        ("POST", "resume-job?", "resume-batch"),
    ];
    for no_cache in [false, true] {
        if no_cache {
            // The service does not know the head any more.
            lab.cluster.hush_watches();
            lab.cluster.put_job(super::status::head("other", "etl", 3));
        }
        let namespace = if no_cache { "other" } else { "default" };
        for (method, call, other) in calls {
            let path = format!("/api/eks-{call}job_name=etl&namespace={namespace}");
            let told = detail(&lab.service.send(method, &path, &[], "").await, 409, "is_a_batch");
            assert_eq!(told, format!("etl is a batch: call /api/eks-{other}"));
        }
    }
    lab.cluster.deny("get", "jobs");
    lab.cluster.put_job(super::status::head("other", "unknown", 3));
    let orphan = "/api/eks-delete-job?job_name=unknown&namespace=other&propagation_policy=orphan";
    problem(&lab.service.delete(orphan).await, 403, "Forbidden");
    assert_eq!(lab.cluster.job("default", "etl"), head);
    assert_eq!((lab.cluster.deletions().len(), lab.cluster.count("PATCH", JOBS)), (0, 0));
}
