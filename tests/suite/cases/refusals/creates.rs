//! Creating a job more than once with one Idempotency-Key.

use serde_json::{Value, json};

use crate::audit::is_record;
use crate::calls::{JOBS, create_with, detail, lab, manifest};
use crate::support::Lab;
use crate::support::service::Reply;
use crate::support::stub::{Fault, Gate, Kind};

async fn create(lab: &Lab, key: &str) -> Reply {
    create_with(&lab.service, &[("idempotency-key", key)], &json!({ "job_manifest": manifest("hello") })).await
}

/// The statuses in the audit's records of creates, once there are so many.
async fn recorded(lab: &Lab, count: usize) -> Vec<u64> {
    let lines = lab.service.log_lines(count, |line| is_record(line) && line.contains("\"create_job\"")).await;
    let status = |line: &String| serde_json::from_str::<Value>(line).unwrap()["status"].as_u64().unwrap();
    lines.iter().map(status).collect()
}

#[tokio::test]
async fn c4_a_doubt_of_ones_own_does_not_make_anothers_job_ones_own() {
    for fault in [Kind::CutBefore, Kind::Garbage, Kind::status(504, "Timeout", "too slow")] {
        let lab = lab().await;
        let first = create(&lab, "k").await.expect_status(201);
        lab.cluster.fault(Fault::new("POST", JOBS, fault));
        let second = create(&lab, "k").await.expect_status(200);
        assert_eq!(first.json()["uid"], second.json()["uid"]);
        assert_eq!(recorded(&lab, 2).await, [201, 200]);
    }
}

#[tokio::test]
async fn c4_the_call_whose_reply_is_lost_is_the_one_that_created() {
    let lab = lab().await;
    let gate = Gate::new();
    lab.cluster.fault(Fault::new("POST", JOBS, Kind::HoldAfter(gate.clone())));
    let other = async {
        gate.held(1).await;
        let second = create(&lab, "k").await;
        lab.cluster.close_connections().await;
        second
    };
    let (first, second) = tokio::join!(create(&lab, "k"), other);
    assert_eq!((first.status.as_u16(), second.status.as_u16()), (201, 200));
    assert_eq!(first.json()["uid"], second.json()["uid"]);
}

#[tokio::test]
async fn b10_key_terminating_a_job_that_is_being_deleted_is_not_told_as_created() {
    let lab = lab().await;
    create(&lab, "k").await.expect_status(201);
    let mut job = lab.cluster.job("default", "hello").unwrap();
    job["metadata"]["deletionTimestamp"] = json!("2026-01-20T10:30:00Z");
    lab.cluster.put_job(job);
    let told = detail(&create(&lab, "k").await, 409, "AlreadyExists");
    assert!(told.contains("hello") && told.contains("is being deleted"), "{told}");
    // A quota that the job fills says nothing of that.
    lab.cluster.fault(Fault::new("POST", JOBS, Kind::status(403, "Forbidden", "exceeded quota: one")));
    assert!(detail(&create(&lab, "k").await, 409, "AlreadyExists").contains("is being deleted"));
    assert!(detail(&create(&lab, "other").await, 409, "AlreadyExists").contains("hello"));
}
