//! The far API server is stopped.

use std::rc::Rc;

use serde_json::json;

use super::{BOTH, health_of, healthy, sides, with_file};
use crate::real_cluster::World;
use crate::real_cluster::events::Events;
use crate::real_cluster::listing::{idle, path};
use crate::support::real::eventually;

pub(in super::super) async fn a_cluster_that_is_stopped_leaves_the_other_alone(world: Rc<World>) {
    let namespace = "left-alone";
    world.far().await;
    // A call to a server that is away is tried again until it times out.
    let service = healthy(with_file(&world, BOTH).env("EKS_API_REQUEST_TIMEOUT", "2s")).await;
    let [near, far] = sides(&world, &service).await;
    let status = format!("/api/eks-get-job-status?namespace={namespace}&job_name=before");
    for side in [&near, &far] {
        side.create(namespace, &idle("before")).await.expect_status(201);
        side.agreed(namespace).await;
    }
    let known = far.get(&status).await.expect_status(200).json();
    let mut events = Events::open(&service, &format!("namespace={namespace}")).await;

    world.far().await.kill_apiserver();
    let state = eventually("a lost watch", async || {
        let state = health_of(&service, "far").await;
        (state["checks"]["watch"]["status"] == "failed").then_some(state)
    })
    .await;
    assert_eq!((&state["status"], &state["eks_name"]), (&json!("degraded"), &json!("lab-2")));
    let health = service.get("/health").await.expect_status(200).json();
    assert_eq!((&health["status"], &health["cluster"]), (&json!("degraded"), &json!("near")));
    assert!(health["checks"].as_object().unwrap().values().all(|check| check["status"] == "passed"), "{health}");
    assert_eq!(health_of(&service, "near").await["status"], "healthy");
    service.get("/readyz").await.expect_status(200);

    let created = near.create(namespace, &idle("after")).await.expect_status(201).json();
    let told = events.until(|event| event.job["job_name"] == "after").await;
    assert_eq!(told.last().unwrap().job["uid"], created["uid"]);
    events.until_as(&near.agreed(namespace).await).await;
    let refused = far.create(namespace, &idle("after")).await.expect_status(502).json();
    assert_eq!(refused["reason"], "upstream_unreachable");
    assert_eq!(far.get_directly(&path(namespace)).await.expect_status(502).json()["reason"], "upstream_unreachable");
    // What is known of it stays, with its age.
    let reply = far.get(&status).await.expect_status(200);
    assert_eq!((reply.header("x-cache"), reply.header("age").is_some()), (Some("hit"), true));
    assert_eq!(reply.json(), known);
    let query = format!("namespace={namespace}&job_name=before&propagation_policy=Background");
    near.delete(&format!("/api/eks-delete-job?{query}")).await.expect_status(200);
    events.until(|event| event.kind == "deleted").await;
    assert!(!service.logs().iter().any(|line| line.contains("panicked")), "{}", service.logs().join("\n"));
}
