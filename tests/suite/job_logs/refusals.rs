//! Logs that cannot be read, and what is said instead.

use serde_json::{Value, json};

use super::{PODS, finished, logs, pod, put_job, running, waiting, with_log};
use crate::calls::{BINARY, detail, lab, problem};
use crate::support::Lab;
use crate::support::stub::{Fault, Kind};

const LOG: &str = "/api/v1/namespaces/default/pods/hello-a/log";

async fn with_pod(pod: Value) -> Lab {
    let lab = lab().await;
    put_job(&lab.cluster, &json!({ "active": 1 }));
    lab.cluster.put_pod(pod);
    lab
}

#[tokio::test]
async fn a_job_that_is_not_there_is_told_in_the_clusters_words() {
    let lab = lab().await;
    for query in ["", "&follow=true", "&all=true"] {
        assert_eq!(
            detail(&logs(&lab, query).await, 404, "NotFound"),
            "jobs.batch \"hello\" not found in namespace default"
        );
    }
}

#[tokio::test]
async fn a_job_without_pods_says_whether_they_are_to_come_or_gone() {
    let lab = lab().await;
    let suspended = json!({ "conditions": [{ "type": "Suspended", "status": "True" }] });
    for (status, words) in [(json!({}), "no pod yet"), (suspended, "suspended"), (finished(), "its pods are gone")] {
        put_job(&lab.cluster, &status);
        for query in ["", "&all=true"] {
            let told = detail(&logs(&lab, query).await, 404, "no_pods");
            assert!(told.contains(words), "{told}");
        }
    }
}

#[tokio::test]
async fn a_container_that_waits_is_told_with_reason_and_message() {
    for reason in ["ContainerCreating", "ImagePullBackOff", "CreateContainerConfigError"] {
        let lab = with_pod(pod("hello-a", 0, &[waiting("c", reason)])).await;
        let told = detail(&logs(&lab, "").await, 409, "container_waiting");
        let expected = format!("container c of pod hello-a has no log: it is waiting: {reason}: about {reason}");
        assert_eq!(told, expected);
        assert!(lab.cluster.log_queries().is_empty());
    }
}

#[tokio::test]
async fn following_does_not_wait_for_what_somebody_has_to_mend() {
    for reason in ["InvalidImageName", "ErrImageNeverPull"] {
        let lab = with_pod(pod("hello-a", 0, &[waiting("c", reason)])).await;
        let told = detail(&logs(&lab, "&follow=true").await, 409, "container_waiting");
        assert!(told.ends_with(&format!("{reason}: about {reason}")), "{told}");
    }
}

#[tokio::test]
async fn a_pod_that_fits_no_node_says_so() {
    let condition =
        json!({ "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes" });
    let mut unscheduled = pod("hello-a", 0, &[running("c")]);
    unscheduled["spec"]["nodeName"] = Value::Null;
    unscheduled["status"] = json!({ "phase": "Pending", "conditions": [condition] });
    let lab = with_pod(unscheduled).await;
    let told = detail(&logs(&lab, "").await, 409, "container_waiting");
    assert!(told.ends_with("Unschedulable: 0/3 nodes"), "{told}");
}

#[tokio::test]
async fn a_pod_that_was_evicted_before_it_began_is_not_waited_for() {
    let mut evicted = pod("hello-a", 0, &[running("c")]);
    evicted["status"] = json!({ "phase": "Failed", "reason": "Evicted", "message": "low on memory" });
    let lab = with_pod(evicted).await;
    for query in ["", "&follow=true"] {
        let told = detail(&logs(&lab, query).await, 409, "container_waiting");
        assert!(told.ends_with("Evicted: low on memory"), "{told}");
    }
}

#[tokio::test]
async fn a_first_run_has_none_before_it() {
    for status in [running("c"), waiting("c", "ContainerCreating")] {
        let lab = with_pod(pod("hello-a", 0, &[status])).await;
        let told = detail(&logs(&lab, "&previous=true").await, 404, "no_previous_log");
        assert_eq!(told, "container c of pod hello-a had no run before this one");
    }
}

#[tokio::test]
async fn rights_that_we_lack_are_named() {
    for (verb, resource) in [("get", "jobs"), ("list", "pods"), ("get", "pods/log")] {
        for query in ["", "&follow=true", "&all=true"] {
            let lab = with_log("x").await;
            lab.cluster.deny(verb, resource);
            let told = detail(&logs(&lab, query).await, 403, "Forbidden");
            assert!(told.contains(&format!("cannot {verb} resource {resource:?}")), "{told}");
        }
    }
}

#[tokio::test]
async fn a_node_that_cannot_be_reached_is_told_in_the_clusters_words() {
    let lab = with_log("x").await;
    let message = "Get \"https://10.0.0.7:10250/containerLogs/default/hello-a/c\": dial tcp: i/o timeout";
    lab.cluster.fault(Fault::new("GET", LOG, Kind::status(500, "InternalError", message)).times(5));
    let told = detail(&logs(&lab, "").await, 502, "InternalError");
    assert_eq!(told, format!("the API server answered 500: {message}"));
}

#[tokio::test]
async fn a_request_that_was_lost_is_made_again() {
    let lab = with_log("x\n").await;
    lab.cluster.fault(Fault::new("GET", LOG, Kind::CutBefore));
    lab.cluster.fault(Fault::new("GET", LOG, Kind::too_many(0)));
    assert_eq!(logs(&lab, "").await.expect_status(200).text(), "x\n");
}

#[tokio::test]
async fn namespaces_that_are_not_served_have_no_logs() {
    let lab = Lab::with(BINARY, &[("EKS_API_ALLOWED_NAMESPACES", "team-*")]).await;
    problem(&logs(&lab, "").await, 403, "namespace_not_allowed");
    assert_eq!(lab.cluster.count("GET", PODS), 0);
}
