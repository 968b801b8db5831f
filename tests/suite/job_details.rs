//! Status with `details=true`: what a job's pods and events say, so that nobody needs kubectl to see why it hangs.

use serde_json::{Value, json};

use crate::calls::{create, lab, manifest, nameless, problem, sent};
use crate::support::stub::StubCluster;
use crate::support::{Lab, recorded_body};

/// Puts a recorded job into the cluster, with recorded pods and events.
fn put(cluster: &StubCluster, job: &str, pods: Option<&str>, events: Option<&str>) {
    cluster.put_job(recorded_body(job));
    let items = |list: Option<&str>| {
        let items = list.map(|list| recorded_body(list)["items"].take());
        items.as_ref().and_then(Value::as_array).cloned().unwrap_or_default()
    };
    for pod in items(pods) {
        cluster.put_pod(pod);
    }
    for event in items(events) {
        cluster.put_event(event);
    }
}

async fn details(lab: &Lab, name: &str, namespace: &str) -> Value {
    let path = format!("/api/eks-get-job-status?job_name={name}&namespace={namespace}&details=true");
    let reply = lab.service.get(&path).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()
}

#[tokio::test]
async fn a_failed_pod_shows_its_exit_code_and_the_events_tell_the_story() {
    let lab = lab().await;
    put(&lab.cluster, "job-get-failed-backoff", Some("pods-of-job-failed"), Some("events-of-job"));
    let told = details(&lab, "fails", "rec").await;
    assert_eq!(told["state"], "failed");
    let pod = &told["pods"][0];
    assert_eq!(
        (&pod["name"], &pod["phase"], &pod["node"]),
        (&json!("fails-nzvw9"), &json!("Failed"), &json!("lab-node"))
    );
    let expected = json!({ "name": "job-container", "init": false, "sidecar": false, "injected": false, "state": "terminated", "reason": "Error",
        "message": null, "exit_code": 3, "restart_count": 0,
        "started_at": "2026-11-23T14:28:36+00:00", "finished_at": "2026-11-23T14:28:37+00:00",
        "last_state": null });
    assert_eq!(pod["containers"], json!([expected]));
    let reasons: Vec<&Value> = told["events"].as_array().unwrap().iter().map(|event| &event["reason"]).collect();
    assert_eq!(reasons, ["SuccessfulCreate", "BackoffLimitExceeded"]);
    assert_eq!(told["events"][1]["type"], "Warning");
    assert_eq!(told["events"][1]["last_timestamp"], "2026-11-23T14:28:38+00:00");
}

#[tokio::test]
async fn an_image_that_cannot_be_pulled_is_read_from_the_container() {
    let lab = lab().await;
    put(&lab.cluster, "job-get-image-pull-backoff", Some("pods-of-job-image-pull-backoff"), None);
    let told = details(&lab, "nopull", "rec").await;
    assert_eq!(told["state"], "running");
    let container = &told["pods"][0]["containers"][0];
    assert_eq!((&container["state"], &container["reason"]), (&json!("waiting"), &json!("ImagePullBackOff")));
    assert_eq!(container["message"], "Back-off pulling image");
    assert_eq!((&container["exit_code"], &told["events"]), (&Value::Null, &json!([])));
}

#[tokio::test]
async fn a_refused_quota_is_read_from_the_events() {
    let lab = lab().await;
    put(&lab.cluster, "job-get-quota-blocked", None, Some("events-of-job-quota-blocked"));
    let told = details(&lab, "starved", "rec-quota").await;
    assert_eq!((&told["state"], &told["pods"]), (&json!("pending"), &json!([])));
    let event = &told["events"][0];
    assert_eq!((&event["type"], &event["reason"]), (&json!("Warning"), &json!("FailedCreate")));
    assert!(event["message"].as_str().unwrap().contains("exceeded quota"), "{event}");
}

#[tokio::test]
async fn a_pod_that_fits_no_node_says_so_itself() {
    let lab = lab().await;
    let created = create(&lab.service, &manifest("hello")).await.json();
    let condition =
        json!({ "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes" });
    lab.cluster.put_pod(json!({
        "metadata": { "name": "hello-x", "labels": { "batch.kubernetes.io/controller-uid": created["uid"] } },
        "status": { "phase": "Pending", "conditions": [condition] },
    }));
    let pod = &details(&lab, "hello", "default").await["pods"][0];
    assert_eq!((&pod["reason"], &pod["message"]), (&json!("Unschedulable"), &json!("0/3 nodes")));
    assert_eq!((&pod["node"], &pod["containers"]), (&Value::Null, &json!([])));
}

#[tokio::test]
async fn only_the_jobs_own_pods_and_events_are_told() {
    let lab = lab().await;
    put(&lab.cluster, "job-get-complete", Some("pods-of-job-failed"), Some("events-of-job"));
    let told = details(&lab, "hello", "rec").await;
    assert_eq!((&told["pods"], &told["events"]), (&json!([]), &json!([])));
}

#[tokio::test]
async fn three_requests_are_enough() {
    let lab = lab().await;
    put(&lab.cluster, "job-get-failed-backoff", Some("pods-of-job-failed"), Some("events-of-job"));
    details(&lab, "fails", "rec").await;
    let mut sent = sent(&lab.cluster);
    sent.sort();
    let base = "GET /api/v1/namespaces/rec";
    let expected =
        [format!("{base}/events"), format!("{base}/pods"), "GET /apis/batch/v1/namespaces/rec/jobs/fails".to_owned()];
    assert_eq!(sent, expected);
}

#[tokio::test]
async fn a_job_without_a_selector_is_not_given_every_pod_of_the_namespace() {
    let lab = lab().await;
    let mut job = nameless();
    job["metadata"] = json!({ "name": "bare" });
    lab.cluster.put_job(job);
    lab.cluster.put_pod(json!({ "metadata": { "name": "stranger" } }));
    assert_eq!(details(&lab, "bare", "default").await["pods"], json!([]));
    assert_eq!(lab.cluster.count("GET", "/api/v1/namespaces/default/pods"), 0);
}

#[tokio::test]
async fn a_right_that_details_need_and_we_lack_is_named() {
    for resource in ["pods", "events"] {
        let lab = lab().await;
        lab.cluster.deny("list", resource);
        assert_eq!(create(&lab.service, &manifest("hello")).await.status, 201);
        let reply = lab.service.get("/api/eks-get-job-status?job_name=hello&details=true").await;
        let told = problem(&reply, 403, "Forbidden");
        assert!(told["detail"].as_str().unwrap().contains(&format!("cannot list resource {resource:?}")), "{told}");
    }
}

#[tokio::test]
async fn details_are_asked_for_with_true_alone() {
    let lab = lab().await;
    assert_eq!(create(&lab.service, &manifest("hello")).await.status, 201);
    let path = |value: &str| format!("/api/eks-get-job-status?job_name=hello&details={value}");
    let without = lab.service.get(&path("false")).await.json();
    assert_eq!(without.get("pods"), None);
    for value in ["1", "yes", "True", ""] {
        let told = problem(&lab.service.get(&path(value)).await, 400, "BadRequest");
        assert_eq!(told["causes"][0]["field"], "details", "{value:?}");
    }
}
