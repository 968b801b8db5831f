//! The history of a job that real controllers run, and who may read the audit.

use std::rc::Rc;

use serde_json::{Value, json};

use super::callers::User;
use super::{World, manifest};
use crate::support::real::eventually;
use crate::support::service::{Builder, Folder, Service};

const REVIEW: &str = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
const BINDINGS: &str = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings";
const AUDIT: &str = "/api/eks-list-audit?limit=1";

/// A service with a history in this folder.
pub(super) async fn with_history(builder: Builder, state: &Folder) -> Service {
    let service = builder.env("EKS_API_STATE_DIR", state.path().to_str().unwrap()).start().await;
    service.ready().await;
    eventually("a history that can be used", async || {
        let health = service.get("/health").await.expect_status(200).json();
        (health["checks"]["history"]["status"] == "passed").then_some(())
    })
    .await;
    service
}

pub(super) async fn the_life_of_a_job_is_recorded(world: Rc<World>) {
    let (name, state) = ("recorded", Folder::new());
    let service = with_history(world.another_service(), &state).await;
    let run = async |what: &str, shows: &dyn Fn(&Value) -> bool| {
        eventually(&format!("a run that is {what}"), async || {
            let path = format!("/api/eks-get-job-history?namespace={name}&job_name={name}");
            let reply = service.get(&path).await;
            let run = (reply.status == 200).then(|| reply.json()["runs"][0].take())?;
            shows(&run).then_some(run)
        })
        .await
    };
    let body = json!({ "job_manifest": manifest(name, 0), "namespace": name });
    let created = service.post("/api/eks-create-job", &body).await.expect_status(201).json();
    let pending = run("pending", &|run| run["state"] == "pending").await;
    assert_eq!((&pending["uid"], &pending["images"]), (&created["uid"], &json!({ "c": "busybox" })));
    let kubelet = world.kubelet(name);
    let pod = kubelet.run(name).await;
    run("running", &|run| run["state"] == "running").await;
    kubelet.finish(&pod, 3).await;
    let failed = run("failed", &|run| run["exit_code"] == 3).await;
    assert_eq!((&failed["state"], &failed["reason"]), (&json!("failed"), &json!("BackoffLimitExceeded")));
    assert_eq!((&failed["retries"], &failed["has_gaps"]), (&json!(0), &json!(false)));
    for time in ["queued_ms", "ran_ms"] {
        assert!(failed[time].as_i64().is_some_and(|time| time >= 0 && time % 1000 == 0), "{failed}");
    }
    let path = format!("/api/eks-delete-job?namespace={name}&job_name={name}&propagation_policy=Background");
    service.delete(&path).await.expect_status(200);
    let gone = run("gone", &|run| run["gone_time"].is_string()).await;
    let states: Vec<&str> =
        gone["transitions"].as_array().unwrap().iter().map(|one| one["state"].as_str().unwrap()).collect();
    // Several of them may be of the same second.
    let mut sorted = states.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, ["failed", "gone", "pending", "running"], "{gone}");
    assert_eq!((gone["state"].clone(), gone["exit_code"].clone()), (json!("failed"), json!(3)), "{gone}");
}

/// What the API server says of the non-resource URL to this caller.
async fn is_allowed(world: &World, user: &User) -> bool {
    let asked = json!({ "path": "/eks-api/list_audit", "verb": "get" });
    let review = json!({ "spec": { "nonResourceAttributes": asked } });
    let reply = world.cluster.api_as(&user.token).post(REVIEW, &review).await.expect_status(201).json();
    reply["status"]["allowed"] == true
}

pub(super) async fn only_an_operator_of_rbac_yaml_reads_the_audit(world: Rc<World>) {
    let state = Folder::new();
    let service = with_history(world.another_service().env("EKS_API_AUTH", "kubernetes"), &state).await;
    let admin = &world.cluster.admin;
    // Any caller is in the group system:authenticated.
    let (operator, other) = (User::new(admin, "olga").await, User::new(admin, "pete").await);
    assert!(!is_allowed(&world, &operator).await && !is_allowed(&world, &other).await);
    for user in [&operator, &other] {
        user.get(&service, AUDIT).await.expect_status(403);
    }
    let subject = json!({ "kind": "ServiceAccount", "name": "olga", "namespace": "accounts" });
    let binding = json!({ "metadata": { "name": "operator-olga" }, "subjects": [subject],
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "eks-api-operators" } });
    admin.post(BINDINGS, &binding).await.expect_status(201);
    let reply = eventually("an operator who reads the audit", async || {
        let reply = operator.get(&service, AUDIT).await;
        assert!([200, 403].contains(&reply.status.as_u16()), "{}", reply.text());
        (reply.status == 200).then_some(reply)
    })
    .await;
    assert!(reply.json()["records"].is_array(), "{}", reply.text());
    assert!(is_allowed(&world, &operator).await && !is_allowed(&world, &other).await);
    other.get(&service, AUDIT).await.expect_status(403);
    assert_eq!(service.get(AUDIT).await.status, 401);
}
