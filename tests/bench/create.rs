//! How many jobs a second are created through the service, and how many by the same request sent straight to the API
//! server: what the service costs on top. Both on one machine, so that its own CPU time counts against it, that of
//! following the jobs live included.
//!
//!     KUBEBUILDER_ASSETS=$(tests/kube-assets.sh) cargo bench --bench create
//!
//! Eight clients at a time; short rounds alternate within one run, so that all ways see the same machine and an
//! etcd that fills at the same pace. The direct way is measured by HTTP/1.1 and by HTTP/2, and the faster one counts. `EKS_API_BINARY` names another binary of the service than the one just built.
//! Ends with 1 if the service keeps less than 0.9 of the direct rate.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "it prints what it measured, and panics if it cannot")]

#[path = "../support/mod.rs"]
mod support;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use support::builder;
use support::real::{Api, ControlPlane, SERVICE, assets};
use support::service::run;

const BINARY: &str = env!("CARGO_BIN_EXE_eks-api");
const CLIENTS: usize = 8;
const WARM_UP: usize = 400;
/// Short rounds, and many: what else the machine does falls on all ways alike.
const JOBS_A_ROUND: usize = 80;
const ROUNDS: usize = 60;
const BAR: f64 = 0.9;
/// The service's token is looked at once, and so is ours: what is measured is not the webhook.
const TOKEN_TTL: Duration = Duration::from_mins(10);

/// One of the ways to create a job.
#[derive(Clone)]
enum Way {
    Direct(Api),
    Service { client: Client<HttpConnector, Full<Bytes>>, url: String },
}

impl Way {
    async fn create(&self, name: &str) {
        let status = match self {
            Self::Direct(api) => {
                const PATH: &str = "/apis/batch/v1/namespaces/bench/jobs?fieldValidation=Strict";
                api.send("POST", PATH, "application/json", sent_by_the_service(name)).await.unwrap().status
            }
            Self::Service { client, url } => {
                let body = json!({ "job_manifest": manifest(name), "namespace": "bench" }).to_string();
                let request = Request::post(url).header("content-type", "application/json");
                let reply = client.request(request.body(Full::new(Bytes::from(body))).unwrap()).await.unwrap();
                let (head, body) = reply.into_parts();
                body.collect().await.unwrap();
                head.status
            }
        };
        assert_eq!(status, 201, "{name}");
    }
}

fn manifest(name: &str) -> Value {
    json!({ "metadata": { "name": name, "labels": { "team": "bench" } }, "spec": { "backoffLimit": 0, "template": {
        "spec": { "restartPolicy": "Never", "containers": [{ "name": "c", "image": "busybox",
            "command": ["sh", "-c", "echo hello"], "env": [{ "name": "INPUT", "value": "s3://bucket/key" }],
            "resources": { "requests": { "cpu": "100m", "memory": "64Mi" } } }] } } } })
}

/// The manifest with all that the service adds to it, but for a label of as many bytes that is not the service's own:
/// else its watch would tell it of these jobs too, and what that costs would slow the direct way down.
fn sent_by_the_service(name: &str) -> String {
    let mut manifest = manifest(name);
    manifest["apiVersion"] = json!("batch/v1");
    manifest["kind"] = json!("Job");
    manifest["metadata"]["namespace"] = json!("bench");
    manifest["metadata"]["labels"] = json!({ "team": "bench", "app": "another", "job-id": name });
    let id = "0123456789abcdef0123456789abcdef";
    manifest["metadata"]["annotations"] = json!({ "eks-api/request-id": id, "eks-api/create-id": id });
    manifest.to_string()
}

/// Creates this many jobs, and returns how long that took.
async fn round(way: &Way, jobs: usize) -> Duration {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let left = Arc::new(AtomicUsize::new(jobs));
    let mut clients = JoinSet::new();
    let started = Instant::now();
    for _ in 0..CLIENTS {
        let (way, left) = (way.clone(), Arc::clone(&left));
        clients.spawn(async move {
            while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok() {
                way.create(&format!("job-{}", NEXT.fetch_add(1, Ordering::Relaxed))).await;
            }
        });
    }
    while let Some(client) = clients.join_next().await {
        client.unwrap();
    }
    started.elapsed()
}

#[expect(clippy::cast_precision_loss, reason = "a few thousand")]
fn rate(jobs: usize, took: Duration) -> f64 {
    jobs as f64 / took.as_secs_f64()
}

#[tokio::main]
async fn main() -> ExitCode {
    let Some(assets) = assets() else {
        println!("create: skipped; to run it: KUBEBUILDER_ASSETS=$(tests/kube-assets.sh) cargo bench --bench create");
        return ExitCode::SUCCESS;
    };
    let binary = std::env::var("EKS_API_BINARY").unwrap_or_else(|_| BINARY.to_owned());
    let cluster = ControlPlane::start(&assets, TOKEN_TTL).await;
    let rule = json!({ "verbs": ["create", "list", "watch"], "apiGroups": ["batch"], "resources": ["jobs"] });
    cluster.allow(SERVICE, vec![rule]).await;
    let namespace = json!({ "metadata": { "name": "bench" } });
    cluster.admin.post("/api/v1/namespaces", &namespace).await.expect_status(201);
    let aws = cluster.aws().await;
    let service = builder(&binary, &aws).env("LOG_LEVEL", "INFO").start().await;
    service.ready().await;
    let health = service.get("/health").await.expect_status(200).json();
    assert_eq!(health["checks"]["watch"]["status"], "passed", "it follows the jobs, as the one that people run does");

    // The direct client is the same identity, by the same kind of token.
    let url = aws.url();
    let environment = [
        ("EKS_CLUSTER_NAME", "lab"),
        ("EKS_REGION", "us-east-1"),
        ("AWS_ENDPOINT_URL_EKS", &url),
        ("AWS_ACCESS_KEY_ID", "AKIALABSTATIC0000001"),
        ("AWS_SECRET_ACCESS_KEY", "lab-secret-one/with+chars"),
    ];
    let printed: Value = serde_json::from_slice(&run(&binary, &["token"], &environment).await.stdout).unwrap();
    let token = printed["status"]["token"].as_str().unwrap();
    let http1 = Way::Direct(Api::new(&cluster.endpoint(), cluster.ca_pem(), token));
    let http2 = Way::Direct(Api::http2(&cluster.endpoint(), cluster.ca_pem(), token));
    let through = Way::Service {
        client: Client::builder(TokioExecutor::new()).build_http(),
        url: format!("http://{}/api/eks-create-job", service.address()),
    };

    let mut contest = [
        Contestant::new("direct, HTTP/1.1", http1),
        Contestant::new("direct, HTTP/2", http2),
        Contestant::new("through the service", through),
    ];
    for contestant in &contest {
        round(&contestant.way, WARM_UP).await;
    }
    let cpu_before = cpu_time(service.pid());
    for number in 0..ROUNDS {
        // Each goes first as often as the others.
        for place in 0..contest.len() {
            let contestant = &mut contest[(number + place) % 3];
            let took = round(&contestant.way, JOBS_A_ROUND).await;
            contestant.rounds.push(took);
        }
    }
    let cpu = cpu_time(service.pid()).saturating_sub(cpu_before);

    let jobs = ROUNDS * JOBS_A_ROUND;
    println!("{CLIENTS} clients, {ROUNDS} rounds of {JOBS_A_ROUND} jobs each way:");
    for Contestant { name, rounds, .. } in &contest {
        println!("  {name}: {:.1}/s (median of rounds {:.1}/s)", rate(jobs, rounds.iter().sum()), median_rate(rounds));
    }
    println!(
        "  the service's CPU time: {:.0} microseconds a job",
        cpu.as_secs_f64() * 1e6 / rate(jobs, Duration::from_secs(1))
    );
    let [http1, http2, through] = contest.map(|contestant| median_rate(&contestant.rounds));
    let ratio = through / http1.max(http2);
    println!("ratio of the medians, to the faster direct way: {ratio:.3}; the bar is {BAR}");
    if ratio < BAR { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

struct Contestant {
    name: &'static str,
    way: Way,
    rounds: Vec<Duration>,
}

impl Contestant {
    const fn new(name: &'static str, way: Way) -> Self {
        Self { name, way, rounds: Vec::new() }
    }
}

/// The rate of the middle round: other work on the machine does not weigh in it.
fn median_rate(rounds: &[Duration]) -> f64 {
    let mut sorted = rounds.to_vec();
    sorted.sort_unstable();
    rate(JOBS_A_ROUND, sorted[sorted.len() / 2])
}

/// How long a process has kept a processor busy. The kernel counts it in hundredths of a second.
fn cpu_time(pid: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
    let ticks: u64 = fields[11..13].iter().map(|ticks| ticks.parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * 10)
}
