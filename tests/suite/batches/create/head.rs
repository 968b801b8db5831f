//! The head that is refused, and members that are being deleted or have lost their head.

use serde_json::{Value, json};

use super::{batch, numbers, post, posts, statuses, with};
use crate::calls::{BINARY, JOBS, lab, problem};
use crate::live::until_status;
use crate::support::Lab;
use crate::support::stub::{Fault, Kind};

fn text(document: &Value) -> &str {
    document["detail"].as_str().unwrap()
}

#[tokio::test]
async fn a_head_that_is_refused_for_a_while_is_an_incomplete_batch() {
    let lab = lab().await;
    lab.cluster.set_quota("default", Some(0));
    for body in [batch("nightly", 3), with(batch("", 3), &json!({ "batch_name": null }))] {
        let reply = post(&lab, &body).await;
        let document = problem(&reply, 503, "batch_incomplete");
        assert!(reply.header("retry-after").is_some());
        assert_eq!((numbers(&reply), statuses(&reply)), ((0, 0), vec!["not_sent".to_owned(); 3]));
        let text = text(&document);
        assert!(text.starts_with("no job exists; the head of the batch was refused: "), "{text}");
        assert!(text.contains("exceeded quota") && text.ends_with("repeat the same call to create the rest"), "{text}");
    }
    lab.cluster.set_quota("default", None);
    let unavailable = Kind::status(503, "ServiceUnavailable", "apiserver is shutting down");
    for kind in [Kind::too_many(1), unavailable] {
        lab.cluster.fault(Fault::new("POST", JOBS, kind).times(20));
        problem(&post(&lab, &batch("nightly", 3)).await, 503, "batch_incomplete");
        lab.cluster.clear_faults();
    }
    assert_eq!(numbers(&post(&lab, &batch("nightly", 3)).await.expect_status(201)), (3, 0));
}

#[tokio::test]
async fn a_head_that_is_refused_for_good_keeps_its_status() {
    let lab = lab().await;
    let forbidden = "jobs.batch is forbidden: User \"eks-api\" cannot create resource";
    lab.cluster.fault(Fault::new("POST", JOBS, Kind::status(403, "Forbidden", forbidden)));
    problem(&post(&lab, &batch("nightly", 3)).await, 403, "Forbidden");
    let causes = json!([{ "reason": "FieldValueRequired", "message": "Required value",
        "field": "spec.template.spec.containers[0].image" }]);
    let status = json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": 422,
        "message": "Job.batch \"nightly\" is invalid: spec.template.spec.containers[0].image: Required value",
        "reason": "Invalid", "details": { "causes": causes } });
    let invalid = || Kind::Reply { status: 422, headers: Vec::new(), body: status.clone() };
    let own = json!({ "batch_name": "own", "jobs": [{ "job_manifest": crate::calls::nameless() }] });
    for (body, field) in [(batch("nightly", 3), "job_manifest"), (own, "jobs[0].job_manifest")] {
        lab.cluster.fault(Fault::new("POST", JOBS, invalid()));
        let document = problem(&post(&lab, &body).await, 422, "Invalid");
        let cause = "spec.template.spec.containers[0].image";
        assert_eq!(
            text(&document),
            format!("{field}: the pod template of jobs[0] is invalid: {cause}: Required value")
        );
        assert_eq!(document["causes"][0]["field"], format!("{field}.{cause}"));
    }
    assert_eq!(posts(&lab), 3);
}

#[tokio::test]
async fn a_member_that_is_being_deleted_does_not_exist() {
    let lab = lab().await;
    assert_eq!(post(&lab, &batch("nightly", 2)).await.status, 201);
    lab.cluster.change_job("default", "nightly-0001", |job| {
        job["metadata"]["deletionTimestamp"] = json!("2026-11-29T20:00:00Z");
    });
    let reply = post(&lab, &batch("nightly", 2)).await;
    let document = problem(&reply, 503, "batch_incomplete");
    assert_eq!((numbers(&reply), &document["jobs"][1]["status"]), ((0, 1), &json!("refused")));
    assert!(text(&document).contains("jobs[1] was refused: this job is being deleted"), "{document}");
    lab.cluster.remove_job("default", "nightly-0001");
    assert_eq!(numbers(&post(&lab, &batch("nightly", 2)).await.expect_status(201)), (1, 1));
}

#[tokio::test]
async fn members_without_their_head_must_be_deleted() {
    for watches in [true, false] {
        let lab = lab().await;
        assert_eq!(post(&lab, &batch("nightly", 2)).await.status, 201);
        lab.cluster.hold_garbage();
        lab.cluster.remove_job("default", "nightly");
        for name in ["nightly-0000", "nightly-0001"] {
            lab.cluster.change_job("default", name, |job| job["metadata"]["ownerReferences"] = json!([]));
        }
        lab.cluster.release_garbage();
        if watches {
            until_status(&lab.service, "nightly", |reply| reply.status == 404).await;
        } else {
            lab.cluster.hush_watches();
            lab.cluster.break_watches();
        }
        let document = problem(&post(&lab, &batch("nightly", 2)).await, 422, "batch_incomplete");
        let refused = "no job exists; jobs[0] was refused: a job without the head of this batch has the name nightly-0000; delete it; ";
        assert!(text(&document).starts_with(refused), "{document}");
        lab.cluster.remove_job("default", "nightly-0000");
        lab.cluster.remove_job("default", "nightly-0001");
        assert_eq!(numbers(&post(&lab, &batch("nightly", 2)).await.expect_status(201)), (2, 0));
    }
}

#[tokio::test]
async fn no_job_is_sent_after_a_refusal_that_came_while_it_waited() {
    let lab = Lab::with(BINARY, &[("EKS_API_MAX_WRITES", "1")]).await;
    lab.cluster.fault(Fault::new("POST", JOBS, Kind::status(403, "Forbidden", "no")).after(1));
    problem(&post(&lab, &batch("nightly", 5)).await, 422, "batch_incomplete");
    assert_eq!(posts(&lab), 2, "the head and one job");
}
