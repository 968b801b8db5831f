//! How many jobs a second are created through the service, and how many by the same request sent straight to the API
//! server: what the service costs on top. Both on one machine, so that its own CPU time counts against it.
//!
//!     KUBEBUILDER_ASSETS=$(tests/kube-assets.sh) cargo bench --bench create
//!
//! Eight clients at a time; rounds of both kinds alternate within one run, so that both see the same machine and an
//! etcd that fills at the same pace. `EKS_API_BINARY` names another binary of the service than the one just built.
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
const JOBS_A_ROUND: usize = 400;
const ROUNDS: usize = 12;
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

/// The manifest with all that the service adds to it.
fn sent_by_the_service(name: &str) -> String {
    let mut manifest = manifest(name);
    manifest["apiVersion"] = json!("batch/v1");
    manifest["kind"] = json!("Job");
    manifest["metadata"]["namespace"] = json!("bench");
    manifest["metadata"]["labels"] = json!({ "team": "bench", "app": "eks-api", "job-id": name });
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
    let rule = json!({ "verbs": ["create"], "apiGroups": ["batch"], "resources": ["jobs"] });
    cluster.allow(SERVICE, vec![rule]).await;
    let namespace = json!({ "metadata": { "name": "bench" } });
    cluster.admin.post("/api/v1/namespaces", &namespace).await.expect_status(201);
    let aws = cluster.aws().await;
    let service = builder(&binary, &aws).env("LOG_LEVEL", "INFO").start().await;
    service.ready().await;

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

    for way in [&http1, &http2, &through] {
        round(way, JOBS_A_ROUND).await; // warms up
    }
    let (mut first, mut second) = (Duration::ZERO, Duration::ZERO);
    for _ in 0..3 {
        first += round(&http1, JOBS_A_ROUND).await;
        second += round(&http2, JOBS_A_ROUND).await;
    }
    let (name, direct) = if first < second { ("HTTP/1.1", http1) } else { ("HTTP/2", http2) };
    println!(
        "direct by HTTP/1.1 {:6.1}/s, by HTTP/2 {:6.1}/s",
        rate(3 * JOBS_A_ROUND, first),
        rate(3 * JOBS_A_ROUND, second)
    );

    let (mut direct_took, mut through_took) = (Duration::ZERO, Duration::ZERO);
    let mut ratios = Vec::new();
    for number in 0..ROUNDS {
        // Each goes first as often as the other.
        let (direct_round, through_round) = if number % 2 == 0 {
            let direct = round(&direct, JOBS_A_ROUND).await;
            (direct, round(&through, JOBS_A_ROUND).await)
        } else {
            let through = round(&through, JOBS_A_ROUND).await;
            (round(&direct, JOBS_A_ROUND).await, through)
        };
        direct_took += direct_round;
        through_took += through_round;
        let ratio = direct_round.as_secs_f64() / through_round.as_secs_f64();
        let (direct, through) = (rate(JOBS_A_ROUND, direct_round), rate(JOBS_A_ROUND, through_round));
        println!("round {number:2}: direct {direct:6.1}/s, through the service {through:6.1}/s, ratio {ratio:.3}");
        ratios.push(ratio);
    }
    ratios.sort_by(f64::total_cmp);
    let (all, ratio) = (ROUNDS * JOBS_A_ROUND, direct_took.as_secs_f64() / through_took.as_secs_f64());
    println!(
        "{CLIENTS} clients, {all} jobs each way: direct ({name}) {:.1}/s, through the service {:.1}/s",
        rate(all, direct_took),
        rate(all, through_took)
    );
    println!("ratio {ratio:.3} (median of rounds {:.3}); the bar is {BAR}", ratios[ROUNDS / 2]);
    if ratio < BAR { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
