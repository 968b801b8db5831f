//! Callers with tokens of their own. In both clusters there is an account of the same name with the same rights.

use std::rc::Rc;

use serde_json::{Value, json};

use super::{BOTH, sides, with_file};
use crate::real_cluster::World;
use crate::real_cluster::access::serves;
use crate::real_cluster::callers::User;
use crate::real_cluster::listing::idle;
use crate::support::real::eventually;

pub(in super::super) async fn a_token_of_a_caller_is_good_in_its_own_cluster_only(world: Rc<World>) {
    let namespace = "owned-by-twins";
    world.far().await;
    let service = with_file(&world, BOTH).env("EKS_API_AUTH", "kubernetes").start().await;
    serves(&service).await;
    let sides = sides(&world, &service).await;
    let rules = json!([{ "verbs": ["*"], "apiGroups": ["batch"], "resources": ["jobs"] }]);
    let mut users = Vec::new();
    for side in &sides {
        let body = json!({ "metadata": { "name": namespace } });
        side.admin.post("/api/v1/namespaces", &body).await.expect_status(201);
        let user = User::new(side.admin, "twin").await;
        user.may(side.admin, Some(namespace), &rules).await;
        users.push(user);
    }
    let mut uids = Vec::new();
    for (side, user) in sides.iter().zip(&users) {
        let body = json!({ "job_manifest": idle("job"), "namespace": namespace, "cluster": side.name });
        // Rights count as soon as the API server has heard of them.
        let created = eventually("rights that count", async || {
            let reply = user.call(&service, "POST", "/api/eks-create-job", &body).await;
            assert!([201, 403].contains(&reply.status.as_u16()), "{}", reply.text());
            (reply.status == 201).then(|| reply.json())
        })
        .await;
        assert_eq!(created["cluster"], side.name);
        uids.push(created["uid"].clone());
    }
    let query = format!("namespace={namespace}&job_name=job");
    let status = format!("/api/eks-get-job-status?{query}");
    // The second time the reviews of the first are remembered.
    for _ in 0..2 {
        for (index, side) in sides.iter().enumerate() {
            let (own, other) = (&users[index], &users[1 - index]);
            let seen = eventually("a status from the cache", async || {
                let reply = own.get(&service, &side.path(&status)).await.expect_status(200);
                (reply.header("x-cache") == Some("hit")).then(|| reply.json())
            })
            .await;
            assert_eq!((&seen["cluster"], &seen["uid"]), (&json!(side.name), &uids[index]));
            let body = json!({ "job_manifest": idle("theirs"), "namespace": namespace });
            for (method, path, body) in [
                ("GET", status.clone(), &Value::Null),
                ("GET", format!("/api/eks-list-jobs?namespace={namespace}"), &Value::Null),
                ("GET", format!("/api/eks-watch-jobs?namespace={namespace}"), &Value::Null),
                ("GET", "/api/eks-list-clusters".to_owned(), &Value::Null),
                ("POST", "/api/eks-create-job".to_owned(), &body),
                ("DELETE", format!("/api/eks-delete-job?{query}"), &Value::Null),
            ] {
                let refused = other.call(&service, method, &side.path(&path), body).await.expect_status(401).json();
                assert_eq!(refused["reason"], "Unauthorized", "{method} {path}");
            }
            side.admin.get(&format!("/apis/batch/v1/namespaces/{namespace}/jobs/theirs")).await.expect_status(404);
        }
    }
    // Without `cluster` the token goes to the default.
    assert_eq!(users[0].get(&service, &status).await.expect_status(200).json()["uid"], uids[0]);
    users[1].get(&service, &status).await.expect_status(401);
}
