//! The clusters of a key: without `clusters=` the default only. No answer tells which other clusters exist.

use eks_api::api::routes::Route;
use serde_json::{Value, json};

use super::{BOTH, HELLO, Lab, since, to};
use crate::access::{batch_in, job_in};
use crate::given::BINARY;
use crate::support::service::{Reply, run};

/// A key, and its line for the file.
struct Key {
    secret: String,
    line: String,
}

async fn keygen(name: &str, clusters: Option<&str>) -> Key {
    let mut arguments = vec!["keygen", name, "--role", "admin", "--namespaces", "*"];
    arguments.extend(clusters.into_iter().flat_map(|clusters| ["--clusters", clusters]));
    let output = run(BINARY, &arguments, &[]).await;
    let [secret, line] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap().trim().to_owned());
    Key { secret, line }
}

fn file(keys: &[&Key]) -> String {
    keys.iter().flat_map(|key| [&key.line, "\n"]).collect()
}

/// A lab with a key for the default cluster, for `b`, for both by name, and for all.
async fn lab(environment: &[(&str, &str)]) -> (Lab, [Key; 4]) {
    let keys = [
        keygen("default", None).await,
        keygen("only-b", Some("b")).await,
        keygen("named", Some("a,b")).await,
        keygen("all", Some("*")).await,
    ];
    let lab = Lab::with_file(environment, Some(&file(&keys.each_ref()))).await;
    (lab, keys)
}

async fn send(lab: &Lab, key: &Key, method: &str, path: &str, body: &str) -> Reply {
    let mut headers = vec![("x-api-key", key.secret.as_str())];
    if !body.is_empty() {
        headers.push(("content-type", "application/json"));
    }
    lab.service.send(method, path, &headers, body.to_owned()).await
}

async fn get(lab: &Lab, key: &Key, path: &str) -> Reply {
    send(lab, key, "GET", path, "").await
}

const REFUSED: (u16, &str) = (403, "cluster_not_allowed");
const UNKNOWN: (u16, &str) = (404, "cluster_not_found");
const SERVED: (u16, &str) = (200, "");

#[tokio::test]
async fn a_key_is_for_the_default_cluster_or_for_those_that_its_line_names() {
    let (lab, keys) = lab(&[]).await;
    let paths = [HELLO.to_owned(), to(HELLO, "a"), to(HELLO, "b"), to(HELLO, "nowhere")];
    for (key, expected) in keys.iter().zip([
        [SERVED, SERVED, REFUSED, REFUSED],
        [REFUSED, REFUSED, SERVED, REFUSED],
        [SERVED, SERVED, SERVED, REFUSED],
        [SERVED, SERVED, SERVED, UNKNOWN],
    ]) {
        for (path, (status, reason)) in paths.iter().zip(expected) {
            let reply = get(&lab, key, path).await;
            let why = reply.json()["reason"].as_str().unwrap_or_default().to_owned();
            assert_eq!((reply.status.as_u16(), &*why), (status, if status == 200 { &*why } else { reason }), "{path}");
            if status == 200 {
                assert_eq!(reply.json()["cluster"], if path.ends_with("=b") { "b" } else { "a" });
            }
        }
        // The cluster of a body needs the same right, and the refused call reaches no cluster.
        for (name, (status, reason)) in ["a", "b", "nowhere"].into_iter().zip(&expected[1..]) {
            let before = BOTH.map(|name| lab.clusters.stub(name).requests().len());
            let mut body = job_in("team-a", "made");
            body["cluster"] = json!(name);
            let reply = send(&lab, key, "POST", "/api/eks-create-job", &body.to_string()).await;
            if *status == 200 {
                assert!([201, 409].contains(&reply.status.as_u16()), "{}", reply.text());
                continue;
            }
            assert_eq!(super::problem(&reply), (*status, (*reason).to_owned()));
            for (name, before) in BOTH.into_iter().zip(before) {
                assert!(since(lab.clusters.stub(name), before).is_empty());
            }
        }
    }
}

#[tokio::test]
async fn every_call_checks_the_clusters_of_the_key_first() {
    let (lab, [default, only_b, ..]) = lab(&[]).await;
    let before = BOTH.map(|name| lab.clusters.stub(name).requests().len());
    for route in Route::ALL.into_iter().filter(|route| route.parameters().contains(&"cluster")) {
        for (key, path) in [(&default, to(route.path(), "b")), (&only_b, to(route.path(), "a"))] {
            let reply = send(&lab, key, route.method().as_str(), &path, "").await;
            assert_eq!(super::problem(&reply), (REFUSED.0, REFUSED.1.to_owned()), "{route:?}");
        }
        // Without a name the call is for the default cluster. POST may name another in its body.
        if ![Route::ListClusters, Route::ListAudit].contains(&route) {
            let body = match route {
                Route::CreateJob => job_in("team-a", "made").to_string(),
                Route::CreateBatch => batch_in("team-a").to_string(),
                _ => String::new(),
            };
            let reply = send(&lab, &only_b, route.method().as_str(), route.path(), &body).await;
            assert_eq!(super::problem(&reply), (REFUSED.0, REFUSED.1.to_owned()), "{route:?}");
        }
    }
    for (name, before) in BOTH.into_iter().zip(before) {
        let seen = since(lab.clusters.stub(name), before);
        assert!(seen.is_empty(), "{seen:?}");
    }
}

/// The whole reply, without its id, its time and the cluster's name that the caller sent.
fn shown(reply: &Reply, name: &str) -> (u16, Vec<(String, String)>, String) {
    let id = reply.header("x-request-id").unwrap();
    let headers = reply.headers.iter().filter(|(header, _)| !["x-request-id", "date"].contains(&header.as_str()));
    let headers = headers.map(|(header, value)| (header.to_string(), value.to_str().unwrap().to_owned())).collect();
    let text = reply.text().replace(id, "ID").replace(&format!("the cluster {name};"), "the cluster NAME;");
    (reply.status.as_u16(), headers, text)
}

#[tokio::test]
async fn the_answer_for_a_forbidden_cluster_is_that_for_an_unknown_one() {
    // The rest of the caller's limit is part of the answer. The limit refills too fast to tell time.
    let (lab, [default, only_b, ..]) =
        lab(&[("EKS_API_PEER_RATE_LIMIT", "off"), ("EKS_API_RATE_LIMIT", "500000")]).await;
    for (key, forbidden) in [(&default, "b"), (&only_b, "a")] {
        for (method, path, body) in [
            ("GET", to(HELLO, "NAME"), Value::Null),
            ("DELETE", to("/api/eks-delete-job?job_name=hello", "NAME"), Value::Null),
            ("POST", to("/api/eks-create-namespace", "NAME"), Value::Null),
            ("POST", "/api/eks-create-namespace".to_owned(), json!({ "cluster": "NAME" })),
        ] {
            let mut replies = Vec::new();
            for name in [forbidden, "x"] {
                let body = if body.is_null() { String::new() } else { body.to_string().replace("NAME", name) };
                replies.push(shown(&send(&lab, key, method, &path.replace("NAME", name), &body).await, name));
            }
            assert_eq!(replies[0], replies[1], "{method} {path}");
            assert_eq!(replies[0].0, 403);
        }
    }
}

#[tokio::test]
async fn a_refusal_counts_alike_for_a_forbidden_cluster_and_for_an_unknown_one() {
    let (lab, [default, ..]) = lab(&[("EKS_API_RATE_LIMIT", "1")]).await;
    let status = async |name| get(&lab, &default, &to("/api/eks-list-jobs", name)).await.status.as_u16();
    // The limit may refill between two calls, so there is a second round. Two calls would fit in a limit of their own.
    let mut rounds = Vec::new();
    for _ in 0..2 {
        while status("a").await != 429 {}
        rounds.push([status("x").await, status("b").await, status("x").await]);
    }
    assert!(rounds.contains(&[429; 3]), "{rounds:?}");
}

#[tokio::test]
async fn a_key_sees_its_own_clusters_and_no_other() {
    let (lab, keys) = lab(&[]).await;
    let names = |reply: &Reply| -> Vec<String> {
        let all = reply.json()["clusters"].clone();
        all.as_array().unwrap().iter().map(|one| one["cluster"].as_str().unwrap().to_owned()).collect()
    };
    for (key, expected) in keys.iter().zip([&["a"][..], &["b"], &["a", "b"], &["a", "b"]]) {
        for path in ["/api/eks-list-clusters", "/health"] {
            let reply = get(&lab, key, path).await.expect_status(200);
            assert_eq!(names(&reply), expected, "{path}");
        }
        for name in expected {
            let reply = get(&lab, key, &to("/api/eks-list-clusters", name)).await.expect_status(200);
            assert_eq!(names(&reply), [*name]);
        }
    }
    assert!(names(&lab.service.get("/health").await).is_empty(), "without a key");
}

#[tokio::test]
async fn a_reload_of_the_keys_changes_their_clusters() {
    let (lab, [default, only_b, ..]) = lab(&[]).await;
    let line = default.line.replace("sha256=", "clusters=a,b sha256=");
    super::rewrite(&lab.service, "keys", &format!("{line}\n{}\n", only_b.line)).await;
    get(&lab, &default, &to(HELLO, "b")).await.expect_status(200);
    super::rewrite(&lab.service, "keys", &file(&[&default, &only_b])).await;
    get(&lab, &default, &to(HELLO, "b")).await.expect_status(403);
    get(&lab, &default, HELLO).await.expect_status(200);
}
