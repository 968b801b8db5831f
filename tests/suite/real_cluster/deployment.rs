//! What deploy/ holds for a cluster: it is taken, and is enough.
//!
//! Strict is meant here whatever the server's age: it is asked for strict field validation, which it knows from 1.25 on,
//! and what it stored must have every field that was sent, as older servers drop in silence what they do not know.

use std::rc::Rc;

use serde_json::{Value, json};

use super::access::{command, serves, signing_with};
use super::{World, manifest, tell};
use crate::support::manifests::manifests;
use crate::support::real::{Api, Webhook, eventually};
use crate::support::service::Service;

/// Where objects of this kind are made.
fn collection(object: &Value) -> String {
    let [version, kind] = ["apiVersion", "kind"].map(|name| object[name].as_str().unwrap());
    let root = if version.contains('/') { format!("/apis/{version}") } else { format!("/api/{version}") };
    let plural = match kind {
        "NetworkPolicy" => "networkpolicies".to_owned(),
        kind => format!("{}s", kind.to_lowercase()),
    };
    match object["metadata"]["namespace"].as_str() {
        Some(namespace) => format!("{root}/namespaces/{namespace}/{plural}"),
        None => format!("{root}/{plural}"),
    }
}

/// Says where something that was sent is missing or is another.
fn lost(sent: &Value, stored: &Value, at: &str) -> Option<String> {
    match (sent, stored) {
        (Value::Object(sent), Value::Object(stored)) => sent.iter().find_map(|(name, value)| {
            let at = format!("{at}.{name}");
            stored.get(name).map_or_else(|| Some(at.clone()), |stored| lost(value, stored, &at))
        }),
        (Value::Array(sent), Value::Array(stored)) if sent.len() == stored.len() => {
            let pairs = sent.iter().zip(stored).enumerate();
            pairs.into_iter().find_map(|(index, (sent, stored))| lost(sent, stored, &format!("{at}[{index}]")))
        }
        _ => (sent != stored).then(|| format!("{at}: {sent} became {stored}")),
    }
}

/// Makes every object of the file, and finds all of it stored.
pub(super) async fn apply(api: &Api, file: &str) {
    apply_some(api, file, |_| true).await;
}

async fn apply_some(api: &Api, file: &str, is_wanted: impl Fn(&Value) -> bool) {
    for mut object in manifests(file).into_iter().filter(is_wanted) {
        let strictly = |object: &Value| format!("{}?fieldValidation=Strict", collection(object));
        let mut reply = api.post(&strictly(&object), &object).await;
        if reply.status == 404 && object["apiVersion"] == "policy/v1" {
            tell("real_cluster: policy/v1 is not known to this server, and policy/v1beta1 takes its place");
            object["apiVersion"] = json!("policy/v1beta1");
            reply = api.post(&strictly(&object), &object).await;
        }
        let stored = reply.expect_status(201).json();
        let lost = lost(&object, &stored, object["kind"].as_str().unwrap());
        assert_eq!(lost, None, "{file}");
    }
}

pub(super) async fn the_manifests_are_taken_whole(world: Rc<World>) {
    apply(&world.cluster.admin, "deploy/kubernetes.yaml").await;
    // The other objects are those of the file above.
    apply_some(&world.cluster.admin, "deploy/kubernetes-history.yaml", |object| object["kind"] == "StatefulSet").await;
    // What is not known would be found.
    let typo = json!({ "apiVersion": "v1", "kind": "ServiceAccount",
        "metadata": { "name": "typo", "namespace": "eks-api" }, "automountServiceAccountTokens": false });
    let reply = world.cluster.admin.post(&format!("{}?fieldValidation=Strict", collection(&typo)), &typo).await;
    assert!(reply.status == 400 || lost(&typo, &reply.json(), "").is_some(), "{}", reply.text());
}

/// As deploy/kubernetes.yaml has it, and with no more than deploy/rbac.yaml gives to such a service.
pub(super) async fn a_service_that_only_follows_serves_callers_with_rights_of_their_own(world: Rc<World>) {
    let builder = signing_with(world.another_service(), &Webhook::follower_key());
    let service = builder.env("EKS_API_AUTH", "kubernetes").start().await;
    serves(&service).await;
    eventually("a healthy service", async || {
        let health = service.get("/health").await.expect_status(200).json();
        (health["status"] == "healthy").then_some(())
    })
    .await;

    let body = json!({ "job_manifest": manifest("theirs", 0), "namespace": "followed" }).to_string();
    service.send("POST", "/api/eks-create-job", JSON, body.clone()).await.expect_status(401);
    let stranger = token(&world, &Webhook::stranger_key()).await;
    as_caller(&service, &stranger, "POST", "/api/eks-create-job", &body).await.expect_status(403);
    let caller = token(&world, &Webhook::service_key()).await;
    as_caller(&service, &caller, "POST", "/api/eks-create-job", &body).await.expect_status(201);
    let job = "namespace=followed&job_name=theirs";
    for (method, path) in [
        ("GET", format!("/api/eks-get-job-status?{job}")),
        ("GET", format!("/api/eks-get-job-status?{job}&details=true")),
        ("GET", "/api/eks-list-jobs?namespace=followed".to_owned()),
        ("GET", "/api/eks-list-namespaces".to_owned()),
        ("GET", "/api/eks-get-namespace-status?namespace_name=followed".to_owned()),
        ("DELETE", format!("/api/eks-delete-job?{job}&propagation_policy=Background")),
    ] {
        as_caller(&service, &stranger, method, &path, "").await.expect_status(403);
        as_caller(&service, &caller, method, &path, "").await.expect_status(200);
    }
    let path = "/api/eks-list-templates?namespace=followed";
    let list = as_caller(&service, &stranger, "GET", path, "").await.expect_status(200).json();
    let warning = list["warnings"][0].as_str().unwrap();
    assert!(warning.contains("cannot list resource \"cronjobs\""), "{list}");
    let list = as_caller(&service, &caller, "GET", path, "").await.expect_status(200).json();
    // Before 1.21 a server has no CronJobs of batch/v1.
    let is_old = list["warnings"][0].as_str().is_some_and(|warning| warning.ends_with("from 1.21"));
    assert!(is_old || list["warnings"] == json!([]), "{list}");
}

const JSON: &[(&str, &str)] = &[("content-type", "application/json")];

async fn token(world: &World, key: &crate::support::judge::Key) -> String {
    let (printed_it, printed) = command(world, key, "token").await;
    assert!(printed_it, "{printed}");
    let credential: Value = serde_json::from_str(&printed).unwrap();
    format!("Bearer {}", credential["status"]["token"].as_str().unwrap())
}

async fn as_caller(
    service: &Service,
    token: &str,
    method: &str,
    path: &str,
    body: &str,
) -> crate::support::service::Reply {
    let headers = [JSON[0], ("authorization", token)];
    service.send(method, path, &headers, body.to_owned()).await
}
