//! Batches on the API server with its garbage collector: what takes the members, what stops a submission and what
//! completes it, and who may do what.

mod access;
mod deletion;
mod submission;

use serde_json::{Value, json};

use super::{World, manifest};
use crate::support::real::{Api, eventually};
use crate::support::service::{Reply, Service};

pub(super) use access::a_batch_is_made_with_the_callers_own_rights;
pub(super) use deletion::{
    a_batch_deleted_in_the_background_takes_its_members, a_batch_deleted_in_the_foreground_takes_its_members,
    a_member_that_comes_after_its_batch_is_gone_goes_too,
};
pub(super) use submission::{
    a_batch_is_followed_to_its_end, a_quota_stops_a_batch_and_a_higher_one_completes_it,
    an_api_server_that_is_killed_during_a_submission_doubles_nothing,
};

const BATCH: &str = "nightly";
const JSON: (&str, &str) = ("content-type", "application/json");

/// The call for a batch of so many members.
fn call(namespace: &str, size: usize) -> Value {
    let jobs: Vec<Value> =
        (0..size).map(|index| json!({ "overrides": { "env": { "N": index.to_string() } } })).collect();
    let mut manifest = manifest("", 0);
    manifest.as_object_mut().unwrap().remove("metadata");
    json!({ "namespace": namespace, "batch_name": BATCH, "job_manifest": manifest, "jobs": jobs })
}

async fn create(service: &Service, body: &Value) -> Reply {
    let headers = [JSON, ("idempotency-key", "one batch")];
    service.send("POST", "/api/eks-create-batch", &headers, body.to_string()).await
}

/// The same call until it succeeds.
async fn completed(service: &Service, body: &Value) -> Value {
    eventually("a batch that is complete", async || {
        let reply = create(service, body).await;
        let status = reply.status.as_u16();
        assert!([200, 201, 502, 503, 504].contains(&status), "{}", reply.text());
        reply.status.is_success().then(|| reply.json())
    })
    .await
}

fn at(call: &str, namespace: &str, more: &str) -> String {
    format!("/api/eks-{call}?namespace={namespace}&batch_name={BATCH}{more}")
}

async fn make_namespace(admin: &Api, namespace: &str) {
    let namespace = json!({ "metadata": { "name": namespace } });
    admin.post("/api/v1/namespaces", &namespace).await.expect_status(201);
}

/// The metadata of all jobs of a namespace, by name.
async fn jobs(admin: &Api, namespace: &str) -> Vec<Value> {
    let jobs = admin.list(&format!("/apis/batch/v1/namespaces/{namespace}/jobs")).await;
    jobs.into_iter().map(|job| job["metadata"].clone()).collect()
}

/// Panics unless there are the head and so many members that it owns, and no other job. Returns their metadata.
async fn whole(admin: &Api, namespace: &str, size: usize) -> Vec<Value> {
    let jobs = jobs(admin, namespace).await;
    let names: Vec<&str> = jobs.iter().map(|job| job["name"].as_str().unwrap()).collect();
    let members = (0..size).map(|index| format!("{BATCH}-{index:04}"));
    assert_eq!(names, std::iter::once(BATCH.to_owned()).chain(members).collect::<Vec<_>>());
    for member in &jobs[1..] {
        let owner = &member["ownerReferences"][0];
        assert_eq!((&owner["uid"], &owner["blockOwnerDeletion"]), (&jobs[0]["uid"], &json!(false)), "{member}");
    }
    jobs
}

async fn no_job(admin: &Api, namespace: &str) {
    eventually("no job", async || jobs(admin, namespace).await.is_empty().then_some(())).await;
}

/// The status of the batch as the cluster tells it, once it fits.
async fn status(world: &World, namespace: &str, fits: impl Fn(&Value) -> bool) -> Value {
    eventually("a status of the batch", async || {
        let reply = world.service.get_directly(&at("get-batch-status", namespace, "")).await.expect_status(200);
        Some(reply.json()).filter(|status| fits(status))
    })
    .await
}
