//! The stub's watches, held against those of a real API server: what the cache is tested with must not be kinder than
//! what it will meet.

use serde_json::{Value, json};

use crate::support::real::{Api, Stream};
use crate::support::stub::{Fault, Kind, StubCluster, StubConfig};
use crate::support::{fixture, recorded_body};

const JOBS: &str = "/apis/batch/v1/jobs";
const OURS: &str = "/apis/batch/v1/jobs?watch=1&labelSelector=app%3Deks-api&allowWatchBookmarks=true";

pub(crate) async fn cluster() -> (StubCluster, Api) {
    let cluster = StubCluster::start(StubConfig::default()).await;
    cluster.accept_any_token();
    let api = Api::new(&cluster.endpoint(), &cluster.ca_pem(), "anyone");
    (cluster, api)
}

pub(crate) fn labelled(name: &str, app: &str) -> Value {
    json!({ "metadata": { "name": name, "labels": { "app": app } }, "spec": {} })
}

/// A watch from now on.
async fn watch(cluster: &StubCluster, api: &Api) -> Stream {
    api.open(&format!("{OURS}&resourceVersion={}", cluster.resource_version())).await
}

/// The type, the name and the version of the next line.
async fn next(stream: &mut Stream) -> (String, String, String) {
    let line = stream.line().await;
    let metadata = &line["object"]["metadata"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (text(&line["type"]), text(&metadata["name"]), text(&metadata["resourceVersion"]))
}

/// The types of all members, so that two documents can be compared that differ in their values.
fn shape(value: &Value) -> Value {
    match value {
        Value::Object(members) => members.iter().map(|(name, value)| (name.clone(), shape(value))).collect(),
        Value::String(_) => json!("text"),
        other => other.clone(),
    }
}

#[tokio::test]
async fn a_watch_tells_the_life_of_a_job_with_a_real_ones_lines() {
    let (cluster, api) = cluster().await;
    let mut stream = watch(&cluster, &api).await;
    cluster.put_job(labelled("watched", "eks-api"));
    cluster.set_job_status("default", "watched", json!({ "active": 1 }));
    let changed = cluster.resource_version();
    cluster.remove_job("default", "watched");
    cluster.bookmark();

    let recorded = fixture("kubernetes-1.36/watch-life-of-a-job");
    let recorded = recorded["response"]["lines"].as_array().unwrap();
    let types = ["ADDED", "MODIFIED", "DELETED"];
    for kind in types {
        let line = stream.line().await;
        assert_eq!(line["type"], kind);
        let real = recorded.iter().find(|line| line["type"] == kind).unwrap();
        for member in ["kind", "apiVersion"] {
            assert_eq!(line["object"][member], real["object"][member]);
        }
        if kind == "DELETED" {
            assert_eq!(line["object"]["status"], json!({ "active": 1 }), "the last state");
            assert_ne!(line["object"]["metadata"]["resourceVersion"], json!(changed), "the version of the deletion");
        }
    }
    let line = stream.line().await;
    assert_eq!(shape(&line), shape(recorded.last().unwrap()));
    assert_eq!(line["object"]["metadata"]["resourceVersion"], cluster.resource_version());
}

#[tokio::test]
async fn a_watch_begins_after_the_version_it_names() {
    let (cluster, api) = cluster().await;
    cluster.put_job(labelled("before", "eks-api"));
    let version = cluster.resource_version();
    cluster.put_job(labelled("after", "eks-api"));
    let mut stream = api.open(&format!("{OURS}&resourceVersion={version}")).await;
    assert_eq!(next(&mut stream).await.1, "after");

    let mut stream = api.open(OURS).await;
    let names = [next(&mut stream).await, next(&mut stream).await].map(|(kind, name, _)| (kind, name));
    assert_eq!(names, ["after", "before"].map(|name| ("ADDED".to_owned(), name.to_owned())));
    assert_eq!(cluster.watch_opened_at(), [version, String::new()]);
}

#[tokio::test]
async fn entering_and_leaving_the_selector_is_coming_and_going() {
    let (cluster, api) = cluster().await;
    cluster.put_job(labelled("hello", "other"));
    let mut stream = watch(&cluster, &api).await;
    for app in ["eks-api", "other"] {
        cluster.change_job("default", "hello", |job| job["metadata"]["labels"]["app"] = json!(app));
    }
    cluster.remove_job("default", "hello");
    cluster.bookmark();
    let entered = stream.line().await;
    let left = stream.line().await;
    assert_eq!((&entered["type"], &left["type"]), (&json!("ADDED"), &json!("DELETED")));
    assert_eq!(left["object"]["metadata"]["labels"]["app"], "eks-api", "the last state that fits");
    assert_eq!(next(&mut stream).await.0, "BOOKMARK");
}

#[tokio::test]
async fn initial_events_end_with_a_marked_bookmark() {
    let (cluster, api) = cluster().await;
    cluster.put_job(labelled("hello", "eks-api"));
    let parameters = "&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&timeoutSeconds=0";
    let mut stream = api.open(&format!("{OURS}{parameters}")).await;
    assert_eq!(next(&mut stream).await.0, "ADDED");
    let recorded = fixture("kubernetes-1.36/watch-from-initial-events");
    assert_eq!(shape(&stream.line().await), shape(recorded["response"]["lines"].as_array().unwrap().last().unwrap()));
    stream.end().await;
}

#[tokio::test]
async fn a_version_that_is_gone_malformed_or_in_the_future() {
    let (cluster, api) = cluster().await;
    let old = cluster.resource_version();
    cluster.put_job(labelled("hello", "eks-api"));
    cluster.compact();
    let mut stream = api.open(&format!("{OURS}&resourceVersion={old}")).await;
    let line = stream.line().await;
    let recorded = fixture("kubernetes-1.36/watch-gone");
    let mut expected = recorded["response"]["lines"][0].clone();
    let message = format!("too old resource version: {old} ({})", cluster.resource_version());
    expected["object"]["message"] = json!(message);
    assert_eq!((stream.status, line), (200, expected));
    stream.end().await;

    cluster.fault(Fault::new("GET", JOBS, Kind::gone()).of_watches());
    assert_eq!(api.get(JOBS).await.status, 200, "a list is no watch");
    assert_eq!(api.open(OURS).await.status, 410);

    let bad = api.get(&format!("{JOBS}?watch=1&resourceVersion=abc")).await;
    assert_eq!((bad.status.as_u16(), bad.json()), (500, recorded_body("watch-bad-version")));

    let mut stream = api.open(&format!("{JOBS}?watch=1&resourceVersion=999999999&timeoutSeconds=0")).await;
    assert_eq!(stream.status, 200);
    stream.end().await;
}

#[tokio::test]
async fn open_watches_end_break_and_fall_silent_on_demand() {
    let (cluster, api) = cluster().await;
    let mut stream = watch(&cluster, &api).await;
    cluster.wait_for_watches(1).await;
    cluster.end_watches();
    assert_eq!(cluster.watches(), 0);
    stream.end().await;

    let mut stream = watch(&cluster, &api).await;
    cluster.break_watches();
    stream.piece().await.expect_err("a broken stream must not end properly");

    let mut stream = watch(&cluster, &api).await;
    cluster.hush_watches();
    cluster.put_job(labelled("held-back", "eks-api"));
    cluster.bookmark();
    cluster.send_to_watches("rubbish\n{\"ty");
    assert_eq!(stream.piece().await.unwrap().unwrap(), "rubbish\n{\"ty");
    cluster.unhush_watches();
    assert_eq!(next(&mut stream).await.1, "held-back");

    drop(stream);
    cluster.wait_for_no_watches().await;
}

#[tokio::test]
async fn a_watch_may_be_refused() {
    let (cluster, api) = cluster().await;
    cluster.deny("watch", "jobs");
    let refused = api.get(OURS).await.expect_status(403).json();
    assert!(refused["message"].as_str().unwrap().contains(r#"cannot watch resource "jobs""#), "{refused}");
    cluster.fault(Fault::new("GET", JOBS, Kind::too_many(7)).of_watches());
    assert_eq!(api.get(OURS).await.expect_status(429).header("retry-after"), Some("7"));
    assert_eq!(cluster.watch_opened_at(), [""; 0]);
}

#[tokio::test]
async fn watches_share_a_connection_of_http2() {
    let (cluster, _) = cluster().await;
    let api = Api::http2(&cluster.endpoint(), &cluster.ca_pem(), "anyone");
    let (mut one, mut other) = (watch(&cluster, &api).await, watch(&cluster, &api).await);
    cluster.put_job(labelled("hello", "eks-api"));
    assert_eq!((next(&mut one).await.1, next(&mut other).await.1), ("hello".into(), "hello".into()));
    cluster.end_watches();
    one.end().await;
    assert_eq!(cluster.connections(), 1);
}
