//! Deleting a job: no pod is orphaned unless that is asked for, and no job but the one that is meant goes.

use serde_json::{Value, json};

use crate::calls::{JOBS, create, detail, lab, manifest, problem, sent, status, status_directly};
use crate::support::Lab;
use crate::support::stub::{Fault, Kind};

/// Creates a job with one pod, and returns its uid.
async fn with_pod(lab: &Lab, name: &str) -> String {
    let created = create(&lab.service, &manifest(name)).await.json();
    lab.cluster.put_pod(json!({ "metadata": {
        "name": format!("{name}-pod"),
        "labels": { "batch.kubernetes.io/controller-uid": created["uid"] },
        "ownerReferences": [{ "kind": "Job", "uid": created["uid"] }],
    } }));
    created["uid"].as_str().unwrap_or_default().to_owned()
}

/// What the last DELETE carried.
fn options(lab: &Lab) -> Value {
    let requests = lab.cluster.requests();
    requests.into_iter().rfind(|request| request.method == "DELETE").map(|request| request.body).unwrap_or_default()
}

fn path(extra: &str) -> String {
    format!("/api/eks-delete-job?job_name=hello{extra}")
}

#[tokio::test]
async fn a_deleted_job_takes_its_pods_along() {
    let lab = lab().await;
    with_pod(&lab, "hello").await;
    let reply = lab.service.delete(&path("")).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(
        reply.json(),
        json!({ "cluster": "lab", "message": "Job hello in namespace default is being deleted", "status": "success" })
    );
    let expected = json!({ "apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Foreground" });
    assert_eq!(options(&lab), expected);
    assert_eq!(sent(&lab.cluster)[1..], [format!("DELETE {JOBS}/hello")]);

    let ending = status(&lab.service, "hello").await.json();
    assert!(ending["deletion_timestamp"].is_string(), "it waits for its pod: {ending}");
    lab.cluster.settle();
    problem(&status_directly(&lab.service, "hello").await, 404, "NotFound");
    problem(&lab.service.delete(&path("")).await, 404, "NotFound");
}

#[tokio::test]
async fn the_policy_can_be_chosen_in_any_case() {
    for (value, policy) in [
        ("Foreground", "Foreground"),
        ("Background", "Background"),
        ("background", "Background"),
        ("Orphan", "Orphan"),
        ("ORPHAN", "Orphan"),
    ] {
        let lab = lab().await;
        with_pod(&lab, "hello").await;
        let reply = lab.service.delete(&path(&format!("&propagation_policy={value}"))).await;
        assert_eq!((reply.status.as_u16(), &reply.json()["status"]), (200, &json!("success")), "{value}");
        assert_eq!(options(&lab)["propagationPolicy"], policy);
        assert_eq!(lab.cluster.deletions()[0].options["propagationPolicy"], policy);
        assert_eq!(lab.cluster.job("default", "hello").is_some(), policy == "Foreground", "{value}");
    }
}

#[tokio::test]
async fn a_grace_period_is_passed_on() {
    for (value, seconds) in [("0", 0), ("30", 30), ("2147483647", i32::MAX)] {
        let lab = lab().await;
        with_pod(&lab, "hello").await;
        assert_eq!(lab.service.delete(&path(&format!("&grace_period_seconds={value}"))).await.status, 200);
        assert_eq!(options(&lab)["gracePeriodSeconds"], seconds);
    }
}

#[tokio::test]
async fn a_uid_protects_the_job_that_took_the_place_of_another() {
    let lab = lab().await;
    let uid = with_pod(&lab, "hello").await;
    let reply = lab.service.delete(&path("&uid=11111111-2222-4333-8444-555555555555")).await;
    let told = detail(&reply, 409, "Conflict");
    assert!(told.contains("the UID in the precondition (11111111-"), "{told}");
    assert!(lab.cluster.job("default", "hello").is_some() && lab.cluster.deletions().is_empty());
    assert_eq!(lab.service.delete(&path(&format!("&uid={uid}"))).await.status, 200);
    assert_eq!(options(&lab)["preconditions"], json!({ "uid": uid }));
}

#[tokio::test]
async fn the_job_of_another_namespace_stays() {
    let lab = lab().await;
    with_pod(&lab, "hello").await;
    let mut other = manifest("hello");
    other["metadata"]["namespace"] = json!("team-a");
    assert_eq!(create(&lab.service, &other).await.status, 201);
    let reply = lab.service.delete(&path("&namespace=team-a")).await;
    assert_eq!(reply.json()["message"], "Job hello in namespace team-a is being deleted");
    assert!(lab.cluster.job("team-a", "hello").is_none() && lab.cluster.job("default", "hello").is_some());
}

#[tokio::test]
async fn a_job_that_is_not_there_is_not_found() {
    let lab = lab().await;
    assert_eq!(
        detail(&lab.service.delete(&path("")).await, 404, "NotFound"),
        r#"jobs.batch "hello" not found in namespace default"#
    );
}

#[tokio::test]
async fn what_is_no_option_is_refused_before_anything_is_sent() {
    let lab = lab().await;
    for (extra, field) in [
        ("&propagation_policy=Sideways", "propagation_policy"),
        ("&propagation_policy=", "propagation_policy"),
        ("&grace_period_seconds=-1", "grace_period_seconds"),
        ("&grace_period_seconds=1.5", "grace_period_seconds"),
        ("&grace_period_seconds=2147483648", "grace_period_seconds"),
        ("&grace_period_seconds=soon", "grace_period_seconds"),
        ("&gracePeriodSeconds=1", "gracePeriodSeconds"),
        ("&job_name=other", "job_name"),
    ] {
        let told = problem(&lab.service.delete(&path(extra)).await, 400, "BadRequest");
        assert_eq!(told["causes"][0]["field"], field, "{extra}");
    }
    assert_eq!(
        problem(&lab.service.delete("/api/eks-delete-job").await, 400, "BadRequest")["causes"][0]["field"],
        "job_name"
    );
    assert_eq!(sent(&lab.cluster), [""; 0]);
}

#[tokio::test]
async fn a_deletion_whose_reply_is_lost_is_not_repeated_blindly() {
    // Repeated, it could meet a new job of the same name.
    for kind in [Kind::CutBefore, Kind::CutAfter] {
        let lab = lab().await;
        with_pod(&lab, "hello").await;
        lab.cluster.fault(Fault::new("DELETE", JOBS, kind));
        let told = detail(&lab.service.delete(&path("")).await, 502, "upstream_broken");
        assert!(told.contains("may have taken effect"), "{told}");
        assert_eq!(lab.cluster.count("DELETE", JOBS), 1);
    }
}

#[tokio::test]
async fn a_deletion_that_was_turned_away_at_the_door_is_repeated() {
    let lab = lab().await;
    with_pod(&lab, "hello").await;
    lab.cluster.fault(Fault::new("DELETE", JOBS, Kind::status(429, "TooManyRequests", "too many")));
    assert_eq!(lab.service.delete(&path("")).await.status, 200);
    assert_eq!(lab.cluster.count("DELETE", JOBS), 2);
}
