//! How fast and how small the live state is, against the bars that it is held to, all in one run:
//!
//!     cargo bench --bench live
//!
//! - reading a status from the cache, against a bare hyper server that answers with as many bytes, with 10 jobs and
//!   with 50,000
//! - what 100,000 such reads cost the API server, in requests
//! - resident memory with 50,000 jobs, and with 1,000 open waits and 1,000 event streams on top
//! - how soon a change is told to all of those, and to a single waiting caller
//!
//! The stub cluster, the load and the clients are this process; the service and the floor are processes of their own.
//! `EKS_API_BINARY` names another binary of the service than the one just built. Ends with 1 if a bar is missed.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "it prints what it measured, and panics if it cannot")]

#[path = "../../support/mod.rs"]
mod support;

mod floor;
mod load;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::task::JoinSet;

use floor::Floor;
use load::{Connection, request};
use support::service::Service;
use support::stub::StubCluster;
use support::{builder, recorded_body, surroundings};

const BINARY: &str = env!("CARGO_BIN_EXE_eks-api");
const FEW: usize = 10;
const MANY: usize = 50_000;
const CONNECTIONS: usize = 16;
const ROUND: Duration = Duration::from_millis(500);
const ROUNDS: usize = 12;
const WAITS: usize = 1000;
const STREAMS: usize = 1000;
const WAKE_UPS: usize = 300;

/// A service whose cluster has so many finished jobs, and the requests for their statuses.
struct Side {
    service: Service,
    cluster: StubCluster,
    // It answers the service's questions about the cluster for as long as it is here.
    _aws: support::aws::AwsMock,
    requests: &'static [String],
}

impl Side {
    async fn start(jobs: usize) -> Self {
        let (cluster, aws) = surroundings().await;
        cluster.put_jobs((0..jobs).map(finished));
        let binary = std::env::var("EKS_API_BINARY").unwrap_or_else(|_| BINARY.to_owned());
        let service = builder(&binary, &aws).env("LOG_LEVEL", "INFO").start().await;
        service.log_line(|line| line.contains("ready") && line.contains("endpoint")).await;
        cluster.wait_for_watches(1).await;
        let address = service.address();
        let requests = (0..jobs).map(|number| request(address, &status_path(&name(number), ""), ""));
        let requests = requests.collect::<Vec<_>>().leak();
        Self { service, cluster, _aws: aws, requests }
    }
}

fn name(number: usize) -> String {
    format!("nightly-report-{number:06}")
}

fn status_path(name: &str, more: &str) -> String {
    format!("/api/eks-get-job-status?namespace=team-a&job_name={name}{more}")
}

/// The recorded job that ran to its end, under a name and a uid of its own.
fn finished(number: usize) -> Value {
    let mut job = recorded_body("job-get-complete");
    let name = name(number);
    job["metadata"]["labels"] = json!({ "app": "eks-api", "job-id": name, "team": "a" });
    job["metadata"]["name"] = json!(name);
    job["metadata"]["namespace"] = json!("team-a");
    job["metadata"]["uid"] = json!(format!("8947fa7d-9237-4749-84e2-{number:012x}"));
    job
}

struct Bars(bool);

impl Bars {
    fn hold(&mut self, what: &str, holds: bool) {
        println!("  {} {what}", if holds { "met:   " } else { "MISSED:" });
        self.0 &= holds;
    }
}

#[tokio::main(flavor = "current_thread")]
async fn run() -> ExitCode {
    let mut bars = Bars(true);
    let few = Side::start(FEW).await;
    let begun = resident(few.service.pid());
    println!("resident with {FEW} jobs: {:.1} MB", megabytes(begun));
    let many = Side::start(MANY).await;
    let full = resident(many.service.pid());
    println!("resident with {MANY} jobs: {:.1} MB, {} bytes a job", megabytes(full), (full - begun) / MANY);
    bars.hold("50,000 jobs in at most 25 MB", full <= 25_000_000);

    rates(&few, &many, &mut bars).await;
    let many_after = resident(many.service.pid());
    println!("resident with {MANY} jobs after the reads: {:.1} MB", megabytes(many_after));
    crowd(&many, &mut bars).await;
    wake_ups(&many, &mut bars).await;
    if bars.0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn main() -> ExitCode {
    floor::serve_if_asked();
    run()
}

async fn rates(few: &Side, many: &Side, bars: &mut Bars) {
    let mut first = Connection::open(few.service.address()).await;
    first.send(&status_path(&name(0), ""), "").await;
    let (_, size) = first.reply().await;
    let floor = Floor::start(size);
    let constant: &'static [String] = vec![request(&floor.address, "/", "")].leak();
    let asked = |side: &Side| side.cluster.requests().iter().filter(|r| r.path != "/version").count();
    let asked_before = asked(few) + asked(many);
    let pids = [floor.pid(), few.service.pid(), many.service.pid()];
    let mut rounds: [Vec<f64>; 3] = Default::default();
    let mut cpu = [Duration::ZERO; 3];
    let (mut reads, mut own, mut measured) = (0.0, 0.0, Duration::ZERO);
    for number in 0..=ROUNDS {
        for place in 0..3 {
            let which = (number + place) % 3;
            let (address, requests) = match which {
                0 => (floor.address.as_str(), constant),
                1 => (few.service.address(), few.requests),
                _ => (many.service.address(), many.requests),
            };
            let (cpu_before, own_before) = (cpu_time(pids[which]), cpu_time(std::process::id()));
            let started = Instant::now();
            let rate = load::rate(address, requests, CONNECTIONS, ROUND).await;
            if which > 0 {
                reads += rate * ROUND.as_secs_f64();
            }
            // The first round warms up.
            if number > 0 {
                rounds[which].push(rate);
                measured += started.elapsed();
                cpu[which] += cpu_time(pids[which]).saturating_sub(cpu_before);
                own += cpu_time(std::process::id()).saturating_sub(own_before).as_secs_f64();
            }
        }
    }
    let asked = asked(few) + asked(many) - asked_before;
    let [floor, few, many] = rounds.map(|mut rounds| {
        rounds.sort_by(f64::total_cmp);
        (rounds[rounds.len() / 2], rounds.iter().sum::<f64>())
    });
    println!("status from the cache, {CONNECTIONS} connections, {ROUNDS} rounds of {ROUND:?}, {size} bytes:");
    for (name, (median, sum), cpu) in
        [("bare hyper", floor, cpu[0]), ("10 jobs", few, cpu[1]), ("50,000 jobs", many, cpu[2])]
    {
        let each = cpu.as_secs_f64() * 1e6 / (sum * ROUND.as_secs_f64());
        println!("  {name}: {median:.0}/s (median), {each:.1} microseconds of CPU each");
    }
    println!("  the load took {:.0} % of a core", own * 100.0 / measured.as_secs_f64());
    let (floor, few, many) = (floor.0, few.0, many.0);
    bars.hold(&format!("at least 0.80 of bare hyper with 10 jobs: {:.3}", few / floor), few / floor >= 0.80);
    bars.hold(&format!("at least 0.80 of bare hyper with 50,000 jobs: {:.3}", many / floor), many / floor >= 0.80);
    bars.hold(&format!("50,000 jobs at least 0.95 of 10: {:.3}", many / few), many / few >= 0.95);
    bars.hold(&format!("{reads:.0} reads cost the API server {asked} requests"), asked == 0 && reads >= 100_000.0);
}

/// A thousand who wait and a thousand who follow, all for one job.
async fn crowd(side: &Side, bars: &mut Bars) {
    let name = name(MANY - 1);
    let known = etag(side, &name).await;
    let before = resident(side.service.pid());
    let mut tasks = JoinSet::new();
    let (ready, mut all_ready) = tokio::sync::mpsc::channel::<()>(1);
    for _ in 0..WAITS {
        let (mut connection, ready) = (Connection::open(side.service.address()).await, ready.clone());
        connection.send(&status_path(&name, "&wait=5m"), &format!("if-none-match: {known}\r\n")).await;
        tasks.spawn(async move {
            drop(ready);
            assert_eq!(connection.reply().await.0, 200);
            Instant::now()
        });
    }
    for _ in 0..STREAMS {
        let (mut connection, ready) = (Connection::open(side.service.address()).await, ready.clone());
        connection.send(&format!("/api/eks-watch-jobs?namespace=team-a&job_name={name}"), "").await;
        tasks.spawn(async move {
            connection.read_until("snapshot-end").await;
            drop(ready);
            connection.read_until("event: modified").await;
            Instant::now()
        });
    }
    drop(ready);
    all_ready.recv().await;
    // One more, answered after all of those were read.
    assert_eq!(etag(side, &name).await, known);
    let open = resident(side.service.pid());
    let more = open.saturating_sub(before);
    println!(
        "{WAITS} waits and {STREAMS} streams: {:.1} MB more, {} bytes each",
        megabytes(more),
        more / (WAITS + STREAMS)
    );
    bars.hold("at most 25 MB more", more <= 25_000_000);
    let started = Instant::now();
    side.cluster.change_job("team-a", &name, |job| job["metadata"]["labels"]["round"] = json!("crowd"));
    let mut last = started;
    while let Some(told) = tasks.join_next().await {
        last = last.max(told.unwrap());
    }
    let took = last - started;
    println!("a change reached all {} after {:.1} ms", WAITS + STREAMS, took.as_secs_f64() * 1e3);
    bars.hold("a change reaches all within 50 ms", took <= Duration::from_millis(50));
}

/// From the moment the cluster sends the change to the moment the caller has its reply.
async fn wake_ups(side: &Side, bars: &mut Bars) {
    let name = name(MANY / 2);
    let mut connection = Connection::open(side.service.address()).await;
    let mut other = Connection::open(side.service.address()).await;
    let mut times = Vec::new();
    for number in 0..WAKE_UPS {
        let known = etag(side, &name).await;
        connection.send(&status_path(&name, "&wait=1m"), &format!("if-none-match: {known}\r\n")).await;
        // Answered after the wait has begun: the service takes them in order.
        for _ in 0..3 {
            other.send("/livez", "").await;
            other.reply().await;
        }
        let started = Instant::now();
        side.cluster.change_job("team-a", &name, |job| job["metadata"]["labels"]["round"] = json!(number.to_string()));
        assert_eq!(connection.reply().await.0, 200);
        times.push(started.elapsed());
    }
    times.sort_unstable();
    let (median, most) = (times[times.len() / 2], times[times.len() * 99 / 100]);
    println!("a waiting caller was told after {:.0} microseconds (median; p99 {:.0})", micros(median), micros(most));
    bars.hold("the median is at most 1 ms", median <= Duration::from_millis(1));
}

async fn etag(side: &Side, name: &str) -> String {
    let reply = side.service.get(&status_path(name, "")).await.expect_status(200);
    reply.header("etag").unwrap().to_owned()
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

#[expect(clippy::cast_precision_loss, reason = "megabytes")]
fn megabytes(bytes: usize) -> f64 {
    bytes as f64 / 1e6
}

/// The process's resident memory in bytes.
fn resident(pid: u32) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<usize>().unwrap() * 1024
}

/// How long a process has kept a processor busy. The kernel counts it in hundredths of a second.
fn cpu_time(pid: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
    let ticks: u64 = fields[11..13].iter().map(|ticks| ticks.parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * 10)
}
