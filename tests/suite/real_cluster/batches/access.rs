//! Batches of callers with tokens of their own.

use std::rc::Rc;

use serde_json::{Value, json};

use super::{World, at, call, jobs, make_namespace, whole};
use crate::real_cluster::callers::{User, by_token};
use crate::support::real::eventually;

/// Peggy may create and see, victor may see, and trent may do nothing.
pub(crate) async fn a_batch_is_made_with_the_callers_own_rights(world: Rc<World>) {
    let (admin, namespace) = (&world.cluster.admin, "batches-callers");
    make_namespace(admin, namespace).await;
    let service = by_token(&world).await;
    let rule = |verbs: &[&str]| json!([{ "verbs": verbs, "apiGroups": ["batch"], "resources": ["jobs"] }]);
    let [peggy, victor, trent] =
        [User::new(admin, "peggy").await, User::new(admin, "victor").await, User::new(admin, "trent").await];
    victor.may(admin, Some(namespace), &rule(&["get", "list"])).await;
    peggy.may(admin, Some(namespace), &rule(&["create", "get", "list"])).await;
    let (body, read) = (call(namespace, 4), at("get-batch-status", namespace, ""));
    for user in [&victor, &trent] {
        user.call(&service, "POST", "/api/eks-create-batch", &body).await.expect_status(403);
    }
    assert_eq!(jobs(admin, namespace).await, [Value::Null; 0], "not even a head");

    // Rights count as soon as the API server has heard of them.
    eventually("rights that count", async || {
        let reply = peggy.call(&service, "POST", "/api/eks-create-batch", &body).await;
        assert!([201, 403].contains(&reply.status.as_u16()), "{}", reply.text());
        (reply.status == 201).then_some(())
    })
    .await;
    whole(admin, namespace, 4).await;
    for (user, status) in [(&peggy, 200), (&victor, 200), (&trent, 403)] {
        user.get(&service, &read).await.expect_status(status);
        user.get(&service, &format!("/api/eks-list-batches?namespace={namespace}")).await.expect_status(status);
    }
    for user in [&peggy, &victor, &trent] {
        let delete = at("delete-batch", namespace, "");
        user.call(&service, "DELETE", &delete, &Value::Null).await.expect_status(403);
    }
    whole(admin, namespace, 4).await;
}
