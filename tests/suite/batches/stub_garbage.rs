//! The garbage collector and the quota of the stub, held against those of a real API server.

use serde_json::{Value, json};

use crate::stub_watches::cluster;
use crate::support::recorded_body;
use crate::support::stub::StubCluster;
use crate::support::{fixture, real::Api};

const JOBS: &str = "/apis/batch/v1/namespaces/rec2/jobs";
const HEAD: &str = "/apis/batch/v1/namespaces/rec2/jobs/nightly";

fn job(name: &str, owner: Option<(&Value, bool)>) -> Value {
    let container = json!({ "name": "none", "image": "none" });
    let mut job = json!({
        "apiVersion": "batch/v1", "kind": "Job", "metadata": { "name": name },
        "spec": { "suspend": true, "template": { "spec": { "restartPolicy": "Never", "containers": [container] } } },
    });
    if let Some((owner, blocks)) = owner {
        let metadata = &owner["metadata"];
        job["metadata"]["ownerReferences"] = json!([{
            "apiVersion": "batch/v1", "kind": "Job", "name": metadata["name"], "uid": metadata["uid"],
            "blockOwnerDeletion": blocks,
        }]);
    }
    job
}

/// Creates a head with two members, and returns the head.
async fn batch(cluster: &StubCluster, api: &Api) -> Value {
    cluster.put_namespace(json!({ "metadata": { "name": "rec2" } }));
    let head = api.post(JOBS, &job("nightly", None)).await.expect_status(201).json();
    for name in ["nightly-0000", "nightly-0001"] {
        api.post(JOBS, &job(name, Some((&head, false)))).await.expect_status(201);
    }
    head
}

fn names(cluster: &StubCluster) -> Vec<String> {
    cluster.jobs("rec2").iter().map(|job| job["metadata"]["name"].as_str().unwrap().to_owned()).collect()
}

/// The types and names of the lines of a watch that concern deletions, those of one type side by side sorted.
fn told(lines: &[Value]) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let lines = lines.iter().filter(|line| !line["object"]["metadata"]["deletionTimestamp"].is_null());
    let mut told: Vec<_> = lines.map(|line| (text(&line["type"]), text(&line["object"]["metadata"]["name"]))).collect();
    told.chunk_by_mut(|a, b| a.0 == b.0).for_each(<[_]>::sort);
    told
}

#[tokio::test]
async fn a_head_that_is_deleted_in_the_foreground_goes_with_its_members_as_recorded() {
    let (cluster, api) = cluster().await;
    batch(&cluster, &api).await;
    let pod = json!({ "metadata": { "namespace": "rec2", "name": "pod" } });
    cluster.put_pod(owned_by(pod, &cluster.job("rec2", "nightly-0001").unwrap()));
    let version = cluster.resource_version();
    let mut stream = api.open(&format!("{JOBS}?watch=1&resourceVersion={version}")).await;
    let mut marked = api.delete(&format!("{HEAD}?propagationPolicy=Foreground")).await.expect_status(200).json();
    assert_eq!(names(&cluster), ["nightly-0001"], "a member goes once its pods are gone");
    cluster.settle();
    assert_eq!(names(&cluster), [""; 0]);

    let mut recorded = recorded_body("batch-head-delete");
    assert_eq!(shown(&mut marked), shown(&mut recorded));
    let mut lines = Vec::new();
    for _ in 0..6 {
        lines.push(stream.line().await);
    }
    let recorded = fixture("kubernetes-1.36/batch-watch")["response"]["lines"].take();
    assert_eq!(told(&lines), told(recorded.as_array().unwrap()));
}

fn owned_by(mut pod: Value, job: &Value) -> Value {
    let owner = json!({ "kind": "Job", "name": job["metadata"]["name"], "uid": job["metadata"]["uid"] });
    pod["metadata"]["ownerReferences"] = json!([owner]);
    pod
}

/// What the mark of a deletion adds.
fn shown(job: &mut Value) -> Value {
    let metadata = &mut job["metadata"];
    let is_told = !metadata["deletionTimestamp"].take().is_null();
    json!([is_told, metadata["deletionGracePeriodSeconds"], metadata["finalizers"], metadata["generation"]])
}

#[tokio::test]
async fn a_head_that_is_deleted_in_the_background_goes_first() {
    let (cluster, api) = cluster().await;
    batch(&cluster, &api).await;
    cluster.hold_garbage();
    api.delete(&format!("{HEAD}?propagationPolicy=Background")).await.expect_status(200);
    assert_eq!(names(&cluster), ["nightly-0000", "nightly-0001"]);
    cluster.release_garbage();
    assert_eq!(names(&cluster), [""; 0]);
}

#[tokio::test]
async fn a_collector_that_is_held_keeps_what_is_deleted_in_the_foreground() {
    let (cluster, api) = cluster().await;
    let head = batch(&cluster, &api).await;
    cluster.hold_garbage();
    api.delete(&format!("{HEAD}?propagationPolicy=Foreground")).await.expect_status(200);
    assert!(!cluster.job("rec2", "nightly").unwrap()["metadata"]["deletionTimestamp"].is_null());
    // A member that comes late is not refused.
    api.post(JOBS, &job("nightly-0002", Some((&head, false)))).await.expect_status(201);
    assert_eq!(names(&cluster).len(), 4);
    cluster.release_garbage();
    assert_eq!(names(&cluster), [""; 0]);
}

#[tokio::test]
async fn a_member_that_is_created_after_its_head_is_gone_is_deleted() {
    let (cluster, api) = cluster().await;
    let head = batch(&cluster, &api).await;
    api.delete(&format!("{HEAD}?propagationPolicy=Background")).await.expect_status(200);
    let again = api.post(JOBS, &job("nightly", None)).await.expect_status(201).json();
    let late = api.post(JOBS, &job("nightly-0009", Some((&head, false)))).await.expect_status(201).json();
    assert_eq!(late["metadata"]["name"], "nightly-0009");
    assert_eq!(names(&cluster), ["nightly"], "a head of the same name is another owner");
    api.post(JOBS, &job("nightly-0009", Some((&again, false)))).await.expect_status(201);
    assert_eq!(names(&cluster), ["nightly", "nightly-0009"]);
}

#[tokio::test]
async fn an_owner_waits_for_a_dependent_that_blocks_it() {
    let (cluster, api) = cluster().await;
    let head = batch(&cluster, &api).await;
    let blocker = api.post(JOBS, &job("blocker", Some((&head, true)))).await.expect_status(201).json();
    let pod = json!({ "metadata": { "namespace": "rec2", "name": "pod" } });
    cluster.put_pod(owned_by(pod, &blocker));
    api.delete(&format!("{HEAD}?propagationPolicy=Foreground")).await.expect_status(200);
    assert_eq!(names(&cluster), ["blocker", "nightly"]);
    cluster.settle();
    assert_eq!(names(&cluster), [""; 0]);
}

#[tokio::test]
async fn orphans_stay() {
    let (cluster, api) = cluster().await;
    batch(&cluster, &api).await;
    api.delete(&format!("{HEAD}?propagationPolicy=Orphan")).await.expect_status(200);
    assert_eq!(names(&cluster), ["nightly-0000", "nightly-0001"]);
    assert_eq!(cluster.job("rec2", "nightly-0000").unwrap()["metadata"]["ownerReferences"], json!([]));
}

#[tokio::test]
async fn a_quota_refuses_what_is_beyond_it() {
    let (cluster, api) = cluster().await;
    batch(&cluster, &api).await;
    cluster.set_quota("rec2", Some(4));
    api.post(JOBS, &job("fits", None)).await.expect_status(201);
    for name in ["beyond", "nightly"] {
        let refused = api.post(JOBS, &job(name, None)).await.expect_status(403).json();
        let message = format!(
            "jobs.batch \"{name}\" is forbidden: exceeded quota: jobs, requested: count/jobs.batch=1, used: \
             count/jobs.batch=4, limited: count/jobs.batch=4"
        );
        assert_eq!(refused["message"], message, "a quota is looked at before the name");
    }
    cluster.set_quota("rec2", Some(5));
    api.post(JOBS, &job("beyond", None)).await.expect_status(201);
}
