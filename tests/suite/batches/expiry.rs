//! Batches that are deleted after their time to live.

use serde_json::{Value, json};

use super::status::{head, member};
use crate::calls::{BINARY, JOBS, lab};
use crate::live::complete;
use crate::support::Lab;

/// Puts a batch whose one member has this status.
fn put(lab: &Lab, ttl: u32, status: &Value) {
    let (mut head, mut member) = (head("default", "etl", 1), member("default", "etl", 0));
    head["metadata"]["annotations"]["eks-api/batch"] = json!(description(ttl));
    member["status"] = status.clone();
    lab.cluster.put_jobs([head, member]);
}

fn description(ttl: u32) -> String {
    json!({ "size": 1, "body": "0a", "ttl_seconds_after_finished": ttl }).to_string()
}

fn ended() -> Value {
    let mut status = complete();
    status["conditions"][0]["lastTransitionTime"] = json!("2026-11-01T00:00:00Z");
    status
}

#[tokio::test]
async fn a_batch_is_deleted_after_its_time_to_live_with_its_members() {
    for ttl in [0, 1] {
        let lab = lab().await;
        put(&lab, ttl, &json!({ "active": 1 }));
        lab.cluster.set_job_status("default", "etl-0000", ended());
        lab.cluster.wait_for("DELETE", &format!("{JOBS}/etl"), 1).await;
        lab.service.log_line(|line| line.contains("batch deleted after its ttl_seconds_after_finished")).await;
        let options = &lab.cluster.deletions()[0].options;
        assert_eq!(options["propagationPolicy"], "Foreground");
        assert_eq!(options["preconditions"], json!({ "uid": "uid-of-etl" }));
        assert!(lab.cluster.job("default", "etl-0000").is_none());
    }
}

#[tokio::test]
async fn a_batch_outside_the_namespaces_of_the_service_stays() {
    let lab = Lab::with(BINARY, &[("EKS_API_ALLOWED_NAMESPACES", "default")]).await;
    let mut other = head("another", "etl", 1);
    other["metadata"]["annotations"]["eks-api/batch"] = json!(description(0));
    let mut member = member("another", "etl", 0);
    member["status"] = ended();
    lab.cluster.put_jobs([other, member]);
    put(&lab, 0, &ended());
    lab.cluster.wait_for("DELETE", &format!("{JOBS}/etl"), 1).await;
    assert_eq!(lab.cluster.deletions().len(), 1);
    assert!(lab.cluster.job("another", "etl").is_some());
}

#[tokio::test]
async fn without_the_right_the_batch_stays_and_the_log_names_the_role() {
    let lab = lab().await;
    lab.cluster.deny("delete", "jobs");
    put(&lab, 0, &ended());
    lab.service.log_line(|line| line.contains("eks-api-expire-batches")).await;
    assert!(lab.cluster.job("default", "etl").is_some());
    assert_eq!(lab.cluster.count("DELETE", JOBS), 1);
}
