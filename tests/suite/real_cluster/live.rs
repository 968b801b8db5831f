//! One job as it is told live: its status from the cache, waits for what becomes of it, and what cannot be changed of
//! it on an old release.

use std::rc::Rc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::task::spawn_local;

use super::{World, manifest};
use crate::support::real::eventually;
use crate::support::service::Reply;

/// Much less than the waits of these tests, and much more than anything takes.
const SOON: Duration = Duration::from_secs(10);

fn status_path(name: &str) -> String {
    format!("/api/eks-get-job-status?namespace={name}&job_name={name}")
}

/// The status, which has to come from the cache, and a watch that is up.
async fn cached(world: &World, name: &str) -> Value {
    let reply = world.service.get(&status_path(name)).await.expect_status(200);
    assert_eq!((reply.header("x-cache"), reply.header("age")), (Some("hit"), None));
    reply.json()
}

/// Follows a job in the cache until it is in this state, and checks that it never goes back.
async fn until(world: &World, name: &str, state: &str) -> Value {
    let mut version = 0;
    eventually(&format!("{name}: {state}"), async || {
        let status = cached(world, name).await;
        let seen = status["resource_version"].as_str().unwrap().parse::<u64>().unwrap();
        assert!(seen >= version, "the cache goes back from {version}: {status}");
        version = seen;
        (status["state"] == state).then_some(status)
    })
    .await
}

async fn is_as_in_the_cluster(world: &World, name: &str) {
    let direct = world.service.get_directly(&status_path(name)).await;
    let direct = direct.expect_status(200);
    assert_eq!(direct.header("x-cache"), Some("miss"));
    assert_eq!(cached(world, name).await, direct.json());
}

pub(super) async fn the_cache_follows_a_job_to_its_completion(world: Rc<World>) {
    let name = "followed";
    let created = world.create(name, &manifest(name, 6)).await.expect_status(201).json();
    let pending = cached(&world, name).await;
    assert_eq!((&pending["uid"], &pending["completion_time"]), (&created["uid"], &Value::Null));

    let kubelet = world.kubelet(name);
    let pod = kubelet.run(name).await;
    let running = until(&world, name, "running").await;
    assert_eq!((&running["active"], &running["succeeded"]), (&json!(1), &json!(0)));
    kubelet.finish(&pod, 0).await;
    let done = until(&world, name, "completed").await;
    assert_eq!((&done["active"], &done["succeeded"], &done["failed"]), (&json!(0), &json!(1), &json!(0)));
    is_as_in_the_cluster(&world, name).await;

    let job = format!("/apis/batch/v1/namespaces/{name}/jobs/{name}?propagationPolicy=Background");
    world.cluster.admin.delete(&job).await.expect_status(200);
    eventually("no deleted job", async || (world.status(name, name, "").await.status == 404).then_some(())).await;
}

pub(super) async fn the_cache_follows_a_job_to_its_failure(world: Rc<World>) {
    let name = "followed-to-failure";
    world.create(name, &manifest(name, 0)).await.expect_status(201);
    let kubelet = world.kubelet(name);
    kubelet.finish(&kubelet.run(name).await, 1).await;
    let failed = until(&world, name, "failed").await;
    assert_eq!((&failed["failed"], &failed["reason"]), (&json!(1), &json!("BackoffLimitExceeded")));
    // It is looked up a moment later.
    eventually("the exit is known", async || (cached(&world, name).await["exit_code"] == 1).then_some(())).await;
    is_as_in_the_cluster(&world, name).await;
}

/// Asks in a task of its own.
fn ask(world: &Rc<World>, path: String, headers: &'static [(&'static str, &'static str)]) -> Asked {
    let world = Rc::clone(world);
    Asked(spawn_local(async move { world.service.send("GET", &path, headers, "").await }))
}

struct Asked(tokio::task::JoinHandle<Reply>);

impl Asked {
    async fn reply(self) -> Reply {
        self.0.await.unwrap()
    }
}

pub(super) async fn a_wait_is_answered_when_the_job_completes(world: Rc<World>) {
    let name = "waited-for";
    world.create(name, &manifest(name, 0)).await.expect_status(201);
    let waiting = ask(&world, format!("{}&wait=5m", status_path(name)), &[]);
    let other_than_none = ask(&world, format!("{}&wait=5m", status_path(name)), &[("if-none-match", "\"none\"")]);
    other_than_none.reply().await.expect_status(200);
    let kubelet = world.kubelet(name);
    let pod = kubelet.run(name).await;
    until(&world, name, "running").await;
    assert!(!waiting.0.is_finished(), "a running job is not what is waited for");

    let ended = Instant::now();
    kubelet.finish(&pod, 0).await;
    let reply = waiting.reply().await.expect_status(200);
    assert!(ended.elapsed() < SOON, "{:?}", ended.elapsed());
    assert_eq!((reply.header("x-cache"), &reply.json()["state"]), (Some("hit"), &json!("completed")));
    // What is finished is answered at once.
    let again = world.status(name, name, "&wait=5m").await.expect_status(200).json();
    assert_eq!(again, reply.json());
}

pub(super) async fn a_wait_ends_with_the_job(world: Rc<World>) {
    let name = "waited-for-in-vain";
    world.create(name, &manifest(name, 0)).await.expect_status(201);
    let waiting = ask(&world, format!("{}&wait=5m", status_path(name)), &[]);
    world.kubelet(name).run(name).await;
    until(&world, name, "running").await;
    let job = format!("/apis/batch/v1/namespaces/{name}/jobs/{name}?propagationPolicy=Background");
    world.cluster.admin.delete(&job).await.expect_status(200);
    assert_eq!(waiting.reply().await.expect_status(404).json()["reason"], "NotFound");
}

pub(super) async fn a_job_that_is_created_with_a_wait_is_answered_with_its_end(world: Rc<World>) {
    for (name, exit_code, state) in [("created-to-complete", 0, "completed"), ("created-to-fail", 2, "failed")] {
        let body = json!({ "job_manifest": manifest(name, 0), "namespace": name, "wait": "5m" });
        let asking = Rc::clone(&world);
        let waiting = spawn_local(async move { asking.service.post("/api/eks-create-job", &body).await });
        let kubelet = world.kubelet(name);
        kubelet.finish(&kubelet.run(name).await, exit_code).await;
        let created = waiting.await.unwrap().expect_status(201).json();
        assert_eq!((&created["job_name"], &created["status"]), (&json!(name), &json!("created")));
        assert_eq!((&created["job"]["state"], &created["job"]["uid"]), (&json!(state), &created["uid"]));
    }
}

/// Kubernetes 1.21 is the first that knows `spec.suspend`; an older one drops it without a word.
pub(super) async fn suspending_works_or_is_said_not_to(world: Rc<World>) {
    let name = "suspended";
    world.create(name, &manifest(name, 0)).await.expect_status(201);
    let version = world.cluster.admin.get("/version").await.expect_status(200).json();
    let minor: u32 = version["minor"].as_str().unwrap().trim_end_matches('+').parse().unwrap();
    let one = json!({ "namespace": name, "job_name": name });
    let suspended = world.service.post("/api/eks-suspend-job", &one).await;
    if minor < 21 {
        let refused = suspended.expect_status(502).json();
        assert_eq!(refused["reason"], "suspend_not_supported");
        assert!(refused["detail"].as_str().unwrap().contains("older than Kubernetes 1.21"), "{refused}");
    } else {
        suspended.expect_status(200);
        until(&world, name, "suspended").await;
    }
    let resumed = world.service.post("/api/eks-resume-job", &one).await.expect_status(200).json();
    assert_ne!(resumed["state"], "suspended");
    let missing = json!({ "namespace": name, "job_name": "missing" });
    world.service.post("/api/eks-suspend-job", &missing).await.expect_status(404);
}
