//! What the binary that is shipped takes: time to start, and memory after work. Not for the debug build that the other
//! tests use, so it runs on demand, for the binary that `EKS_API_BINARY` names:
//!
//!     EKS_API_BINARY=/path/to/eks-api cargo test --test suite footprint -- --ignored --nocapture

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "it prints what it measured")]

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::service::{PATIENCE, Service};
use crate::support::{Lab, builder, surroundings};

const STARTS: usize = 21;
const START_AT_MOST: Duration = Duration::from_millis(30);
const REQUESTS: usize = 1002;
const CLIENTS: usize = 6;
const READY_AT_MOST: u64 = 8_000_000;
/// The last statuses of 334 jobs that are gone are kept for ten minutes.
const AFTER_WORK_AT_MOST: u64 = 10_000_000;

fn binary() -> String {
    std::env::var("EKS_API_BINARY").expect("EKS_API_BINARY must name the binary to measure")
}

#[tokio::test]
#[ignore = "measures the binary that EKS_API_BINARY names"]
async fn the_service_listens_within_30_ms() {
    let (_cluster, aws) = surroundings().await;
    let mut times = Vec::new();
    for _ in 0..STARTS {
        let started = Instant::now();
        let service = builder(&binary(), &aws).env("LOG_LEVEL", "INFO").start().await;
        times.push(started.elapsed());
        drop(service);
    }
    times.sort_unstable();
    let median = times[STARTS / 2];
    println!("listening after {median:.1?} (median of {STARTS} starts; least {:.1?})", times[0]);
    assert!(median <= START_AT_MOST, "{times:?}");
}

#[tokio::test]
#[ignore = "measures the binary that EKS_API_BINARY names"]
async fn the_service_takes_8_mb_when_ready_and_10_mb_after_1000_requests() {
    let lab = Lab::with(&binary(), &[("LOG_LEVEL", "INFO")]).await;
    let begun = resident(&lab.service);
    let client = async |client: usize| {
        for number in 0..REQUESTS / CLIENTS / 3 {
            let name = format!("job-{client}-{number}");
            let manifest = json!({ "metadata": { "name": name }, "spec": { "template": { "spec": {
                "restartPolicy": "Never", "containers": [{ "name": "c", "image": "busybox" }] } } } });
            let body = json!({ "job_manifest": manifest });
            lab.service.post("/api/eks-create-job", &body).await.expect_status(201);
            lab.service.get(&format!("/api/eks-get-job-status?job_name={name}")).await.expect_status(200);
            lab.service.delete(&format!("/api/eks-delete-job?job_name={name}")).await.expect_status(200);
        }
    };
    let work = async { tokio::join!(client(0), client(1), client(2), client(3), client(4), client(5)) };
    tokio::time::timeout(PATIENCE * 4, work).await.expect("the requests do not end");
    let ended = resident(&lab.service);
    println!("resident memory: {begun} bytes when ready, {ended} bytes after {REQUESTS} requests");
    assert!(begun <= READY_AT_MOST, "{begun} bytes are resident when ready");
    assert!(ended <= AFTER_WORK_AT_MOST, "{ended} bytes are resident");
}

/// The process's resident memory in bytes.
fn resident(service: &Service) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", service.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() * 1024
}
