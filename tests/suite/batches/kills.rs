//! `kill -9` of the service while it submits a batch: the same call completes the batch, and doubles nothing.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tokio::time::timeout;

use crate::calls::{BINARY, JOBS, nameless};
use crate::support::service::{PATIENCE, Service};
use crate::support::stub::{Fault, Gate, Kind, StubCluster};
use crate::support::{builder, surroundings};

const KILLS: u64 = 50;
const SIZE: usize = 40;

/// The uid of each job of a batch, by its name.
fn uids(cluster: &StubCluster, batch: &str) -> BTreeMap<String, String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let jobs = cluster.jobs("default").into_iter().map(|job| job["metadata"].clone());
    let jobs = jobs.filter(|metadata| text(&metadata["name"]).starts_with(batch));
    jobs.map(|metadata| (text(&metadata["name"]), text(&metadata["uid"]))).collect()
}

fn headers(batch: &str) -> [(&str, &str); 2] {
    [("content-type", "application/json"), ("idempotency-key", batch)]
}

fn body(batch: &str) -> String {
    let jobs: Vec<Value> =
        (0..SIZE).map(|index| json!({ "overrides": { "env": { "N": index.to_string() } } })).collect();
    json!({ "batch_name": batch, "job_manifest": nameless(), "jobs": jobs }).to_string()
}

/// Sends the call and kills the service once this many jobs were sent. A request that is held is on its way then.
async fn submit_and_kill(cluster: &StubCluster, service: &Service, batch: &str, sent: usize, held: Option<Kind>) {
    let before = cluster.count("POST", JOBS);
    if let Some(kind) = held {
        cluster.fault(Fault::new("POST", JOBS, kind).after(sent.saturating_sub(1)).always());
    }
    let headers = headers(batch);
    let call = service.try_send("POST", "/api/eks-create-batch", &headers, body(batch));
    let kill = async {
        cluster.wait_for("POST", JOBS, before + sent).await;
        service.signal("KILL").await;
    };
    // The call may end before the kill: then its reply is a success.
    let (reply, ()) = tokio::join!(call, kill);
    assert!(reply.is_err() || reply.unwrap().status == 201);
    cluster.clear_faults();
}

async fn kills(seeds: std::ops::Range<u64>) {
    let (cluster, aws) = surroundings().await;
    let mut service = builder(BINARY, &aws).start().await;
    for seed in seeds {
        service.ready().await;
        let mut random = fastrand::Rng::with_seed(seed);
        let batch = format!("batch-{seed}");
        let gate = Gate::new();
        let held = match random.u8(0..3) {
            0 => Some(Kind::HoldBefore(gate.clone())),
            1 => Some(Kind::HoldAfter(gate.clone())),
            _ => None,
        };
        submit_and_kill(&cluster, &service, &batch, random.usize(1..=SIZE + 1), held).await;
        let before = uids(&cluster, &batch);

        service = builder(BINARY, &aws).start().await;
        service.ready().await;
        let again = async {
            loop {
                let reply = service.send("POST", "/api/eks-create-batch", &headers(&batch), body(&batch)).await;
                if reply.status.is_success() {
                    return reply.json();
                }
            }
        };
        let reply = timeout(PATIENCE, again).await.unwrap_or_else(|_| panic!("seed {seed}: it is never completed"));
        let after = uids(&cluster, &batch);
        let members = (0..SIZE).map(|index| format!("{batch}-{index:04}"));
        let names: Vec<String> = std::iter::once(batch.clone()).chain(members).collect();
        assert!(after.keys().eq(&names), "seed {seed}: {after:?}");
        assert_eq!((&reply["size"], reply["jobs"].as_array().unwrap().len()), (&json!(SIZE), SIZE), "seed {seed}");
        // What was there before the kill is what is there now.
        assert!(before.iter().all(|(name, uid)| after[name] == *uid), "seed {seed}: {before:?} {after:?}");
        let existing = before.len().saturating_sub(1);
        assert_eq!((&reply["created"], &reply["existing"]), (&json!(SIZE - existing), &json!(existing)), "seed {seed}");
    }
}

#[tokio::test]
async fn a_service_that_is_killed_during_a_submission_leaves_a_batch_that_the_same_call_completes() {
    kills(0..KILLS / 2).await;
}

#[tokio::test]
async fn a_second_row_of_kills_leaves_batches_that_the_same_call_completes() {
    kills(KILLS / 2..KILLS).await;
}
