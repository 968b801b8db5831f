//! Namespaces made and deleted, on purpose or along with a job.

use std::rc::Rc;

use serde_json::{Value, json};
use tokio::task::spawn_local;

use super::{World, manifest};
use crate::support::real::eventually;

const CREATE: &str = "/api/eks-create-namespace";
const DELETE: &str = "/api/eks-delete-namespace";
const LIST: &str = "/api/eks-list-namespaces";
const STATUS: &str = "/api/eks-get-namespace-status";

pub(super) async fn a_namespace_is_made_and_found_to_exist(world: Rc<World>) {
    let body = json!({ "namespace_name": "explicit", "labels": { "team": "a" }, "annotations": { "note": "ä b" } });
    let created = world.service.post(CREATE, &body).await.expect_status(201).json();
    assert_eq!((&created["namespace_name"], &created["status"]), (&json!("explicit"), &json!("created")));
    let namespace = world.cluster.admin.get("/api/v1/namespaces/explicit").await.expect_status(200).json();
    assert_eq!(namespace["metadata"]["labels"]["team"], "a");
    assert_eq!(namespace["metadata"]["annotations"]["note"], "ä b");

    let again = world.service.post(CREATE, &body).await.expect_status(409).json();
    assert_eq!(again["reason"], "AlreadyExists");
    assert_eq!(again["detail"], "namespaces \"explicit\" already exists");
}

pub(super) async fn a_missing_namespace_is_made_with_its_first_job(world: Rc<World>) {
    let created = world.create("made-on-demand", &manifest("first", 0)).await.expect_status(201).json();
    assert_eq!(created["namespace"], "made-on-demand");
    world.cluster.admin.get("/api/v1/namespaces/made-on-demand").await.expect_status(200);
    world.create("made-on-demand", &manifest("second", 0)).await.expect_status(201);
}

pub(super) async fn a_missing_namespace_stays_missing_where_making_it_is_switched_off(world: Rc<World>) {
    let service = world.another_service().env("EKS_API_AUTO_CREATE_NAMESPACE", "false").start().await;
    service.ready().await;
    let body = json!({ "job_manifest": manifest("job", 0), "namespace": "stays-missing" });
    let refused = service.post("/api/eks-create-job", &body).await.expect_status(404).json();
    assert_eq!(
        (&refused["reason"], &refused["detail"]),
        (&json!("NotFound"), &json!("namespaces \"stays-missing\" not found"))
    );
    world.cluster.admin.get("/api/v1/namespaces/stays-missing").await.expect_status(404);
}

pub(super) async fn a_deleted_namespace_takes_its_jobs_along(world: Rc<World>) {
    let name = "goes-with-all";
    world.create(name, &manifest(name, 0)).await.expect_status(201);
    let path = format!("{DELETE}?namespace_name={name}");
    let deleted = world.service.delete(&path).await.expect_status(200).json();
    assert_eq!((&deleted["status"], &deleted["phase"]), (&json!("success"), &json!("Terminating")));
    eventually("no namespace", async || {
        (world.cluster.admin.get(&format!("/api/v1/namespaces/{name}")).await.status == 404).then_some(())
    })
    .await;
    world.status(name, name, "").await.expect_status(404);
    let gone = world.service.delete(&path).await.expect_status(404).json();
    assert_eq!(gone["reason"], "NotFound");
}

pub(super) async fn a_terminating_namespace_takes_no_job(world: Rc<World>) {
    let name = "terminating";
    let mut held = manifest(name, 0);
    held["metadata"]["finalizers"] = json!(["example.com/hold"]);
    world.create(name, &held).await.expect_status(201);
    world.service.delete(&format!("{DELETE}?namespace_name={name}")).await.expect_status(200);
    let refused = world.create(name, &manifest("late", 0)).await.expect_status(403).json();
    assert_eq!(refused["reason"], "Forbidden");
    assert!(refused["detail"].as_str().unwrap().contains("because it is being terminated"), "{refused}");

    let job = format!("/apis/batch/v1/namespaces/{name}/jobs/{name}");
    let released = json!({ "metadata": { "finalizers": null } });
    world.cluster.admin.patch(&job, &released).await.expect_status(200);
    eventually("no namespace", async || {
        (world.cluster.admin.get(&format!("/api/v1/namespaces/{name}")).await.status == 404).then_some(())
    })
    .await;
}

pub(super) async fn namespaces_are_listed_with_their_labels(world: Rc<World>) {
    let body = json!({ "namespace_name": "labelled", "labels": { "team": "a" } });
    world.service.post(CREATE, &body).await.expect_status(201);
    let listed = world.service.get(LIST).await.expect_status(200).json();
    let find = |name: &str| {
        let namespaces = listed["namespaces"].as_array().unwrap();
        namespaces.iter().find(|namespace| namespace["namespace_name"] == name).cloned().unwrap()
    };
    assert_eq!(find("default")["phase"], "Active");
    let labelled = find("labelled");
    assert_eq!((&labelled["phase"], &labelled["labels"]["team"]), (&json!("Active"), &json!("a")));
    assert_eq!((&labelled["deletion_timestamp"], &labelled["conditions"]), (&Value::Null, &json!([])));
    let status = world.service.get(&format!("{STATUS}?namespace_name=labelled")).await.expect_status(200).json();
    assert_eq!(status, labelled);
    let missing = world.service.get(&format!("{STATUS}?namespace_name=missing")).await.expect_status(404).json();
    assert_eq!(missing["reason"], "NotFound");
}

pub(super) async fn a_wait_for_a_deletion_ends_when_the_namespace_is_gone(world: Rc<World>) {
    let name = "waited-to-be-gone";
    world.create(name, &manifest(name, 0)).await.expect_status(201);
    let path = format!("{DELETE}?namespace_name={name}&wait=5m");
    let deleted = world.service.delete(&path).await.expect_status(200).json();
    assert_eq!((&deleted["status"], &deleted["phase"]), (&json!("success"), &json!("Deleted")));
    world.cluster.admin.get(&format!("/api/v1/namespaces/{name}")).await.expect_status(404);
    world.service.get(&format!("{STATUS}?namespace_name={name}")).await.expect_status(404);
}

pub(super) async fn a_namespace_that_is_held_says_by_what(world: Rc<World>) {
    let name = "held";
    let mut held = manifest(name, 0);
    held["metadata"]["finalizers"] = json!(["example.com/hold"]);
    world.create(name, &held).await.expect_status(201);
    let path = format!("{DELETE}?namespace_name={name}&wait=500ms");
    let deleted = world.service.delete(&path).await.expect_status(200).json();
    assert_eq!((&deleted["status"], &deleted["phase"]), (&json!("success"), &json!("Terminating")));
    let condition = eventually("what holds the namespace", async || {
        let status = world.service.get(&format!("{STATUS}?namespace_name={name}")).await.expect_status(200).json();
        assert_eq!(status["phase"], "Terminating");
        assert!(status["deletion_timestamp"].as_str().unwrap().ends_with("+00:00"), "{status}");
        let is_it =
            |condition: &&Value| condition["type"] == "NamespaceFinalizersRemaining" && condition["status"] == "True";
        status["conditions"].as_array().unwrap().iter().find(is_it).cloned()
    })
    .await;
    assert_eq!(condition["reason"], "SomeFinalizersRemain");
    assert!(condition["message"].as_str().unwrap().contains("example.com/hold in 1 resource"), "{condition}");

    let asking = Rc::clone(&world);
    let path = format!("{DELETE}?namespace_name={name}&wait=5m");
    let waiting = spawn_local(async move { asking.service.delete(&path).await });
    let job = format!("/apis/batch/v1/namespaces/{name}/jobs/{name}");
    world.cluster.admin.patch(&job, &json!({ "metadata": { "finalizers": null } })).await.expect_status(200);
    assert_eq!(waiting.await.unwrap().expect_status(200).json()["phase"], "Deleted");
}
