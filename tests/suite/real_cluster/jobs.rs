//! A job's life, as the job controller and the garbage collector make it.

use std::rc::Rc;

use serde_json::{Value, json};

use super::{World, manifest};
use crate::support::real::eventually;

/// Waits until the status shows what is wanted, and returns it.
async fn status_with(world: &World, job: &str, what: &str, shows: impl Fn(&Value) -> bool) -> Value {
    eventually(&format!("{job} {what}"), async || {
        let status = world.status(job, job, "").await.expect_status(200).json();
        shows(&status).then_some(status)
    })
    .await
}

pub(super) async fn a_job_is_pending_then_running_then_completed(world: Rc<World>) {
    let name = "completes";
    let created = world.create(name, &manifest(name, 6)).await.expect_status(201).json();
    assert_eq!((&created["job_name"], &created["namespace"]), (&json!(name), &json!(name)));
    assert_eq!((&created["status"], &created["namespace_created"]), (&json!("created"), &json!(true)));
    assert_eq!(created["warnings"], json!(["namespace completes did not exist and was created"]));
    assert!(created["creation_timestamp"].as_str().unwrap().ends_with("+00:00"), "{created}");

    let kubelet = world.kubelet(name);
    let pod = kubelet.run(name).await;
    let running = status_with(&world, name, "running", |status| status["state"] == "running").await;
    assert_eq!((&running["active"], &running["succeeded"], &running["failed"]), (&json!(1), &json!(0), &json!(0)));
    assert_eq!(running["completion_time"], Value::Null);
    assert_eq!(running["uid"], created["uid"]);
    assert_eq!((&running["labels"]["app"], &running["labels"]["job-id"]), (&json!("eks-api"), &json!(name)));

    kubelet.finish(&pod, 0).await;
    let done = status_with(&world, name, "completed", |status| status["state"] == "completed").await;
    assert_eq!((&done["active"], &done["succeeded"], &done["failed"]), (&json!(0), &json!(1), &json!(0)));
    assert!(done["completion_time"].as_str().unwrap().ends_with("+00:00"), "{done}");
    assert!(done["start_time"].as_str().unwrap() <= done["completion_time"].as_str().unwrap(), "{done}");
}

pub(super) async fn a_job_without_retries_fails_with_its_pod(world: Rc<World>) {
    let name = "fails";
    world.create(name, &manifest(name, 0)).await.expect_status(201);
    let kubelet = world.kubelet(name);
    kubelet.finish(&kubelet.run(name).await, 3).await;
    let failed = status_with(&world, name, "failed", |status| status["state"] == "failed").await;
    assert_eq!((&failed["active"], &failed["succeeded"], &failed["failed"]), (&json!(0), &json!(0), &json!(1)));
    assert_eq!(failed["reason"], "BackoffLimitExceeded");
    assert_eq!(failed["message"], "Job has reached the specified backoff limit");
    assert_eq!(failed["completion_time"], Value::Null);
}

pub(super) async fn a_job_with_retries_left_is_running(world: Rc<World>) {
    let name = "retries";
    world.create(name, &manifest(name, 2)).await.expect_status(201);
    let kubelet = world.kubelet(name);
    let first = kubelet.run(name).await;
    kubelet.finish(&first, 1).await;
    let retrying = status_with(&world, name, "with a failed pod", |status| status["failed"] == 1).await;
    assert_eq!((&retrying["state"], &retrying["reason"]), (&json!("running"), &Value::Null), "{retrying}");

    let second = kubelet.run(name).await;
    assert_ne!(first, second);
    kubelet.finish(&second, 0).await;
    let done = status_with(&world, name, "completed", |status| status["state"] == "completed").await;
    assert_eq!((&done["succeeded"], &done["failed"]), (&json!(1), &json!(1)));
}

pub(super) async fn details_show_pods_and_events(world: Rc<World>) {
    let name = "details";
    world.create(name, &manifest(name, 0)).await.expect_status(201);
    let kubelet = world.kubelet(name);
    let pod = kubelet.run(name).await;
    kubelet.finish(&pod, 7).await;
    let has_event = |status: &Value, reason: &str| {
        status["events"].as_array().unwrap().iter().any(|event| event["reason"] == reason)
    };
    let status = eventually("events of the job", async || {
        let status = world.status(name, name, "&details=true").await.expect_status(200).json();
        (has_event(&status, "BackoffLimitExceeded") && has_event(&status, "SuccessfulCreate")).then_some(status)
    })
    .await;
    let pods = status["pods"].as_array().unwrap();
    assert_eq!(pods.len(), 1, "{status}");
    assert_eq!((&pods[0]["name"], &pods[0]["node"]), (&json!(pod), &json!("node-1")));
    assert_eq!(pods[0]["phase"], "Failed");
    let container = &pods[0]["containers"][0];
    assert_eq!((&container["name"], &container["state"]), (&json!("c"), &json!("terminated")));
    assert_eq!((&container["exit_code"], &container["reason"]), (&json!(7), &json!("Error")));
}

pub(super) async fn deletion_leaves_no_pod(world: Rc<World>) {
    deletion(&world, "goes", "").await;
}

pub(super) async fn deletion_in_the_background_leaves_no_pod(world: Rc<World>) {
    deletion(&world, "goes-background", "&propagation_policy=Background").await;
}

/// Deletes a job with a pod that runs on a node: the node's agent has to be waited for.
async fn deletion(world: &World, name: &str, more: &str) {
    world.create(name, &manifest(name, 6)).await.expect_status(201);
    let kubelet = world.kubelet(name);
    kubelet.run(name).await;
    let deleted = world.service.delete(&format!("/api/eks-delete-job?namespace={name}&job_name={name}{more}")).await;
    assert_eq!(deleted.expect_status(200).json()["status"], "success");
    if more.is_empty() {
        let status = world.status(name, name, "").await.expect_status(200).json();
        assert!(status["deletion_timestamp"].is_string(), "in the foreground the job goes last: {status}");
    }
    eventually("no pod of a deleted job", async || (!kubelet.reap(name).await).then_some(())).await;
    eventually("no deleted job", async || (world.status(name, name, "").await.status == 404).then_some(())).await;
}
