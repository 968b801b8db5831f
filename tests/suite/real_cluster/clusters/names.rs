//! Namespaces, jobs, idempotency keys and page tokens of two clusters whose objects have the same names.

use std::rc::Rc;

use serde_json::{Value, json};
use tokio::task::{JoinHandle, spawn_local};

use super::{Side, both, sides};
use crate::real_cluster::World;
use crate::real_cluster::events::Events;
use crate::real_cluster::listing::{idle, path};
use crate::real_cluster::outages::Stage;
use crate::support::service::{Reply, Service};

const NAMESPACE: &str = "twins";
const STATUS: &str = "/api/eks-get-job-status?namespace=twins&job_name=twin";

pub(in super::super) async fn the_same_names_in_two_clusters_are_never_mixed_up(world: Rc<World>) {
    let service = Rc::new(both(&world).await);
    let sides = sides(&world, &service).await;
    a_namespace_is_made_in_one_cluster(&sides).await;
    let mut events =
        [Events::open(&service, "namespace=twins").await, Events::open(&service, "namespace=twins&cluster=far").await];
    let uids = jobs_of_one_name_are_two(&sides, &mut events).await;
    let ids = a_wait_ends_with_the_job_of_its_cluster(&service, &sides, &mut events).await;
    a_job_is_deleted_in_one_cluster(&sides, &uids).await;
    let gone = events[1].until(|event| event.kind == "deleted").await;
    assert_eq!(gone.last().unwrap().job["uid"], uids[1]);
    assert!(events[1].picture.is_empty());
    // The id of an event means nothing in the other cluster.
    let query = "namespace=twins&cluster=far";
    assert_eq!(Events::first_after(&service, query, &ids[1]).await.kind, "deleted");
    assert_eq!(Events::first_after(&service, query, &ids[0]).await.kind, "reset");
    an_idempotency_key_makes_a_job_in_each_cluster(&sides).await;
    events[0].until_as(&sides[0].agreed(NAMESPACE).await).await;
    a_namespace_is_deleted_in_one_cluster(&sides).await;
}

async fn a_namespace_is_made_in_one_cluster([near, far]: &[Side<'_>; 2]) {
    let body = json!({ "namespace_name": NAMESPACE, "cluster": "far" });
    let created = far.service.post("/api/eks-create-namespace", &body).await.expect_status(201).json();
    assert_eq!(created["cluster"], "far");
    far.admin.get("/api/v1/namespaces/twins").await.expect_status(200);
    near.admin.get("/api/v1/namespaces/twins").await.expect_status(404);
    let status = "/api/eks-get-namespace-status?namespace_name=twins";
    near.service.get(status).await.expect_status(404);
    near.get(status).await.expect_status(404);
    assert_eq!(far.get(status).await.expect_status(200).json()["cluster"], "far");
    for (side, has_it) in [(near, false), (far, true)] {
        let listed = side.get("/api/eks-list-namespaces").await.expect_status(200).json();
        assert_eq!(listed["cluster"], side.name);
        let mut namespaces = listed["namespaces"].as_array().unwrap().iter();
        assert_eq!(namespaces.any(|namespace| namespace["namespace_name"] == NAMESPACE), has_it);
    }
}

/// Creates `twin` in both clusters, and returns the uids.
async fn jobs_of_one_name_are_two(sides: &[Side<'_>; 2], events: &mut [Events; 2]) -> [Value; 2] {
    let service = sides[0].service;
    let body = json!({ "job_manifest": idle("twin"), "namespace": NAMESPACE });
    // Without `cluster` it is the default.
    let near = service.post("/api/eks-create-job", &body).await.expect_status(201).json();
    assert_eq!(sides[1].get(STATUS).await.expect_status(404).json()["reason"], "NotFound");
    let far = sides[1].create(NAMESPACE, &idle("twin")).await.expect_status(201).json();
    assert_eq!((&near["cluster"], &far["cluster"]), (&json!("near"), &json!("far")));
    let uids = [near["uid"].clone(), far["uid"].clone()];
    assert_ne!(uids[0], uids[1]);
    for ((side, uid), events) in sides.iter().zip(&uids).zip(events) {
        let job = side.admin.get("/apis/batch/v1/namespaces/twins/jobs/twin").await.expect_status(200).json();
        assert_eq!(job["metadata"]["uid"], *uid);
        let listed = side.agreed(NAMESPACE).await;
        assert_eq!((&listed["cluster"], listed["jobs"].as_array().unwrap().len()), (&json!(side.name), 1));
        for status in [&side.get(STATUS).await, &side.get_directly(STATUS).await] {
            let status = status.clone().expect_status(200).json();
            assert_eq!((&status["cluster"], &status["uid"]), (&json!(side.name), uid));
        }
        let told = events.until_as(&listed).await;
        assert!(told.iter().all(|event| event.job["cluster"] == side.name && event.job["uid"] == *uid), "{told:?}");
    }
    assert_eq!(service.get(STATUS).await.expect_status(200).json()["uid"], uids[0]);
    uids
}

fn ask(service: &Rc<Service>, path: String) -> JoinHandle<Reply> {
    let service = Rc::clone(service);
    spawn_local(async move { service.get(&path).await })
}

/// Completes the far job, then the near one. Returns the ids of the events that told it.
async fn a_wait_ends_with_the_job_of_its_cluster(
    service: &Rc<Service>,
    [near, far]: &[Side<'_>; 2],
    [near_events, far_events]: &mut [Events; 2],
) -> [String; 2] {
    let [near_wait, far_wait] = [near, far].map(|side| ask(service, side.path(&format!("{STATUS}&wait=5m"))));
    let far_id = complete(far, far_wait, far_events).await;
    assert!(!near_wait.is_finished(), "the near job is not completed");
    assert_ne!(near.get(STATUS).await.expect_status(200).json()["state"], "completed");
    [complete(near, near_wait, near_events).await, far_id]
}

async fn complete(side: &Side<'_>, waiting: JoinHandle<Reply>, events: &mut Events) -> String {
    Stage { namespace: NAMESPACE, admin: side.admin }.complete("twin").await;
    let reply = waiting.await.unwrap().expect_status(200).json();
    assert_eq!((&reply["cluster"], &reply["state"]), (&json!(side.name), &json!("completed")));
    let told = events.until(|event| event.job["state"] == "completed").await;
    let last = told.last().unwrap();
    assert_eq!(last.job["uid"], reply["uid"]);
    last.id.clone()
}

async fn a_job_is_deleted_in_one_cluster([near, far]: &[Side<'_>; 2], uids: &[Value; 2]) {
    let delete = "/api/eks-delete-job?namespace=twins&job_name=twin&propagation_policy=Background";
    let [of_near, of_far] = uids.each_ref().map(|uid| format!("{delete}&uid={}", uid.as_str().unwrap()));
    for (side, uid_of_the_other) in [(near, &of_far), (far, &of_near)] {
        assert_eq!(side.delete(uid_of_the_other).await.expect_status(409).json()["reason"], "Conflict");
    }
    assert_eq!(far.delete(&of_far).await.expect_status(200).json()["cluster"], "far");
    let job = "/apis/batch/v1/namespaces/twins/jobs/twin";
    far.admin.get(job).await.expect_status(404);
    assert_eq!(near.admin.get(job).await.expect_status(200).json()["metadata"]["uid"], uids[0]);
    for reply in [far.get(STATUS).await, far.get_directly(STATUS).await] {
        reply.expect_status(404);
    }
    for reply in [near.get(STATUS).await, near.get_directly(STATUS).await] {
        assert_eq!(reply.expect_status(200).json()["uid"], uids[0]);
    }
}

async fn an_idempotency_key_makes_a_job_in_each_cluster(sides: &[Side<'_>; 2]) {
    let body = json!({ "job_manifest": idle("once"), "namespace": NAMESPACE }).to_string();
    let headers = [("content-type", "application/json"), ("idempotency-key", "once")];
    let send = async |side: &Side<'_>, status: u16| {
        let reply = side.service.send("POST", &side.path("/api/eks-create-job"), &headers, body.clone()).await;
        let created = reply.expect_status(status).json();
        assert_eq!(created["cluster"], side.name);
        created["uid"].clone()
    };
    let first = [send(&sides[0], 201).await, send(&sides[1], 201).await];
    assert_ne!(first[0], first[1]);
    assert_eq!([send(&sides[0], 200).await, send(&sides[1], 200).await], first);
}

async fn a_namespace_is_deleted_in_one_cluster([near, far]: &[Side<'_>; 2]) {
    let deleted = far.delete("/api/eks-delete-namespace?namespace_name=twins").await.expect_status(200).json();
    assert_eq!((&deleted["cluster"], &deleted["phase"]), (&json!("far"), &json!("Terminating")));
    for (side, phase) in [(near, "Active"), (far, "Terminating")] {
        let status = side.get("/api/eks-get-namespace-status?namespace_name=twins").await.expect_status(200).json();
        assert_eq!((&status["cluster"], &status["phase"]), (&json!(side.name), &json!(phase)));
    }
    assert_eq!(far.create(NAMESPACE, &idle("late")).await.expect_status(403).json()["reason"], "Forbidden");
    near.create(NAMESPACE, &idle("late")).await.expect_status(201);
}

/// The cache's page tokens as well as those with the API server's own `continue`.
pub(in super::super) async fn a_page_token_is_good_in_its_own_cluster_only(world: Rc<World>) {
    const FRESH: &[(&str, &str)] = &[("cache-control", "no-cache")];
    let namespace = "pages-of-twins";
    let service = both(&world).await;
    let sides = sides(&world, &service).await;
    for side in &sides {
        for name in ["a", "b", "c"] {
            side.create(namespace, &idle(name)).await.expect_status(201);
        }
        side.agreed(namespace).await;
    }
    for headers in [&[][..], FRESH] {
        let page = async |side: &Side<'_>, more: &str| {
            service.send("GET", &side.path(&format!("{}&limit=2{more}", path(namespace))), headers, "").await
        };
        for (own, other) in [(&sides[0], &sides[1]), (&sides[1], &sides[0])] {
            let first = page(own, "").await.expect_status(200).json();
            let more = format!("&continue={}", first["continue"].as_str().unwrap());
            let rest = page(own, &more).await.expect_status(200).json();
            let names = |listed: &Value| -> Vec<Value> {
                listed["jobs"].as_array().unwrap().iter().map(|job| job["job_name"].clone()).collect()
            };
            let mut all = [names(&first), names(&rest)].concat();
            all.sort_by_key(Value::to_string);
            assert_eq!((all, &rest["cluster"]), (vec![json!("a"), json!("b"), json!("c")], &json!(own.name)));
            let refused = page(other, &more).await.expect_status(400).json();
            assert!(refused["detail"].as_str().unwrap().contains("for this cluster"), "{refused}");
        }
    }
}
