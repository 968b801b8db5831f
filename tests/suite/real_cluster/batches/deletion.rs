//! A batch goes with its members, by the garbage collector.

use std::rc::Rc;

use serde_json::json;

use super::{BATCH, World, at, call, create, make_namespace, no_job, whole};
use crate::real_cluster::manifest;
use crate::support::real::eventually;

pub(crate) async fn a_batch_deleted_in_the_foreground_takes_its_members(world: Rc<World>) {
    deletion(&world, "batches-foreground", "").await;
}

pub(crate) async fn a_batch_deleted_in_the_background_takes_its_members(world: Rc<World>) {
    deletion(&world, "batches-background", "&propagation_policy=Background").await;
}

/// Deletes a batch of which one member has a pod that runs on a node.
async fn deletion(world: &World, namespace: &str, more: &str) {
    let admin = &world.cluster.admin;
    make_namespace(admin, namespace).await;
    create(&world.service, &call(namespace, 5)).await.expect_status(201);
    whole(admin, namespace, 5).await;
    let (kubelet, member) = (world.kubelet(namespace), format!("{BATCH}-0003"));
    kubelet.run(&member).await;
    world.service.delete(&at("delete-batch", namespace, more)).await.expect_status(200);
    eventually("no pod of a deleted member", async || (!kubelet.reap(&member).await).then_some(())).await;
    no_job(admin, namespace).await;
    let gone = async || (world.service.get(&at("get-batch-status", namespace, "")).await.status == 404).then_some(());
    eventually("no batch", gone).await;
}

pub(crate) async fn a_member_that_comes_after_its_batch_is_gone_goes_too(world: Rc<World>) {
    let (admin, namespace) = (&world.cluster.admin, "batches-late");
    make_namespace(admin, namespace).await;
    create(&world.service, &call(namespace, 2)).await.expect_status(201);
    let head = whole(admin, namespace, 2).await.swap_remove(0);
    world.service.delete(&at("delete-batch", namespace, "&propagation_policy=Background")).await.expect_status(200);
    no_job(admin, namespace).await;

    let mut late = manifest("nightly-0001", 0);
    late["metadata"]["labels"] = json!({ "app": "eks-api", "eks-api/batch": BATCH });
    late["metadata"]["ownerReferences"] = json!([{ "apiVersion": "batch/v1", "kind": "Job", "name": BATCH,
        "uid": head["uid"], "blockOwnerDeletion": false }]);
    admin.post(&format!("/apis/batch/v1/namespaces/{namespace}/jobs"), &late).await.expect_status(201);
    no_job(admin, namespace).await;
    // The name is free again.
    create(&world.service, &call(namespace, 2)).await.expect_status(201);
    whole(admin, namespace, 2).await;
}
