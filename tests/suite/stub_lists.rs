//! The stub's lists, held against those of a real API server.

use serde_json::{Value, json};

use crate::stub_watches::{cluster, labelled};
use crate::support::real::Api;
use crate::support::recorded_body;
use crate::support::stub::StubCluster;

const JOBS: &str = "/apis/batch/v1/namespaces/default/jobs";

fn names(list: &Value) -> Vec<&str> {
    list["items"].as_array().unwrap().iter().map(|item| item["metadata"]["name"].as_str().unwrap()).collect()
}

/// Five jobs, the first page of two of them, and the path of the second.
async fn begun(cluster: &StubCluster, api: &Api, more: &str) -> (Value, String) {
    cluster.put_jobs(["a", "b", "c", "d", "e"].map(|name| labelled(name, "eks-api")));
    let first = api.get(&format!("{JOBS}?limit=2{more}")).await.expect_status(200).json();
    let token = first["metadata"]["continue"].as_str().unwrap();
    let second = format!("{JOBS}?limit=2{more}&continue={token}");
    (first, second)
}

#[tokio::test]
async fn pages_show_the_store_as_it_was_at_the_first() {
    let (cluster, api) = cluster().await;
    let (first, second) = begun(&cluster, &api, "").await;
    assert_eq!((names(&first), &first["metadata"]["remainingItemCount"]), (vec!["a", "b"], &json!(3)));
    assert_eq!(first["items"][0].as_object().unwrap().keys().collect::<Vec<_>>(), ["metadata", "spec"]);

    cluster.put_job(labelled("bb", "eks-api"));
    cluster.remove_job("default", "d");
    let second = api.get(&second).await.expect_status(200).json();
    assert_eq!(names(&second), ["c", "d"]);
    assert_eq!(second["metadata"]["resourceVersion"], first["metadata"]["resourceVersion"]);
    assert_eq!(second["metadata"]["remainingItemCount"], 1);
    let token = second["metadata"]["continue"].as_str().unwrap();
    let last = api.get(&format!("{JOBS}?limit=2&continue={token}")).await.expect_status(200).json();
    assert_eq!(names(&last), ["e"]);
    assert_eq!(last["metadata"].as_object().unwrap().keys().collect::<Vec<_>>(), ["resourceVersion"]);
}

#[tokio::test]
async fn pages_of_a_selection_have_a_real_ones_metadata() {
    let (cluster, api) = cluster().await;
    let (first, _) = begun(&cluster, &api, "&labelSelector=app%3Deks-api").await;
    let real = recorded_body("job-list-page-1");
    let keys = |list: &Value| list["metadata"].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&first), keys(&real));
    assert_eq!((&first["kind"], &first["apiVersion"]), (&real["kind"], &real["apiVersion"]));
}

#[tokio::test]
async fn a_token_expires_and_its_successor_reads_on() {
    let (cluster, api) = cluster().await;
    let (_, second) = begun(&cluster, &api, "").await;
    cluster.expire_continues();
    cluster.remove_job("default", "c");
    let expired = api.get(&second).await.expect_status(410).json();
    assert_eq!(expired["reason"], "Expired");
    assert!(expired["message"].as_str().unwrap().starts_with("The provided continue parameter is too old "));
    let token = expired["metadata"]["continue"].as_str().unwrap();
    let rest = api.get(&format!("{JOBS}?continue={token}")).await.expect_status(200).json();
    assert_eq!(names(&rest), ["d", "e"]);

    let (_, second) = begun(&cluster, &api, "").await;
    assert_eq!(api.get(&second).await.status, 200, "a token that was given afterwards");
}

#[tokio::test]
async fn mistakes_are_told_as_by_a_real_server() {
    let (_cluster, api) = cluster().await;
    let bad = api.get(&format!("{JOBS}?limit=3&continue=garbage")).await;
    assert_eq!((bad.status.as_u16(), bad.json()), (400, recorded_body("job-list-bad-continue")));
    let bad = api.get(&format!("{JOBS}?labelSelector=a%3D%3D%3Db")).await;
    assert_eq!((bad.status.as_u16(), bad.json()), (400, recorded_body("job-list-bad-selector")));
    let mut none = api.get("/apis/batch/v1/namespaces/no-such-ns/jobs").await.expect_status(200).json();
    let mut real = recorded_body("job-list-empty-namespace");
    assert!(
        none["metadata"]["resourceVersion"].take().is_string()
            && real["metadata"]["resourceVersion"].take().is_string()
    );
    assert_eq!(none, real);
}

#[tokio::test]
async fn selectors_compare_and_know_sets() {
    let (cluster, api) = cluster().await;
    cluster.put_jobs([labelled("a", "one"), labelled("b", "two"), json!({ "metadata": { "name": "c" } })]);
    for (selector, expected) in [
        ("app=one", vec!["a"]),
        ("app!=one", vec!["b", "c"]),
        ("app in (one, two),app!=two", vec!["a"]),
        ("app notin (one,three)", vec!["b", "c"]),
        ("!app", vec!["c"]),
        ("app", vec!["a", "b"]),
    ] {
        let query = form_urlencoded::Serializer::new(String::new()).append_pair("labelSelector", selector).finish();
        let list = api.get(&format!("/apis/batch/v1/jobs?{query}")).await.expect_status(200).json();
        assert_eq!(names(&list), expected, "{selector}");
    }
}

#[tokio::test]
async fn namespaces_come_in_pages_too() {
    let (_cluster, api) = cluster().await;
    let first = api.get("/api/v1/namespaces?limit=3").await.expect_status(200).json();
    let token = first["metadata"]["continue"].as_str().unwrap();
    let last = api.get(&format!("/api/v1/namespaces?limit=3&continue={token}")).await.expect_status(200).json();
    assert_eq!(names(&first), ["default", "kube-node-lease", "kube-public"]);
    assert_eq!(names(&last), ["kube-system"]);
}
