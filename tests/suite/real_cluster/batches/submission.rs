//! A batch that is submitted, stopped in the middle, and completed.

use std::rc::Rc;

use serde_json::{Value, json};

use super::{BATCH, World, at, call, completed, create, jobs, make_namespace, status, whole};
use crate::real_cluster::manifest;
use crate::real_cluster::outages::Stage;
use crate::support::real::{Api, eventually};

pub(crate) async fn a_batch_is_followed_to_its_end(world: Rc<World>) {
    let (admin, namespace) = (&world.cluster.admin, "batches-followed");
    make_namespace(admin, namespace).await;
    let created = create(&world.service, &call(namespace, 3)).await.expect_status(201).json();
    assert_eq!((&created["created"], &created["existing"]), (&json!(3), &json!(0)));
    let running = status(&world, namespace, |status| status["counts"]["pending"] != 3).await;
    assert_eq!((&running["state"], &running["size"]), (&json!("running"), &json!(3)), "{running}");
    let kubelet = world.kubelet(namespace);
    for (index, code) in [(0, 0), (1, 0), (2, 3)] {
        kubelet.finish(&kubelet.run(&format!("{BATCH}-{index:04}")).await, code).await;
    }
    status(&world, namespace, |status| status["state"] != "running").await;
    // Exit codes become known later, so both are read each time.
    let ended = eventually("a memory that knows it", async || {
        let known = world.service.get(&at("get-batch-status", namespace, "")).await.expect_status(200);
        let read = status(&world, namespace, |_| true).await;
        (known.header("x-cache") == Some("hit") && known.json() == read).then_some(read)
    })
    .await;
    assert_eq!((&ended["state"], &ended["counts"]["completed"]), (&json!("failed"), &json!(2)), "{ended}");
    assert_eq!(ended["failed_jobs"][0]["job_name"], format!("{BATCH}-0002"));
    // The head has never run.
    assert_eq!(kubelet.pods(BATCH).await, [Value::Null; 0]);
    let again = create(&world.service, &call(namespace, 3)).await.expect_status(200).json();
    assert_eq!((&again["created"], &again["existing"]), (&json!(0), &json!(3)));
}

/// A quota of jobs, which counts what is written here. Its controller does not run, but admission adds to the number.
async fn set_quota(admin: &Api, namespace: &str, limit: &str, used: &str) {
    let quota = format!("/api/v1/namespaces/{namespace}/resourcequotas/jobs");
    let hard = json!({ "count/jobs.batch": limit });
    admin.patch(&quota, &json!({ "spec": { "hard": hard } })).await.expect_status(200);
    let status = json!({ "status": { "hard": hard, "used": { "count/jobs.batch": used } } });
    admin.patch(&format!("{quota}/status"), &status).await.expect_status(200);
}

pub(crate) async fn a_quota_stops_a_batch_and_a_higher_one_completes_it(world: Rc<World>) {
    let (admin, namespace, size) = (&world.cluster.admin, "batches-quota", 8);
    make_namespace(admin, namespace).await;
    let quota = json!({ "metadata": { "name": "jobs" }, "spec": { "hard": { "count/jobs.batch": "5" } } });
    admin.post(&format!("/api/v1/namespaces/{namespace}/resourcequotas"), &quota).await.expect_status(201);
    // Admission hears of a change a moment later.
    let counts = async |expected: u16| {
        let path = format!("/apis/batch/v1/namespaces/{namespace}/jobs?dryRun=All");
        let reply = async || admin.post(&path, &manifest("any", 0)).await;
        eventually("a quota that counts", async || (reply().await.status == expected).then_some(())).await;
    };
    set_quota(admin, namespace, "5", "5").await;
    counts(403).await;
    set_quota(admin, namespace, "5", "0").await;
    counts(201).await;

    let stopped = create(&world.service, &call(namespace, size)).await.expect_status(503);
    assert!(stopped.header("retry-after").is_some());
    let stopped = stopped.json();
    assert_eq!((&stopped["reason"], &stopped["created"]), (&json!("batch_incomplete"), &json!(4)), "{stopped}");
    let refused = stopped["jobs"].as_array().unwrap().iter().find(|job| job["status"] == "refused").unwrap();
    assert!(refused["detail"].as_str().unwrap().contains("exceeded quota"), "{refused}");
    let first = jobs(admin, namespace).await;
    assert_eq!(first.len(), 5);

    // What is there already is found while the quota is full, too.
    create(&world.service, &call(namespace, size)).await.expect_status(503);
    set_quota(admin, namespace, "100", "5").await;
    counts(201).await;
    completed(&world.service, &call(namespace, size)).await;
    let whole = whole(admin, namespace, size).await;
    let is_kept = |before: &Value| whole.iter().any(|after| after["uid"] == before["uid"]);
    assert!(first.iter().all(is_kept), "what was created stays");
}

/// The API server is killed in the middle of a submission and comes back: the same call completes the batch.
pub(crate) async fn an_api_server_that_is_killed_during_a_submission_doubles_nothing(world: Rc<World>) {
    let (admin, size) = (&world.cluster.admin, 60);
    for (round, sent) in [3, 20, 45].into_iter().enumerate() {
        let namespace = format!("batches-killed-{round}");
        make_namespace(admin, &namespace).await;
        let body = call(&namespace, size);
        let kill = async {
            eventually("members", async || (jobs(admin, &namespace).await.len() >= sent).then_some(())).await;
            world.cluster.kill_apiserver();
            world.cluster.start_apiserver().await;
        };
        tokio::join!(create(&world.service, &body), kill);
        let before = jobs(admin, &namespace).await;
        let reply = completed(&world.service, &body).await;
        assert_eq!(reply["jobs"].as_array().unwrap().len(), size);
        let after = whole(admin, &namespace, size).await;
        let is_kept = |before: &Value| after.iter().any(|after| after["uid"] == before["uid"]);
        assert!(before.iter().all(is_kept), "nothing was made twice");
        let stage = Stage { namespace: &namespace, admin };
        for index in 0..size {
            stage.complete(&format!("{BATCH}-{index:04}")).await;
        }
        status(&world, &namespace, |status| status["state"] == "completed").await;
        world.service.delete(&at("delete-batch", &namespace, "")).await.expect_status(200);
    }
}
