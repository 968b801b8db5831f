//! Several clusters in one service: the memory that they take, what broken ones do to another, and reloads under load.

mod isolation;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use crate::bench::{Bench, get, knows, put_jobs, request, spec, status_path};
use crate::cluster::binary;
use crate::figures::statistics::float;
use crate::generator::{Generator, Load, NUMBER, Outcome, Target};
use crate::process;
use crate::support::clusters::{Clusters, FILE};
use crate::support::service::Builder;

const CLUSTERS: usize = 16;
/// The lines that stay in the file at each reload.
const STAY: usize = 8;
/// All lines that a reload chooses from.
const LINES: usize = 20;

pub(crate) async fn run(bench: &mut Bench) {
    memory(bench).await;
    isolation::run(bench).await;
    reloads(bench).await;
}

async fn start(names: &[String], jobs: u64) -> Clusters {
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let clusters = Clusters::start(&names).await;
    for name in names {
        put_jobs(clusters.stub(name), "bench", jobs);
    }
    clusters
}

/// All clients call from one address, and faster than one is meant to.
fn builder(clusters: &Clusters) -> Builder {
    let limits = ["EKS_API_RATE_LIMIT", "EKS_API_PEER_RATE_LIMIT"].map(|name| (name, "off"));
    clusters.builder(&binary()).env("LOG_LEVEL", "INFO").envs(&limits).log_file()
}

fn create(cluster: &str) -> String {
    let manifest = json!({ "metadata": { "generateName": "made-" }, "spec": spec() });
    let body = json!({ "job_manifest": manifest, "namespace": "bench", "cluster": cluster }).to_string();
    request("POST", "/api/eks-create-job", "content-type: application/json\n", &body)
}

async fn memory(bench: &mut Bench) {
    let names: Vec<String> = (0..CLUSTERS).map(|number| format!("c-{number}")).collect();
    for jobs in [0, 1000] {
        let clusters = start(&names, jobs).await;
        let service = builder(&clusters).start().await;
        knows(&service, jobs * CLUSTERS as u64).await;
        for name in &names {
            clusters.stub(name).wait_for_watches(1).await;
        }
        let resident = float(process::resident(service.pid())) / 1e6;
        bench.report.figure(&format!("resident with 16 clusters of {jobs} jobs"), "MB", &[resident], "after the lists");
        if jobs > 0 {
            let bar = "resident with 16 clusters of 1,000 jobs at most 60 MB";
            bench.report.bar(bar, resident <= 60.0, format!("{resident:.1} MB"));
        }
    }
}

async fn reloads(bench: &mut Bench) {
    let name = |number: usize| if number < STAY { format!("stays-{number:08}") } else { format!("goes-{number}") };
    let names: Vec<String> = (0..LINES).map(name).collect();
    let clusters = start(&names, 10).await;
    let text = clusters.text();
    let lines: Vec<&str> = text.lines().collect();
    let service = builder(&clusters).file(FILE, &file(&lines, 0)).start().await;
    knows(&service, 10 * CLUSTERS as u64).await;

    let over = Arc::new(AtomicBool::new(false));
    let cluster = format!("stays-{NUMBER}");
    let read = get(&(status_path("bench", &format!("nightly-report-{NUMBER}")) + "&cluster=" + &cluster));
    let loads = [(read, 2000), (create(&cluster), 200)].map(|(request, rate)| {
        let load = Load { request, of: STAY as u64, rate: Some(rate), millis: 500, ..Load::default() };
        let (target, over) = (Target::plain(service.address()), Arc::clone(&over));
        spawn_blocking(move || go_on(&target, &load, &over))
    });
    let times = bench.pace.pick(20, 5);
    for number in 1..=times {
        std::fs::write(service.folder().join(FILE), file(&lines, number)).unwrap();
        service.signal("HUP").await;
        let log = || std::fs::read_to_string(service.folder().join("log")).unwrap();
        while log().matches("reloaded").count() < number {
            sleep(Duration::from_millis(5)).await;
        }
        assert!(!log().contains("not reloaded"), "{}", log());
        sleep(Duration::from_millis(200)).await;
    }
    over.store(true, Ordering::Relaxed);
    let (mut answered, mut failed) = (Vec::new(), Vec::new());
    for load in loads {
        let outcomes: Vec<Outcome> = load.await.unwrap();
        answered.push(outcomes.iter().map(|outcome| outcome.answered).sum::<u64>());
        failed.extend(outcomes.into_iter().flat_map(|outcome| outcome.failed));
    }
    let note = format!("{} reads, {} creates; failed: {failed:?}", answered[0], answered[1]);
    bench.report.figure("reloads of 16 clusters under load", "", &[float(times as u64)], &note);
    let calls = answered.iter().sum::<u64>();
    let failures: u64 = failed.iter().map(|(_, times)| times).sum();
    let measured = format!("{failures} of {} failed", calls + failures);
    let met = failures == 0 && answered.iter().all(|calls| *calls > 0);
    bench.report.bar("reloads of 16 clusters under load: no failed call", met, measured);
}

/// The file at this reload: each adds a line, removes one, and changes two.
fn file(lines: &[&str], number: usize) -> String {
    let goes = |place: usize| {
        let line = lines[STAY + (number + place) % (LINES - STAY)];
        if place == 3 { format!("{line} namespaces=bench\n") } else { format!("{line}\n") }
    };
    let stay = lines[..STAY].iter().map(|line| format!("{line}\n"));
    stay.chain((0..CLUSTERS - STAY).map(goes)).collect()
}

/// Goes on with a load until it is over.
fn go_on(target: &Target, load: &Load, over: &AtomicBool) -> Vec<Outcome> {
    let mut generator = Generator::start();
    let group = generator.open(target, 8).unwrap();
    let mut outcomes = Vec::new();
    while !over.load(Ordering::Relaxed) {
        outcomes.push(generator.run(group, load).unwrap());
    }
    outcomes
}
