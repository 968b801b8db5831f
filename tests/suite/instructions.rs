//! How many instructions the hot paths of the binary that is shipped take, counted by callgrind: unlike times, they are the
//! same on a busy machine. They are held against the figures of tests/bench/instructions.json.
//!
//!     EKS_API_BINARY=/path/to/eks-api cargo test --test suite instructions -- --ignored --nocapture
//!
//! What a request takes is the difference of two runs, of which one has twice as many: what happens once, and the
//! counting itself, is in both.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "it prints what it counted")]

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::Command;

use crate::bench::reply::Reader;
use crate::support::service::{Folder, Service};
use crate::support::stub::StubCluster;
use crate::support::{builder, recorded_body, surroundings};

const COMMITTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bench/instructions.json");
const MARGIN: f64 = 1.10;
const REPEATS: usize = 5;
const JOBS: usize = 100;

/// The service under callgrind, and a keep-alive connection to it.
struct Counted {
    service: Service,
    cluster: StubCluster,
    stream: TcpStream,
    folder: Folder,
    dumps: usize,
}

impl Counted {
    async fn start() -> (Self, crate::support::aws::AwsMock) {
        let binary = std::env::var("EKS_API_BINARY").expect("EKS_API_BINARY must name the binary to count");
        let (cluster, aws) = surroundings().await;
        cluster.put_jobs((0..JOBS).map(|number| job(number, 0)));
        let folder = Folder::new();
        let out = format!("--callgrind-out-file={}", folder.path().join("out").display());
        let limits = ["EKS_API_RATE_LIMIT", "EKS_API_PEER_RATE_LIMIT"].map(|name| (name, "off"));
        let valgrind = ["--quiet", "--tool=callgrind", "--instr-atstart=no", &out, &binary];
        let service = builder("valgrind", &aws).envs(&limits).env("LOG_LEVEL", "INFO");
        let service = valgrind.into_iter().fold(service, crate::support::service::Builder::arg).start().await;
        service.ready().await;
        cluster.wait_for_watches(1).await;
        let stream = TcpStream::connect(service.address()).await.unwrap();
        (Self { service, cluster, stream, folder, dumps: 0 }, aws)
    }

    async fn send(&mut self, request: &str) {
        self.stream.write_all(request.as_bytes()).await.unwrap();
    }

    async fn reply(&mut self) -> u16 {
        let (mut reader, mut buffer) = (Reader::new(), Vec::new());
        loop {
            buffer.clear();
            assert_ne!(self.stream.read_buf(&mut buffer).await.unwrap(), 0, "{}", self.service.logs().join("\n"));
            if let Some(reply) = reader.feed(&buffer).unwrap() {
                return reply.status;
            }
        }
    }

    async fn ask(&self, what: &[&str]) {
        let pid = format!("--pid={}", self.service.pid());
        let output = Command::new("vgdb").arg(pid).args(what).output().await.unwrap();
        assert!(output.status.success(), "vgdb {what:?}: {output:?}");
    }

    /// What has been counted since the last time.
    async fn count(&mut self) -> u64 {
        self.dumps += 1;
        self.ask(&["dump"]).await;
        let path: PathBuf = self.folder.path().join(format!("out.{}", self.dumps));
        let dump = std::fs::read_to_string(&path).unwrap();
        let line = dump.lines().find_map(|line| line.strip_prefix("totals: ").or(line.strip_prefix("summary: ")));
        line.unwrap().trim().parse().unwrap()
    }

    /// The instructions of one of what this does so many of.
    async fn each(&mut self, many: usize, mut work: impl AsyncFnMut(&mut Self, usize)) -> u64 {
        let mut found = Vec::new();
        // What is only done at the beginning, such as growing a buffer, is done now.
        work(self, many).await;
        self.count().await;
        for _ in 0..REPEATS {
            work(self, many).await;
            let once = self.count().await;
            work(self, 2 * many).await;
            let twice = self.count().await;
            found.push(twice.saturating_sub(once) / many as u64);
        }
        found.sort_unstable();
        println!("  of {REPEATS} counts: {found:?}");
        found[REPEATS / 2]
    }
}

fn name(number: usize) -> String {
    format!("nightly-report-{number:08}")
}

/// The recorded job that ran to its end, by another name.
fn job(number: usize, version: u64) -> serde_json::Value {
    let mut job = recorded_body("job-get-complete");
    let name = name(number);
    job["metadata"]["labels"] = json!({ "app": "eks-api", "job-id": name, "version": version.to_string() });
    job["metadata"]["name"] = json!(name);
    job["metadata"]["namespace"] = json!("team-a");
    job["metadata"]["uid"] = json!(format!("8947fa7d-9237-4749-84e2-{number:012x}"));
    job["metadata"]["resourceVersion"] = json!(version.to_string());
    job
}

fn status(number: usize, more: &str, header: &str) -> String {
    let name = name(number);
    let path = format!("/api/eks-get-job-status?namespace=team-a&job_name={name}{more}");
    format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n{header}\r\n")
}

async fn cached_status(counted: &mut Counted) -> u64 {
    let work = async |counted: &mut Counted, many: usize| {
        for number in 0..many {
            counted.send(&status(number % JOBS, "", "")).await;
            assert_eq!(counted.reply().await, 200);
        }
    };
    counted.each(500, work).await
}

/// All changes come at once, as they do when there are many; that the last was taken in is told to somebody who waits.
async fn change_taken_in(counted: &mut Counted) -> u64 {
    let mut version: u64 = counted.cluster.resource_version().parse().unwrap();
    let work = async |counted: &mut Counted, many: usize| {
        let known =
            counted.service.get("/api/eks-get-job-status?namespace=team-a&job_name=nightly-report-00000000").await;
        let known = format!("if-none-match: {}\r\n", known.header("etag").unwrap());
        let mut changes = String::new();
        for number in 1..=many {
            version += 1;
            let which = if number == many { 0 } else { 1 + number % (JOBS - 1) };
            let _ = writeln!(changes, "{{\"type\":\"MODIFIED\",\"object\":{}}}", job(which, version));
        }
        counted.send(&status(0, "&wait=1m", &known)).await;
        counted.cluster.send_to_watches(changes);
        assert_eq!(counted.reply().await, 200);
    };
    counted.each(500, work).await
}

/// The whole of the service's own work, its TLS to the cluster included. What the API server does is not in it, as that is
/// another process; nor is that its watch tells of the job, as that may happen later or sooner.
async fn create(counted: &mut Counted) -> u64 {
    counted.cluster.hush_watches();
    let mut number = 0;
    let work = async |counted: &mut Counted, many: usize| {
        for _ in 0..many {
            number += 1;
            let manifest = json!({ "metadata": { "name": format!("created-{number:08}") }, "spec": { "template": {
                "spec": { "restartPolicy": "Never", "containers": [{ "name": "c", "image": "busybox" }] } } } });
            let body = json!({ "job_manifest": manifest, "namespace": "team-a" }).to_string();
            let head = "POST /api/eks-create-job HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";
            counted.send(&format!("{head}content-length: {}\r\n\r\n{body}", body.len())).await;
            assert_eq!(counted.reply().await, 201);
        }
    };
    counted.each(200, work).await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "counts the binary that EKS_API_BINARY names, and needs valgrind"]
async fn the_hot_paths_take_at_most_10_percent_more_instructions_than_committed() {
    let (mut counted, _aws) = Counted::start().await;
    counted.ask(&["instrumentation", "on"]).await;
    let mut found = BTreeMap::new();
    found.insert("cached status", cached_status(&mut counted).await);
    found.insert("change from the cluster", change_taken_in(&mut counted).await);
    found.insert("create", create(&mut counted).await);

    let committed: BTreeMap<String, u64> = serde_json::from_str(&std::fs::read_to_string(COMMITTED).unwrap()).unwrap();
    let mut more = Vec::new();
    for (name, count) in &found {
        let before = committed.get(*name).copied().unwrap_or_default();
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        let ratio = *count as f64 / before as f64;
        println!("{name}: {count} instructions, {before} are committed: {ratio:.3}");
        if ratio > MARGIN {
            more.push(format!("{name} ({ratio:.3} times)"));
        }
    }
    println!("as tests/bench/instructions.json has them:\n{}", serde_json::to_string_pretty(&found).unwrap());
    assert!(
        more.is_empty(),
        "These take over 10 % more instructions than tests/bench/instructions.json says: {}. Take out what the change added \
         (callgrind_annotate shows where it is), or, if it is worth that, put the new figure there and say in the same \
         commit's message what it buys. docs/PERFORMANCE.md has more of it.",
        more.join(", ")
    );
}
