//! watch-jobs: how a stream begins and goes on. The rooms below have what is let through, how a reader comes back, many
//! and slow readers, and what becomes of a stream when something else fails.

mod choice;
mod coming_back;
mod crowds;
pub(crate) mod reader;
mod templates;
mod troubles;

use serde_json::{Value, json};
use tokio::task::yield_now;
use tokio::time::timeout;

use crate::calls::{create, lab, manifest};
use crate::given::status_of;
use crate::support::Lab;
use crate::support::service::{PATIENCE, Service};
use crate::support::stub::StubCluster;
use reader::{Picture, Reader};

/// The list and the watch.
const ALL_JOBS: &str = "/apis/batch/v1/jobs";

/// A job of the service's own, with this status.
fn job(namespace: &str, name: &str, status: &Value) -> Value {
    json!({ "metadata": { "namespace": namespace, "name": name, "labels": { "app": "eks-api", "job-id": name } },
        "spec": {}, "status": status })
}

fn put(cluster: &StubCluster, name: &str) {
    cluster.put_job(job("default", name, &json!({})));
}

fn running() -> Value {
    json!({ "active": 1 })
}

fn completed() -> Value {
    json!({ "succeeded": 1, "conditions": [{ "type": "Complete", "status": "True", "reason": "CompletionsReached" }] })
}

fn set(cluster: &StubCluster, name: &str, status: &Value) {
    cluster.set_job_status("default", name, status.clone());
}

/// Waits until the service knows the newest version of this job.
async fn known(lab: &Lab, name: &str) {
    let job = lab.cluster.job("default", name).unwrap();
    let known = async {
        loop {
            // Not its status: that would be read directly, and be known before all that came earlier. Nor more than the job:
            // what it takes to tell of the others would keep the service from learning of any.
            let path = format!("/api/eks-list-jobs?namespace=default&label_selector=job-id%3D{name}");
            let listed = lab.service.get(&path).await.json();
            let mut jobs = listed["jobs"].as_array().unwrap().iter();
            if jobs.any(|known| known["resource_version"] == job["metadata"]["resourceVersion"]) {
                return;
            }
            yield_now().await;
        }
    };
    timeout(PATIENCE, known).await.expect("the service does not learn of it");
}

/// What list-jobs tells, in the form that a reader keeps.
async fn listed(service: &Service, headers: &[(&str, &str)]) -> Picture {
    let (mut picture, mut next) = (Picture::new(), String::new());
    loop {
        let reply = service.send("GET", &format!("/api/eks-list-jobs?{next}"), headers, "").await.expect_status(200);
        let mut page = reply.json();
        let Value::Array(jobs) = page["jobs"].take() else { panic!("{page}") };
        picture.extend(jobs.into_iter().map(|job| (job["uid"].as_str().unwrap().to_owned(), job)));
        match page["continue"].as_str() {
            Some(token) => next = format!("continue={token}"),
            None => return picture,
        }
    }
}

fn told(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(kind, name)| ((*kind).to_owned(), (*name).to_owned())).collect()
}

#[tokio::test]
async fn an_empty_cluster_gives_the_end_of_the_snapshot_at_once() {
    let lab = lab().await;
    let mut reader = Reader::open(&lab.service, "").await;
    let first = reader.event().await;
    assert_eq!((first.kind.as_str(), first.data.as_str()), ("snapshot-end", r#"{"cluster":"lab"}"#));
    assert!(first.id.is_some());
}

#[tokio::test]
async fn a_stream_begins_with_the_jobs_that_are_there() {
    let lab = lab().await;
    for (name, status) in [("a", json!({})), ("b", running()), ("c", completed())] {
        lab.cluster.put_job(job("default", name, &status));
        known(&lab, name).await;
    }
    let mut reader = Reader::open(&lab.service, "").await;
    let first = reader.snapshot().await;
    assert_eq!(first.len(), 3);
    for event in &first {
        let (kind, name) = event.told();
        assert_eq!(kind, "added");
        assert_eq!(event.data, lab.service.get(&status_of(&name)).await.text());
    }
    assert_eq!(reader.picture, listed(&lab.service, &[]).await);
}

#[tokio::test]
async fn every_change_comes_with_an_id_and_the_status_object() {
    let lab = lab().await;
    let mut reader = Reader::open(&lab.service, "").await;
    reader.snapshot().await;
    let mut ids = vec![reader.id.clone()];
    let mut last = String::new();
    put(&lab.cluster, "hello");
    for (kind, state, next) in [
        ("added", "pending", Some(running())),
        ("modified", "running", Some(completed())),
        ("modified", "completed", None),
        ("deleted", "completed", None),
    ] {
        let event = reader.event().await;
        assert_eq!(event.told(), (kind.to_owned(), "hello".to_owned()));
        assert_eq!(event.json()["state"], state);
        if kind == "deleted" {
            assert_eq!(event.data, last, "the last that was known of it");
        } else {
            last = lab.service.get(&status_of("hello")).await.expect_status(200).text();
            assert_eq!(event.data, last);
        }
        ids.push(event.id.unwrap());
        match next {
            Some(status) => set(&lab.cluster, "hello", &status),
            None if kind == "modified" => lab.cluster.remove_job("default", "hello"),
            None => {}
        }
    }
    ids.dedup();
    assert_eq!(ids.len(), 5, "each is another: {ids:?}");
    assert!(reader.picture.is_empty());
}

#[tokio::test]
async fn a_job_that_takes_the_name_of_another_is_told_as_a_job_of_its_own() {
    let lab = lab().await;
    put(&lab.cluster, "hello");
    known(&lab, "hello").await;
    let mut reader = Reader::open(&lab.service, "").await;
    let first = reader.snapshot().await[0].json();
    lab.cluster.hush_watches();
    lab.cluster.remove_job("default", "hello");
    put(&lab.cluster, "hello");
    lab.cluster.unhush_watches();
    assert_eq!(reader.event().await.json()["uid"], first["uid"]);
    let second = reader.event().await;
    assert_eq!(second.kind, "added");
    assert_ne!(second.json()["uid"], first["uid"]);
}

#[tokio::test]
async fn own_writes_come_at_once_and_once() {
    let lab = lab().await;
    let mut reader = Reader::open(&lab.service, "").await;
    reader.snapshot().await;
    lab.cluster.hush_watches();
    create(&lab.service, &manifest("hello")).await.expect_status(201);
    assert_eq!(reader.told(1).await, told(&[("added", "hello")]));
    lab.service.delete("/api/eks-delete-job?job_name=hello&propagation_policy=Background").await.expect_status(200);
    assert_eq!(reader.told(1).await, told(&[("deleted", "hello")]));
    lab.cluster.unhush_watches();
    put(&lab.cluster, "last");
    assert_eq!(reader.told(1).await, told(&[("added", "last")]), "what the watch tells is known already");
}
