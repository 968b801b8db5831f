//! The stub's pods and their logs, held against those of a real API server.

use serde_json::{Value, json};

use crate::stub_watches::cluster;
use crate::support::real::Stream;
use crate::support::stub::StubCluster;
use crate::support::{fixture, recorded_body};

const POD: &str = "/api/v1/namespaces/rec/pods/fails-nzvw9";
const LOG: &str = "/api/v1/namespaces/rec/pods/fails-nzvw9/log";

/// A pod that runs, as far as its status tells.
fn put_pod(cluster: &StubCluster, statuses: &Value) {
    let containers = json!([{ "name": "job-container", "image": "busybox" }]);
    cluster.put_pod(json!({ "metadata": { "namespace": "rec", "name": "fails-nzvw9" },
        "spec": { "nodeName": "lab-node", "containers": containers }, "status": { "containerStatuses": statuses } }));
}

async fn next(stream: &mut Stream) -> String {
    String::from_utf8(stream.piece().await.unwrap().expect("the log ends").to_vec()).unwrap()
}

#[tokio::test]
async fn a_log_is_read_as_recorded() {
    let (cluster, api) = cluster().await;
    put_pod(&cluster, &json!([]));
    let lines = [0, 1, 2].map(|line| format!("fails-nzvw9 job-container line {line}\n")).concat();
    cluster.put_log("rec", "fails-nzvw9", "job-container", &lines);
    let recorded = fixture("kubernetes-1.36/pod-log");
    let read = api.get(recorded["request"]["path"].as_str().unwrap()).await.expect_status(200);
    assert_eq!(read.text(), recorded["response"]["body"]);
    assert_eq!(read.header("content-type"), Some("text/plain"));
    assert_eq!(api.get(LOG).await.text(), lines);
    assert_eq!(cluster.log_queries()[0]["tailLines"], "2");

    let stamped = api.get(&format!("{LOG}?timestamps=true&tailLines=1")).await.text();
    let (time, line) = stamped.split_once(' ').unwrap();
    assert!(time.starts_with("20") && time.ends_with('Z'), "{stamped}");
    assert_eq!(line, "fails-nzvw9 job-container line 2\n");
    assert_eq!(api.get(POD).await.expect_status(200).json()["metadata"]["name"], "fails-nzvw9");
}

#[tokio::test]
async fn mistakes_are_told_as_by_a_real_server() {
    let (cluster, api) = cluster().await;
    let missing = api.get("/api/v1/namespaces/rec/pods/nope/log").await;
    assert_eq!((missing.status.as_u16(), missing.json()), (404, recorded_body("pod-log-missing-pod")));
    put_pod(&cluster, &json!([{ "name": "job-container", "state": { "waiting": { "reason": "ContainerCreating" } } }]));
    let wrong = api.get(&format!("{LOG}?container=nope")).await;
    assert_eq!((wrong.status.as_u16(), wrong.json()), (400, recorded_body("pod-log-wrong-container")));

    let told = api.get(LOG).await.expect_status(400).json();
    let message = r#"container "job-container" in pod "fails-nzvw9" is waiting to start: ContainerCreating"#;
    assert_eq!((&told["message"], &told["reason"]), (&json!(message), &json!("BadRequest")));
    let told = api.get(&format!("{LOG}?previous=true")).await.expect_status(400).json();
    assert_eq!(told["message"], r#"previous terminated container "job-container" in pod "fails-nzvw9" not found"#);
    cluster.put_previous_log("rec", "fails-nzvw9", "job-container", "once\n");
    assert_eq!(api.get(&format!("{LOG}?previous=true")).await.text(), "once\n");
}

#[tokio::test]
async fn a_followed_log_grows_until_its_container_ends() {
    let (cluster, api) = cluster().await;
    put_pod(&cluster, &json!([{ "name": "job-container", "state": { "running": {} } }]));
    cluster.put_log("rec", "fails-nzvw9", "job-container", "one\ntwo\n");
    let mut stream = api.open(&format!("{LOG}?follow=true&tailLines=1")).await;
    assert_eq!(next(&mut stream).await, "two\n");
    for piece in ["half ", "a line\n"] {
        cluster.append_log("rec", "fails-nzvw9", "job-container", piece);
        assert_eq!(next(&mut stream).await, piece);
    }
    assert_eq!(cluster.log_followers(), 1);
    cluster.end_log("rec", "fails-nzvw9", "job-container");
    stream.end().await;
    assert_eq!(api.get(&format!("{LOG}?follow=true")).await.text(), "one\ntwo\nhalf a line\n");
}

#[tokio::test]
async fn a_follower_that_leaves_is_noticed() {
    let (cluster, api) = cluster().await;
    put_pod(&cluster, &json!([]));
    let stream = api.open(&format!("{LOG}?follow=true")).await;
    cluster.wait_for_log_followers(1).await;
    drop(stream);
    cluster.wait_for_no_log_followers().await;
}
