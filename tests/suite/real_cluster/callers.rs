//! Callers with tokens of their own and different rights: what the service lets each of them see and do is what the API
//! server says to the same token, asked past the service.

use std::rc::Rc;

use serde_json::{Value, json};

use super::{World, manifest};
use crate::support::real::{Api, eventually};
use crate::support::service::{Reply, Service};

const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1";
const REVIEW: &str = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
const JSON: (&str, &str) = ("content-type", "application/json");

/// A service account, by its token.
pub(super) struct User {
    name: &'static str,
    pub(super) token: String,
    /// How many of the actions it may do, and how many not.
    expected: (usize, usize),
}

impl User {
    pub(super) async fn new(admin: &Api, name: &'static str) -> Self {
        let accounts = "/api/v1/namespaces/accounts/serviceaccounts";
        // Another scenario may have made it.
        admin.post("/api/v1/namespaces", &json!({ "metadata": { "name": "accounts" } })).await;
        admin.post(accounts, &json!({ "metadata": { "name": name } })).await.expect_status(201);
        let request = json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {} });
        let granted = admin.post(&format!("{accounts}/{name}/token"), &request).await.expect_status(201).json();
        Self { name, token: granted["status"]["token"].as_str().unwrap().to_owned(), expected: (0, 43) }
    }

    /// Allows it these rules in a namespace, or in all.
    pub(super) async fn may(&self, admin: &Api, namespace: Option<&str>, rules: &Value) {
        let (folder, kind) = namespace.map_or_else(
            || (RBAC.to_owned(), "ClusterRole"),
            |namespace| (format!("{RBAC}/namespaces/{namespace}"), "Role"),
        );
        let name = format!("callers-{}", self.name);
        let (kinds, bindings) = (kind.to_lowercase() + "s", kind.to_lowercase() + "bindings");
        let role = json!({ "metadata": { "name": name }, "rules": rules });
        admin.post(&format!("{folder}/{kinds}"), &role).await.expect_status(201);
        let subject = json!({ "kind": "ServiceAccount", "name": self.name, "namespace": "accounts" });
        let binding = json!({ "metadata": { "name": name }, "subjects": [subject],
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name } });
        admin.post(&format!("{folder}/{bindings}"), &binding).await.expect_status(201);
    }

    pub(super) async fn call(&self, service: &Service, method: &str, path: &str, body: &Value) -> Reply {
        let authorization = format!("Bearer {}", self.token);
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let headers = [("authorization", authorization.as_str()), JSON];
        service.send(method, path, &headers[..if body.is_empty() { 1 } else { 2 }], body).await
    }

    pub(super) async fn get(&self, service: &Service, path: &str) -> Reply {
        self.call(service, "GET", path, &Value::Null).await
    }

    /// What the API server says to the token itself.
    async fn is_allowed(&self, world: &World, [verb, resource, namespace, name]: [&str; 4]) -> bool {
        let group = if resource == "jobs" { "batch" } else { "" };
        let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
        let asked = json!({ "verb": verb, "group": group, "resource": resource, "subresource": subresource,
            "namespace": namespace, "name": name });
        let review = json!({ "spec": { "resourceAttributes": asked } });
        let reply = world.cluster.api_as(&self.token).post(REVIEW, &review).await.expect_status(201).json();
        reply["status"]["allowed"] == true
    }
}

/// A second service, in which each caller is who the cluster says.
pub(super) async fn by_token(world: &World) -> Service {
    let service = world.another_service().env("EKS_API_AUTH", "kubernetes").start().await;
    service.ready().await;
    eventually("a service that follows jobs", async || {
        let health = service.get("/health").await.json();
        (health["checks"]["watch"]["status"] == "passed").then_some(())
    })
    .await;
    service
}

/// A call, and all that Kubernetes would want a caller to have for it: verb, resource, namespace, name.
type Action<'a> = (&'a str, String, Value, Vec<[&'a str; 4]>);

fn actions(user: &str) -> Vec<Action<'_>> {
    let job = |namespace: &str, name: &str| json!({ "job_manifest": manifest(name, 0), "namespace": namespace });
    let get = |path: String, needs: Vec<[&'static str; 4]>| ("GET", path, Value::Null, needs);
    let mut actions: Vec<Action<'_>> = Vec::new();
    for (namespace, name) in
        [("callers-a", "one"), ("callers-a", "two"), ("callers-b", "one"), ("callers-b", "two"), ("callers-a", "none")]
    {
        let query = format!("job_name={name}&namespace={namespace}");
        let status = format!("/api/eks-get-job-status?{query}");
        let one = ["get", "jobs", namespace, name];
        let (pods, events) = (["list", "pods", namespace, ""], ["list", "events", namespace, ""]);
        // Of a job that is not there nothing more is asked.
        let with = |more: &[[&'static str; 4]]| {
            let more = more.iter().filter(|_| name != "none");
            std::iter::once(&one).chain(more).copied().collect()
        };
        actions.extend([
            get(status.clone(), vec![one]),
            get(format!("{status}&wait=1ms"), vec![one]),
            get(format!("/api/eks-get-job-logs?{query}"), with(&[pods])),
            get(format!("{status}&details=true"), with(&[pods, events])),
            get(
                format!("/api/eks-watch-jobs?{query}"),
                vec![["list", "jobs", namespace, name], ["watch", "jobs", namespace, name]],
            ),
            ("POST", format!("/api/eks-suspend-job?{query}"), Value::Null, vec![["patch", "jobs", namespace, name]]),
        ]);
    }
    for namespace in ["callers-a", "callers-b", ""] {
        let query = if namespace.is_empty() { String::new() } else { format!("?namespace={namespace}") };
        let list = ["list", "jobs", namespace, ""];
        actions.push(get(format!("/api/eks-list-jobs{query}"), vec![list]));
        actions.push(get(format!("/api/eks-watch-jobs{query}"), vec![list, ["watch", "jobs", namespace, ""]]));
    }
    for namespace in ["callers-a", "callers-b"] {
        let path = format!("/api/eks-get-namespace-status?namespace_name={namespace}");
        actions.push(get(path, vec![["get", "namespaces", namespace, namespace]]));
        let (create, delete) = (["create", "jobs", namespace, ""], ["delete", "jobs", namespace, "none"]);
        actions.push(("POST", "/api/eks-create-job".into(), job(namespace, &format!("by-{user}")), vec![create]));
        let path = format!("/api/eks-delete-job?job_name=none&namespace={namespace}");
        actions.push(("DELETE", path, Value::Null, vec![delete]));
    }
    actions.push(get("/api/eks-list-namespaces".into(), vec![["list", "namespaces", "", ""]]));
    actions
}

/// Alice has one namespace, bob reads all and writes in the other, carol has one job by its name, and dan has nothing.
async fn users(admin: &Api) -> [User; 4] {
    for namespace in ["callers-a", "callers-b"] {
        let namespace = json!({ "metadata": { "name": namespace } });
        admin.post("/api/v1/namespaces", &namespace).await.expect_status(201);
    }
    let rule = |verbs: &[&str], group: &str, resource: &str| json!({ "verbs": verbs, "apiGroups": [group], "resources": [resource] });
    let write = ["create", "get", "list", "watch", "patch", "delete"];
    let alice = User { expected: (22, 21), ..User::new(admin, "alice").await };
    let rules = json!([rule(&write, "batch", "jobs"), rule(&["list"], "", "pods"), rule(&["list"], "", "events")]);
    alice.may(admin, Some("callers-a"), &rules).await;
    let bob = User { expected: (26, 17), ..User::new(admin, "bob").await };
    let rules = json!([rule(&["get", "list", "watch"], "batch", "jobs"), rule(&["list"], "", "namespaces")]);
    bob.may(admin, None, &rules).await;
    bob.may(admin, Some("callers-b"), &json!([rule(&["create", "delete"], "batch", "jobs")])).await;
    let carol = User { expected: (3, 40), ..User::new(admin, "carol").await };
    let mut named = rule(&["get", "list", "watch"], "batch", "jobs");
    named["resourceNames"] = json!(["one"]);
    carol.may(admin, Some("callers-a"), &json!([named])).await;
    [alice, bob, carol, User::new(admin, "dan").await]
}

/// The jobs of these namespaces in a list, as `namespace/name`.
fn named(items: &[Value], namespace: fn(&Value) -> &Value, name: fn(&Value) -> &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let names = items.iter().map(|item| format!("{}/{}", text(namespace(item)), text(name(item))));
    let mut names: Vec<String> = names.filter(|name| name.starts_with("callers-")).collect();
    names.sort();
    names
}

pub(super) async fn each_caller_sees_and_does_exactly_what_rbac_lets_it(world: Rc<World>) {
    let (users, service) = (users(&world.cluster.admin).await, by_token(&world).await);
    for namespace in ["callers-a", "callers-b"] {
        for name in ["one", "two"] {
            world.create(namespace, &manifest(name, 0)).await.expect_status(201);
        }
    }
    let known = async || users[1].get(&service, "/api/eks-list-jobs").await;
    eventually("jobs that are known", async || (known().await.text().matches("\"callers-").count() >= 4).then_some(()))
        .await;
    // The second time the cluster's word on what is answered from memory is remembered.
    for round in 0..2 {
        for user in &users {
            let (mut seen, mut refused) = (0, 0);
            for (method, path, body, needs) in actions(user.name) {
                let mut allowed = true;
                for needed in needs {
                    allowed &= user.is_allowed(&world, needed).await;
                }
                let context = format!("{} {method} {path}, round {round}", user.name);
                // A stream is one that goes on; its head alone is asked for.
                let method = if path.contains("eks-watch-jobs") { "HEAD" } else { method };
                let reply = user.call(&service, method, &path, &body).await;
                assert_eq!(reply.status != 403, allowed, "{context}: {} {}", reply.status, reply.text());
                assert!(![401, 502, 504].contains(&reply.status.as_u16()) || path.contains("suspend"), "{context}");
                if allowed && path.contains("job-status") && !path.contains("details") && !path.contains("none") {
                    assert_eq!(reply.header("x-cache"), Some("hit"), "{context}");
                }
                *(if allowed { &mut seen } else { &mut refused }) += 1;
            }
            // So that nobody is let, or refused, all of it by mistake.
            assert_eq!((seen, refused), user.expected, "{}", user.name);
        }
    }
    let listed = known().await.expect_status(200).json()["jobs"].as_array().unwrap().clone();
    let direct = world.cluster.api_as(&users[1].token).list("/apis/batch/v1/jobs?labelSelector=app%3Deks-api").await;
    let listed = named(&listed, |job| &job["namespace"], |job| &job["job_name"]);
    assert_eq!(listed, named(&direct, |job| &job["metadata"]["namespace"], |job| &job["metadata"]["name"]));
    assert_eq!(listed.len(), 6, "{listed:?}");
}

pub(super) async fn a_missing_namespace_is_made_with_the_callers_own_right(world: Rc<World>) {
    let service = by_token(&world).await;
    for (name, verbs, status) in [("erin", json!(["create", "get"]), 201), ("frank", json!(["get"]), 403)] {
        let user = User::new(&world.cluster.admin, name).await;
        let jobs = json!({ "verbs": ["create"], "apiGroups": ["batch"], "resources": ["jobs"] });
        let namespaces = json!({ "verbs": verbs, "apiGroups": [""], "resources": ["namespaces"] });
        user.may(&world.cluster.admin, None, &json!([jobs, namespaces])).await;
        let namespace = format!("made-by-{name}");
        let body = json!({ "job_manifest": manifest("job", 0), "namespace": namespace });
        // Rights count as soon as the API server has heard of them.
        let reply = eventually("rights that count", async || {
            let reply = user.call(&service, "POST", "/api/eks-create-job", &body).await;
            (!reply.text().contains("cannot create resource \\\"jobs\\\"")).then_some(reply)
        })
        .await
        .expect_status(status);
        let made = world.cluster.admin.get(&format!("/api/v1/namespaces/{namespace}")).await;
        assert_eq!(made.status, if status == 201 { 200 } else { 404 });
        if status == 403 {
            let detail = reply.json()["detail"].as_str().unwrap().to_owned();
            let who = "User \"system:serviceaccount:accounts:frank\" cannot create resource \"namespaces\"";
            assert!(detail.contains(who), "{detail}");
        }
    }
}

pub(super) async fn a_right_that_is_taken_away_is_gone_from_what_is_remembered_too(world: Rc<World>) {
    let service = by_token(&world).await;
    let user = User::new(&world.cluster.admin, "gina").await;
    let rule = json!({ "verbs": ["get"], "apiGroups": ["batch"], "resources": ["jobs"] });
    world.create("gone-for-gina", &manifest("job", 0)).await.expect_status(201);
    user.may(&world.cluster.admin, Some("gone-for-gina"), &json!([rule])).await;
    let path = "/api/eks-get-job-status?job_name=job&namespace=gone-for-gina";
    let sees = async |status: u16| {
        eventually("the right that counts", async || {
            let reply = user.get(&service, path).await;
            assert!([200, 403].contains(&reply.status.as_u16()), "{}", reply.text());
            (reply.status == status).then_some(reply)
        })
        .await
    };
    assert_eq!(sees(200).await.header("x-cache"), Some("hit"));
    let binding = format!("{RBAC}/namespaces/gone-for-gina/rolebindings/callers-gina");
    world.cluster.admin.delete(&binding).await.expect_status(200);
    sees(403).await;
    let unknown = User { token: format!("{}x", user.token), ..user };
    unknown.get(&service, path).await.expect_status(401);
}
