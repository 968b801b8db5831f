//! The stub's changing of jobs by merge patches, held against that of a real API server.

use std::time::Duration;

use serde_json::{Value, json};

use crate::stub_watches::cluster;
use crate::support::real::{Api, Stream};
use crate::support::stub::{AutoRun, StubCluster, StubConfig};
use crate::support::{fixture, recorded_body};

const PAUSED: &str = "/apis/batch/v1/namespaces/rec/jobs/paused";

#[tokio::test]
async fn a_job_goes_on_as_recorded_and_its_watches_hear_of_it() {
    let (cluster, api) = cluster().await;
    cluster.put_job(recorded_body("job-get-suspended"));
    let before = cluster.job("rec", "paused").unwrap();
    let version = cluster.resource_version();
    let mut stream = api.open(&format!("/apis/batch/v1/jobs?watch=1&resourceVersion={version}")).await;

    let resume = json!({ "spec": { "suspend": false } });
    let mut resumed = api.patch(PAUSED, &resume).await.expect_status(200).json();
    let line = stream.line().await;
    assert_eq!((&line["type"], &line["object"]), (&json!("MODIFIED"), &resumed));
    assert_ne!(resumed["metadata"]["resourceVersion"], before["metadata"]["resourceVersion"]);

    // Only the version and the book of who wrote what differ from the real answer.
    let mut real = recorded_body("job-resume");
    for job in [&mut resumed, &mut real] {
        job["metadata"]["resourceVersion"].take();
        job["metadata"]["managedFields"].take();
    }
    assert_eq!(resumed, real);

    let version = cluster.resource_version();
    api.patch(PAUSED, &resume).await.expect_status(200);
    assert_eq!(cluster.resource_version(), version, "a patch that changes nothing makes no version");
}

#[tokio::test]
async fn members_are_merged_replaced_and_removed() {
    let (cluster, api) = cluster().await;
    let labels = json!({ "a": "1", "b": "2" });
    cluster.put_job(json!({ "metadata": { "namespace": "rec", "name": "paused", "labels": labels },
        "spec": { "list": [1, 2] }, "status": { "active": 1 } }));
    let patch = json!({ "metadata": { "labels": { "a": null, "c": "3" }, "annotations": { "new": "yes" } },
        "spec": { "list": [3] }, "status": { "active": 7 } });
    api.patch(PAUSED, &patch).await.expect_status(200);
    let job = cluster.job("rec", "paused").unwrap();
    assert_eq!(job["metadata"]["labels"], json!({ "b": "2", "c": "3" }));
    assert_eq!(job["metadata"]["annotations"], json!({ "new": "yes" }));
    assert_eq!((&job["spec"], &job["status"]), (&json!({ "list": [3] }), &json!({ "active": 1 })));
}

#[tokio::test]
async fn a_patch_may_be_refused() {
    let (cluster, api) = cluster().await;
    let suspend = json!({ "spec": { "suspend": true } });
    let missing = api.patch(PAUSED, &suspend).await.expect_status(404).json();
    assert_eq!(missing["message"], r#"jobs.batch "paused" not found"#);

    cluster.put_job(recorded_body("job-get-suspended"));
    let before = cluster.resource_version();
    let other = api.send("PATCH", PAUSED, "application/json-patch+json", "[]").await.unwrap();
    assert_eq!(other.expect_status(415).json()["reason"], "UnsupportedMediaType");
    let with = |metadata: Value| json!({ "metadata": metadata, "spec": { "suspend": false } });
    let conflict = api.patch(PAUSED, &with(json!({ "resourceVersion": "1" }))).await.expect_status(409).json();
    assert_eq!(conflict["reason"], "Conflict");
    api.patch(PAUSED, &with(json!({ "uid": "another" }))).await.expect_status(422);
    api.patch(PAUSED, &json!({ "spec": { "suspend": "yes" } })).await.expect_status(400);
    assert_eq!(cluster.resource_version(), before);
    api.patch(PAUSED, &with(json!({ "resourceVersion": before }))).await.expect_status(200);
}

/// Reads until a watched job has this condition, and returns the job.
async fn until_condition(stream: &mut Stream, kind: &str, status: &str) -> Value {
    loop {
        let job = stream.line().await["object"].take();
        let mut conditions = job["status"]["conditions"].as_array().into_iter().flatten();
        if conditions.any(|condition| condition["type"] == kind && condition["status"] == status) {
            return job;
        }
    }
}

#[tokio::test]
async fn the_controllers_that_the_demonstration_plays_pause_and_go_on() {
    let pace = AutoRun { pending: Duration::ZERO, running: Duration::ZERO, terminating: Duration::ZERO };
    let cluster = StubCluster::start(StubConfig { auto: Some(pace), ..StubConfig::default() }).await;
    cluster.accept_any_token();
    let api = Api::new(&cluster.endpoint(), &cluster.ca_pem(), "anyone");
    cluster.put_namespace(json!({ "metadata": { "name": "rec" } }));
    let mut stream = api.open("/apis/batch/v1/jobs?watch=1").await;

    let create = fixture("kubernetes-1.36/job-create-suspended")["request"]["body"].take();
    api.post("/apis/batch/v1/namespaces/rec/jobs", &create).await.expect_status(201);
    until_condition(&mut stream, "Suspended", "True").await;
    api.patch(PAUSED, &json!({ "spec": { "suspend": false } })).await.expect_status(200);
    until_condition(&mut stream, "Suspended", "False").await;
    let job = until_condition(&mut stream, "Complete", "True").await;
    assert_eq!(job["status"]["conditions"].as_array().unwrap().len(), 3);

    let pods = api.list("/api/v1/namespaces/rec/pods").await;
    let pod = pods[0]["metadata"]["name"].as_str().unwrap();
    let log = api.get(&format!("/api/v1/namespaces/rec/pods/{pod}/log?follow=true")).await.expect_status(200);
    assert_eq!(log.text(), "step 1 of 3\nstep 2 of 3\nstep 3 of 3\n");
}
