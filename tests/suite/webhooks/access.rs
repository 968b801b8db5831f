//! Who may make the calls about webhooks, and the deliveries of which clusters and namespaces each caller sees.

use serde_json::{Value, json};

use super::site::Files;
use crate::access::{ALICE, BOB, Key, ask, bearer, keygen, keygen_with, told, with_keys, with_users};
use crate::calls::{CREATE_JOB, manifest, nameless};
use crate::given::BINARY;
use crate::history::site::{at, completed, old_job, running};
use crate::live::until;
use crate::support::Lab;
use crate::support::clusters::Clusters;
use crate::support::receiver::Receiver;
use crate::support::service::{Folder, Reply, Service};
use crate::support::stub::{Right, StubCluster};

const LIST: &str = "/api/eks-list-webhooks";
const DELIVERIES: &str = "/api/eks-list-deliveries";
const REDELIVER: &str = "/api/eks-redeliver";
const TEST: &str = "/api/eks-test-webhook?webhook=ops";
const SINCE: &str = "2026-01-01T00:00:00Z";

/// The method, the path and the body of each call.
fn calls() -> [(&'static str, &'static str, Option<Value>); 4] {
    let since = json!({ "webhook": "ops", "since": SINCE });
    [("GET", LIST, None), ("GET", DELIVERIES, None), ("POST", REDELIVER, Some(since)), ("POST", TEST, None)]
}

/// The settings of a service with a history and webhooks.
fn settings<'a>(state: &'a Folder, files: &'a str) -> [(&'static str, &'a str); 2] {
    [("EKS_API_STATE_DIR", state.path().to_str().unwrap()), ("EKS_API_WEBHOOKS_FILE", files)]
}

async fn get(service: &Service, key: &Key, path: &str) -> Reply {
    service.send("GET", path, &[("x-api-key", key.secret.as_str())], "").await
}

async fn post(service: &Service, key: &Key, path: &str, body: &Value) -> Reply {
    let headers = [("x-api-key", key.secret.as_str()), ("content-type", "application/json")];
    service.send("POST", path, &headers, body.to_string()).await
}

/// Waits until the history knows this job, so that it was compared with the cluster.
async fn until_known(service: &Service, key: &Key, path: &str) {
    let is_known = |reply: &Reply| reply.status == 200 && reply.json()["runs"][0]["state"] == "running";
    until(async || get(service, key, path).await, is_known).await;
}

/// Waits until the endpoint got all of so many deliveries that this caller sees.
async fn until_delivered(service: &Service, key: &Key, count: usize) -> Vec<Value> {
    let listed = |reply: &Reply| reply.json()["deliveries"].as_array().unwrap().clone();
    let path = format!("{DELIVERIES}?state=delivered");
    let reply = until(async || get(service, key, &path).await, |reply| listed(reply).len() == count).await;
    listed(&reply)
}

fn in_namespace(namespace: &str, name: &str, status: &Value) -> Value {
    let mut job = old_job(name, status);
    job["metadata"]["namespace"] = json!(namespace);
    job
}

fn complete(cluster: &StubCluster, namespace: &str, name: &str) {
    cluster.put_job(in_namespace(namespace, name, &completed(&at(1), &at(2))));
}

#[tokio::test]
async fn a_key_needs_the_role_admin() {
    let (state, receiver) = (Folder::new(), Receiver::start());
    let files = Files::new(&[("ops", &receiver, "")]);
    let file = files.path("webhooks");
    let keys = [
        keygen("reader", "read", "*").await,
        keygen_with("runner", "run", "*", &["--templates", "*"]).await,
        keygen("writer", "write", "*").await,
        keygen("boss", "admin", "*").await,
    ];
    let lab = with_keys(&keys.each_ref(), &settings(&state, file.to_str().unwrap())).await;
    let [others @ .., admin] = &keys;
    for (method, path, body) in calls() {
        let call = async |lines: &str| ask(&lab.service, method, path, lines, body.as_ref()).await;
        let (status, reason, _) = told(&call("").await);
        assert_eq!((status, reason.as_str()), (401, "Unauthorized"), "{path}");
        for key in others {
            let (status, reason, _) = told(&call(&bearer(&key.secret)).await);
            assert_eq!((status, reason.as_str()), (403, "role_not_sufficient"), "{path}");
        }
    }
    assert_eq!(receiver.connections(), 0);
    until(async || get(&lab.service, admin, LIST).await, |reply| reply.status == 200).await;
    for (method, path, body) in calls() {
        let answer = ask(&lab.service, method, path, &bearer(&admin.secret), body.as_ref()).await;
        assert_eq!(answer.status(), 200, "{path}: {answer:?}");
    }
}

#[tokio::test]
async fn a_key_for_namespaces_sees_and_redelivers_only_the_deliveries_of_these() {
    let (state, receiver) = (Folder::new(), Receiver::start());
    let files = Files::new(&[("ops", &receiver, "")]);
    let file = files.path("webhooks");
    let [all, team] = [keygen("all", "admin", "*").await, keygen("team", "admin", "team-a").await];
    let lab = with_keys(&[&all, &team], &settings(&state, file.to_str().unwrap())).await;
    let service = &lab.service;
    lab.cluster.put_job(old_job("zero", &running(&at(1))));
    until_known(service, &all, "/api/eks-list-history?job_name=zero").await;
    complete(&lab.cluster, "team-a", "ours");
    complete(&lab.cluster, "team-b", "theirs");
    let deliveries = until_delivered(service, &all, 2).await;
    let own = until_delivered(service, &team, 1).await;
    assert_eq!((&own[0]["job_name"], &own[0]["namespace"]), (&json!("ours"), &json!("team-a")));
    let of_theirs = deliveries.iter().find(|one| one["job_name"] == "theirs").unwrap()["delivery_id"].clone();
    let listed = get(service, &team, LIST).await.expect_status(200);
    assert!(!listed.text().contains("team-b"), "{}", listed.text());
    assert_eq!(listed.json()["webhooks"][0]["webhook"], "ops", "all endpoints are shown");

    let since = json!({ "webhook": "ops", "since": SINCE });
    let refused = post(service, &team, REDELIVER, &json!({ "delivery_id": of_theirs })).await;
    crate::calls::problem(&refused, 404, "delivery_not_found");
    for (key, body, count) in [(&team, &since, 1), (&all, &since, 2), (&all, &json!({ "delivery_id": of_theirs }), 1)] {
        let reply = post(service, key, REDELIVER, body).await.expect_status(200);
        assert_eq!(reply.json(), json!({ "redelivered": count }), "{body}");
        until_delivered(service, &all, 2).await;
    }
}

#[tokio::test]
async fn a_key_for_a_cluster_sees_only_the_deliveries_of_this() {
    let (state, receiver) = (Folder::new(), Receiver::start());
    let files = Files::new(&[("ops", &receiver, "")]);
    let file = files.path("webhooks");
    let of = async |name: &str, clusters: &str| keygen_with(name, "admin", "*", &["--clusters", clusters]).await;
    let (all, only_b, default) = (of("all", "*").await, of("only-b", "b").await, keygen("default", "admin", "*").await);
    let clusters = Clusters::start(&["a", "b"]).await;
    let auth = [("EKS_API_AUTH", "api-key"), ("EKS_API_KEYS_FILE", "keys")];
    let builder = clusters.builder(BINARY).envs(&auth).envs(&settings(&state, file.to_str().unwrap()));
    let service = builder.file("keys", &crate::access::file(&[&all, &only_b, &default])).start().await;
    service.ready().await;
    for name in ["a", "b"] {
        clusters.stub(name).put_job(old_job("zero", &running(&at(1))));
        until_known(&service, &all, &format!("/api/eks-list-history?cluster={name}&job_name=zero")).await;
        complete(clusters.stub(name), "default", &format!("in-{name}"));
    }
    until_delivered(&service, &all, 2).await;
    for (key, name) in [(&only_b, "b"), (&default, "a")] {
        let own = until_delivered(&service, key, 1).await;
        assert_eq!((&own[0]["cluster"], &own[0]["job_name"]), (&json!(name), &json!(format!("in-{name}"))));
        let since = json!({ "webhook": "ops", "since": SINCE });
        let reply = post(&service, key, REDELIVER, &since).await.expect_status(200);
        assert_eq!(reply.json()["redelivered"], 1);
        get(&service, key, LIST).await.expect_status(200);
        let test = service.send("POST", TEST, &[("x-api-key", key.secret.as_str())], "").await;
        assert_eq!(test.expect_status(200).json()["delivered"], true);
    }
}

/// What a user is told of a call.
async fn as_user(lab: &Lab, token: &str, (method, path, body): &(&str, &str, Option<Value>)) -> (u16, String, String) {
    told(&ask(&lab.service, method, path, &bearer(token), body.as_ref()).await)
}

#[tokio::test]
async fn with_tokens_the_default_cluster_decides_by_the_path_and_the_verb_of_each_call() {
    let (state, receiver) = (Folder::new(), Receiver::start());
    let files = Files::new(&[("ops", &receiver, "")]);
    let file = files.path("webhooks");
    let lab = with_users(&settings(&state, file.to_str().unwrap())).await;
    lab.cluster.allow_user("bob", Right::to(&["*"], "jobs"));
    let operations = ["list_webhooks", "list_deliveries", "redeliver", "test_webhook"];
    for (call, operation) in calls().iter().zip(operations) {
        let (status, reason, detail) = as_user(&lab, BOB, call).await;
        assert_eq!((status, reason.as_str()), (403, "Forbidden"), "{operation}");
        let path = format!("/eks-api/{operation}");
        assert!(detail.contains(&path) && detail.contains("nonResourceURLs"), "{detail}");
        let (verb, other) = if call.0 == "GET" { ("get", "post") } else { ("post", "get") };
        for (verb, is_right) in [(other, false), (verb, true)] {
            let token = format!("{operation}-{verb}.cluster-token");
            lab.cluster.accept_token(&token, &token);
            lab.cluster.allow_user(&token, Right::to(&[verb], &path));
            let answer = ask(&lab.service, call.0, call.1, &bearer(&token), call.2.as_ref()).await;
            let status = answer.status();
            assert_eq!(status == 200 || status == 503, is_right, "{operation} {verb}: {answer:?}");
        }
        assert_ne!(as_user(&lab, ALICE, call).await.0, 403, "{operation}");
    }
}

#[tokio::test]
async fn a_caller_who_may_not_create_jobs_learns_no_name_of_a_webhook() {
    let (state, receiver) = (Folder::new(), Receiver::start());
    let files = Files::new(&[("ops", &receiver, "")]);
    let file = files.path("webhooks");
    let lab = with_users(&settings(&state, file.to_str().unwrap())).await;
    lab.cluster.allow_user("bob", Right::to(&["get"], "jobs"));
    let call = |path, body: Value| ("POST", path, Some(body));
    for name in ["ops", "nobody"] {
        for call in [
            call(CREATE_JOB, json!({ "job_manifest": manifest("etl"), "notify": [name] })),
            call(CREATE_JOB, json!({ "template": { "cron_job": "etl" }, "notify": [name] })),
            call("/api/eks-create-batch", json!({ "job_manifest": nameless(), "jobs": [{}], "notify": [name] })),
        ] {
            let (status, reason, detail) = as_user(&lab, BOB, &call).await;
            assert_eq!((status, reason.as_str()), (403, "Forbidden"), "{call:?}: {detail}");
        }
    }
    let unknown = call(CREATE_JOB, json!({ "job_manifest": manifest("etl"), "notify": ["nobody"] }));
    assert_eq!(as_user(&lab, ALICE, &unknown).await.0, 422);
}
