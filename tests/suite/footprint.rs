//! What the binary that is shipped takes: time to start, memory after work, and a run's time and memory. Not for the debug build that the other
//! tests use, so it runs on demand, for the binary that `EKS_API_BINARY` names:
//!
//!     EKS_API_BINARY=/path/to/eks-api cargo test --test suite footprint -- --ignored --nocapture

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "it prints what it measured")]

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::Command;

use crate::client::{lively_for, manifest};
use crate::support::service::{Folder, PATIENCE, Service};
use crate::support::{Lab, builder, surroundings};

const STARTS: usize = 21;
const START_AT_MOST: Duration = Duration::from_millis(30);
const RUNS: usize = 5;
const RUN_CPU_AT_MOST: Duration = Duration::from_millis(10);
const RUN_DELAY_AT_MOST: Duration = Duration::from_millis(20);
const REQUESTS: usize = 1002;
const CLIENTS: usize = 6;
const READY_AT_MOST: u64 = 8_000_000;
/// The last statuses of 334 jobs that are gone are kept for ten minutes. 7.8 MB are pages of the binary.
const AFTER_WORK_AT_MOST: u64 = 11_000_000;

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
async fn the_service_takes_8_mb_when_ready_and_11_mb_after_1000_requests() {
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

#[tokio::test]
#[ignore = "measures the binary that EKS_API_BINARY names"]
async fn a_run_of_a_second_takes_10_ms_of_cpu_and_8_mb_and_ends_20_ms_after_its_job() {
    let (binary, folder) = (binary(), Folder::new());
    let lab = lively_for(&binary, Duration::from_secs(1), &[]).await;
    let (mut cpu, mut memory, mut delays) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..RUNS {
        let name = format!("job-{number}");
        folder.write("job.json", &manifest(&name, "true"));
        let mut command = Command::new(&binary);
        command.args(["run", "-f", "job.json", "--url", &format!("http://{}", lab.service.address())]);
        command.current_dir(folder.path()).env_clear().stderr(std::process::Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let (pid, mut stderr) = (child.id().unwrap(), BufReader::new(child.stderr.take().unwrap()));
        let mut line = String::new();
        while !line.contains("is running") {
            assert!(stderr.read_line(&mut line).await.unwrap() > 0, "{line}");
        }
        memory.push(memory_of(pid, "VmHWM:"));
        let path = format!("/api/eks-get-job-status?job_name={name}&wait=1m");
        lab.service.get(&path).await.expect_status(200);
        let known = Instant::now();
        stderr.read_to_string(&mut line).await.unwrap();
        delays.push(known.elapsed());
        // The process is not reaped yet, so its times are there.
        let times = std::fs::read_to_string(format!("/proc/{pid}/schedstat")).unwrap();
        cpu.push(Duration::from_nanos(times.split(' ').next().unwrap().parse().unwrap()));
        assert!(child.wait().await.unwrap().success(), "{line}");
    }
    delays.sort_unstable();
    println!("a run: CPU {cpu:.1?}, memory {memory:?}, end after {delays:.1?}");
    assert!(cpu.iter().all(|time| *time < RUN_CPU_AT_MOST) && memory.iter().all(|bytes| *bytes <= READY_AT_MOST));
    assert!(delays[RUNS / 2] <= RUN_DELAY_AT_MOST);
}

/// The process's resident memory in bytes.
fn resident(service: &Service) -> u64 {
    memory_of(service.pid(), "VmRSS:")
}

fn memory_of(pid: u32, field: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() * 1024
}
